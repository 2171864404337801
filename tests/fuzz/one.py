"""`python -m tests.fuzz.one MODULE:FUNCTION [libFuzzer's options]`: atheris fuzzes one function; it never returns.

A process of its own, because libFuzzer ends the process it runs in. Only modules of the rules are instrumented.
"""

from __future__ import annotations

import importlib
import sys

import atheris


def main() -> None:
    """Fuzz the function that the first argument names."""
    module, _, name = sys.argv.pop(1).partition(":")
    with atheris.instrument_imports(include=["turnout.rules"]):
        function = getattr(importlib.import_module(module), name)
    atheris.Setup(sys.argv, function)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
