"""The entry point of the `turnout` command. Whatever takes long to import is imported by `main`, ready for Ctrl-C."""

from __future__ import annotations

import sys

__all__ = ["INTERRUPTED", "main"]

INTERRUPTED = 130
"""128 plus the number of SIGINT, as shells have it."""


def main() -> None:
    """Run the command that the arguments name.

    Exit codes: 0 done, 1 problems found, 2 wrong usage or settings, 3 only warnings found, where they fail,
    130 ended by Ctrl-C.
    """
    try:
        from turnout.cli.commands import run_command

        run_command()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
