"""Turnout as Lambda functions: the same rules, pipeline and letters, called by AWS instead of polling.

One module per entry point (`router`, `recovery`, `steps`), and what they share: `container` (what outlives a call),
`events` (what Lambda passes), `log`, `source` (a batch in the place of a queue).
"""
