"""Many letters, one plan: what is going to be done is written down first, so that a run can be stopped and resumed.

`planning` finds out what is to do, `runner` does it at a bounded rate, `tally` counts.
"""
