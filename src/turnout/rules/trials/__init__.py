"""Trying rules: `examples` of one rule, and `tables` of tests, which are `cases`; both are run by `trial`.

`coverage` tells what they have tried, `compare` what a change of rules does to events.
"""
