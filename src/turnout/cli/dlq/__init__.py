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


class _Dlq(LazyGroup):
    """Refuses what is no text, of which Python makes halves of surrogate pairs: no ledger or queue holds it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look at all arguments, also those of the command."""
        for before, argument in zip(["", *args], args, strict=False):
            if any("\ud800" <= character <= "\udfff" for character in argument):
                # Not the value, which may be a URL with keys in it.
                option = argument.partition("=")[0] if argument.startswith("--") else before
                what = f"what follows {option}" if option.startswith("--") and option.isascii() else "an argument"
                ctx.fail(f"{what} is not text in UTF-8, and so nothing that could be looked for or kept")
        return super().parse_args(ctx, args)


@click.group(cls=_Dlq, lazy=_COMMANDS, short_help="Look at dead letters, and repair what failed.")
def dlq() -> None:
    """Look at dead letters, and repair what failed.

    Letters are read from --queue (by default TURNOUT_DEAD_LETTER_QUEUE_URL), from an export (--file), from the archive
    (--archived), or from an API that lists failed events (--failed-events, with TURNOUT_GENESYS_PROFILE=tutorial). To
    look consumes nothing.
    """
