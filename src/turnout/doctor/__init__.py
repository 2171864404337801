"""Looks at what a deployment stands on, without changing it, and says what is wrong and what to do about it.

Asking and judging are kept apart: `asking` collects plain facts (`facts`), the other modules judge them and do no I/O.
`examine` brings the two together. How findings are printed is in `turnout.cli`.
"""
