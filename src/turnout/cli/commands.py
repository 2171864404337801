"""The `turnout` command: finds the subcommand, turns our errors and Ctrl-C into a message and an exit code.

Subcommands are imported when they are called, so that `turnout rules match` does not pay for the AWS client.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

import click

from turnout import __version__
from turnout.cli.exit_codes import INTERRUPTED
from turnout.cli.lazy import LazyGroup
from turnout.cli.streams import open_what_is_closed
from turnout.errors import TurnoutError

__all__ = ["run_command", "turnout"]

_COMMANDS = {
    "run": "turnout.cli.run:run",
    "check": "turnout.cli.check:check",
    "rules": "turnout.cli.rules:rules",
    "dlq": "turnout.cli.dlq:dlq",
    "doctor": "turnout.cli.doctor:doctor",
    "queues": "turnout.cli.queues:queues",
    "top": "turnout.cli.top:top",
    "tail": "turnout.cli.tail:tail",
    "demo": "turnout.cli.demo:demo",
}


_ELSEWHERE = {name: f"turnout rules {name}" for name in ("match", "explain", "test", "diff", "schema")} | {
    name: f"turnout dlq {name}" for name in ("report", "retry", "replay", "archive", "work")
}
_ELSEWHERE |= {"help": "turnout --help", "version": "turnout --version"}


class _Commands(LazyGroup):
    """Ends by Ctrl-C with a code of its own: click's, 1, says that problems were found."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, its import included."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nAborted!", err=True)
            ctx.exit(INTERRUPTED)


_EPILOG = """\b
Exit codes of every command:
  0    done, nothing is wrong
  1    problems were found, or something failed
  2    wrong usage or settings, or nothing to work on
  3    only warnings were found, and --strict is given
  130  ended by Ctrl-C before it was done

\b
Completion, for what a shell reads at its start:
  bash  eval "$(_TURNOUT_COMPLETE=bash_source turnout)"
  zsh   eval "$(_TURNOUT_COMPLETE=zsh_source turnout)"
  fish  _TURNOUT_COMPLETE=fish_source turnout | source
"""


@click.group(
    cls=_Commands,
    lazy=_COMMANDS,
    elsewhere=_ELSEWHERE,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="turnout")
@click.pass_context
def turnout(ctx: click.Context) -> None:
    """Route contact-centre events from Amazon SQS to the right queues, by rules, losing none."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False  # for what click prints: rich goes by these variables of itself


_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def run_command() -> None:
    """Run the command that the arguments name; `turnout.cli.main.main` tells the exit codes."""
    open_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What the locale has no character for is shown by its number, as on standard error, and ends nothing.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        turnout.main(standalone_mode=True)
    except TurnoutError as error:
        click.echo(f"turnout: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        # tempfile's own sentence, which names all that it tried
        if error.errno == errno.ENOENT and "temporary directory" in str(error.strerror):
            click.echo(f"turnout: {error.strerror}; set TMPDIR to a directory that can be written", err=True)
            sys.exit(1)
        if error.errno not in _UNWRITABLE or error.filename is not None:
            raise
        # Else Python would try once more at its end, and complain in its own words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        click.echo(f"turnout: what is to be printed cannot be written: {error.strerror}", err=True)
        sys.exit(1)
