"""The standard streams, made sure of before anything else is opened."""

from __future__ import annotations

import os
import sys

__all__ = ["open_what_is_closed"]


def open_what_is_closed() -> None:
    """Open each standard stream that whoever started us has closed (`>&-`), to read and write nothing.

    Else the next connection takes its number: what is printed then goes to SQS, and the event loop, which closes no
    standard stream, aborts.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
