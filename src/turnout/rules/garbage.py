"""Holds the garbage collector off while rules are loaded.

Loading makes objects by the hundred thousand and hardly any garbage, but every some thousand of them the collector
looks through all there are: a third of the time that 10,000 rules take. It is one switch for the whole process; what
other threads leave behind in these seconds is collected after them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_collection"]


@contextmanager
def without_collection() -> Iterator[None]:
    """Do not collect garbage meanwhile; a context manager, and so a decorator as well."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
