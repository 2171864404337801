"""Remembers which targets have taken which event, so that a redelivered message is not sent to them again.

`api` is the interface, `memory` serves one process, `dynamodb` many; `keys` says what makes two messages one event.
Without a store the worker sends again whatever SQS delivers again.
"""
