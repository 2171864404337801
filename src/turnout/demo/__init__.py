"""The embedded demonstration: our own events, an embedded SQS-compatible server, the real worker, checked books.

`shapes` and `conversation` build realistic events, `events` mixes them into a stream with poison. `server` runs the
embedded server (in `child`), `queues` creates, fills and drains its queues. `run` plays it all while `witness` watches
the worker; then `judge` says where each event has to be and `audit` whether it is there. `report` shows the result.
Nothing here takes part in routing, and nothing outside `cli` imports it.
"""
