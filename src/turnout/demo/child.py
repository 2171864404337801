"""What runs in the embedded server's process: ministack, and an eye on the process that started it.

`server` starts this as `python -m turnout.demo.child` and holds the other end of standard input. When that end goes,
be it by SIGKILL, so does the server: no demonstration leaves one behind.
"""

from __future__ import annotations

import os
import threading

__all__ = ["main"]


def main() -> None:
    """Serve until told to stop, or until standard input ends."""
    threading.Thread(target=_exit_with_parent, name="parent", daemon=True).start()
    from ministack.app import main as serve

    serve()


def _exit_with_parent() -> None:
    # Not sys.stdin: its lock would be held when the interpreter shuts down.
    while os.read(0, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
