"""`turnout dlq`: from a full dead-letter queue to a healthy system. One module per command.

`options` are those that several commands have.
"""

from __future__ import annotations

import click

from turnout.cli.lazy import LazyGroup

__all__ = ["dlq"]

_COMMANDS = {
    "list": "turnout.cli.dlq.list:list_letters",
    "show": "turnout.cli.dlq.show:show",
    "retry": "turnout.cli.dlq.retry:retry",
    "archive": "turnout.cli.dlq.archive:archive",
    "replay": "turnout.cli.dlq.replay:replay",
    "export": "turnout.cli.dlq.export:export",
    "report": "turnout.cli.dlq.report:report",
    "work": "turnout.cli.dlq.work:work",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, short_help="Look at dead letters, and repair what failed.")
def dlq() -> None:
    """Look at dead letters, and repair what failed.

    Letters are read from --queue (by default TURNOUT_DEAD_LETTER_QUEUE_URL), from an export (--file), or from an API
    that lists failed events (--failed-events, with TURNOUT_GENESYS_PROFILE=tutorial). To look consumes nothing.
    """
