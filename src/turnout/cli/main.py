"""The entry point of the `turnout` command. Whatever takes long to import is imported by `main`, ready for signals."""

from __future__ import annotations

import os
import signal
import sys

from turnout.cli.exit_codes import INTERRUPTED

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name.

    Exit codes: 0 done, 1 problems found, 2 wrong usage or settings, 3 only warnings found, where they fail,
    130 ended by Ctrl-C.
    """
    if os.getpid() == 1:  # as in a container: what has no handler does not reach it, and it would work on until killed
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        from turnout.cli.commands import run_command

        run_command()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
