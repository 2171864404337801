"""Turnout as Lambda functions: the same rules, pipeline and letters, called by AWS instead of polling.

One module per entry point: `router`, `recovery`, `steps`, `conversations`. What they share: `container` (what outlives
a call), `events` (what Lambda passes), `log` and `measuring`. `routing` does the router's work, with `source` (a batch
in the place of a queue); `recovering` and `lettersteps` that of recovery and of the steps, with `opening`, `choosing`
(what to do with a letter) and `telling` (what conversations are told).
"""
