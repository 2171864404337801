"""Trying rules: `examples` of one rule, tables of tests (`cases`), both run by `trial`, with their `coverage`.

`compare` tells what a change of rules does to events.
"""
