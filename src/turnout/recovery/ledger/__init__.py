"""Remembers what became of every letter, and the plans of commands, so that a crash loses neither.

`records` is what is remembered and how it changes, `api` the interface, `sqlite` the store of one machine, `dynamodb`
that of many workers; `opening` picks one by its address.
"""
