"""The embedded demonstration: our own events, an embedded SQS-compatible server, the real worker, checked books.

`shapes` builds one realistic event, `events` mixes them into a stream with poison, `server` runs the embedded
server, `queues` creates, fills and drains queues, `books` compares what arrived with what had to arrive, `run`
plays it all, `report` shows it. Nothing here takes part in routing; nothing outside `cli` imports it.
"""
