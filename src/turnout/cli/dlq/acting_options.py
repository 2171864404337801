"""Options of the commands that change something: how to be careful, where to send things, where to remember."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Container, Iterator
from typing import Any, get_args

import click
import msgspec
from click.core import ParameterSource

from turnout.cli.dlq.given import GIVEN
from turnout.cli.dlq.options import Command, limit_option, with_options
from turnout.cli.environment import recovery_settings
from turnout.dlq.acts import To, ToKind
from turnout.rules.addresses import address_problem
from turnout.rules.model import Kind

__all__ = [
    "SETTINGS",
    "Care",
    "acting_options",
    "archive_options",
    "causes_option",
    "rules_option",
    "rules_options",
    "settings_given",
    "to_options",
]


class Care(msgspec.Struct, frozen=True, kw_only=True):
    """How careful a run is, as every command that changes something lets an operator say."""

    limit: int
    dry_run: bool
    yes: bool
    resume: str | None
    wait: bool
    again: bool


causes_option = click.option(
    "--causes-file", metavar="FILE", help="Rows that go before those of the table of causes.  [TURNOUT_DLQ_CAUSES]"
)
rules_option = click.option(
    "--rules",
    "rules_path",
    type=GIVEN,
    metavar="PATH",
    help="The rules, which say what targets are.  [TURNOUT_RULES]  [default: rules]",
)

_CARE = (
    limit_option,
    click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing."),
    click.option("--yes", is_flag=True, help="Do not ask."),
    click.option(
        "--resume", type=GIVEN, metavar="PLAN", help="Go on with a plan that was stopped; it knows its own letters."
    ),
    click.option(
        "--wait",
        is_flag=True,
        help="With --resume: wait, two minutes at most, for letters that a run which was killed still holds.",
    ),
    click.option(
        "--again",
        is_flag=True,
        help="Act also on letters that were dealt with before: events that an API lists anew, archives restored twice.",
    ),
    click.option("--rate", metavar="NUMBER", help="Letters a second, at most.  [TURNOUT_DLQ_RATE]  [default: 20]"),
    click.option(
        "--max-failures",
        metavar="PERCENT",
        help="Stop when more than this have failed.  [TURNOUT_DLQ_MAX_FAILURES]  [default: 20]",
    ),
    click.option(
        "--ledger",
        metavar="FILE",
        help="Where to remember what was done: a file, or dynamodb:TABLE.  [TURNOUT_DLQ_LEDGER]  "
        "[default: turnout-ledger.sqlite]",
    ),
    causes_option,
)

_ARCHIVE = (
    click.option("--bucket", metavar="NAME", help="The S3 bucket.  [TURNOUT_DLQ_ARCHIVE_BUCKET]"),
    click.option(
        "--key",
        "archive_key",
        metavar="TEMPLATE",
        help="Template of the objects' keys.  [TURNOUT_DLQ_ARCHIVE_KEY]  "
        "[default: dlq/archives/{event_type}/{code}/{event_id}-{timestamp}.json]",
    ),
    click.option(
        "--kms-key",
        metavar="ID",
        help="KMS key that encrypts; without one the bucket's own does.  [TURNOUT_DLQ_ARCHIVE_KMS_KEY]",
    ),
)

_RULES = (
    rules_option,
    click.option(
        "--instead",
        multiple=True,
        metavar="ARN=URL",
        help="Endpoint to send to in place of what an ARN names; an API destination does not tell its own; repeatable.",
    ),
)

SETTINGS = {
    "rate": "rate",
    "max_failures": "max_failures",
    "ledger": "ledger",
    "causes_file": "causes",
    "bucket": "archive_bucket",
    "archive_key": "archive_key",
    "kms_key": "archive_kms_key",
    "rules_path": "rules",
    "source_queue": "source_queue",
}
"""The settings that these options are, by the names of the options."""


_KNOWN_TO_A_PLAN = frozenset(
    {"queue", "failed_events", "file", "archived", "restore", "again"}
    | {"causes", "dispositions", "rules", "targets", "since", "until", "ids", "where"}
)


def acting_options(command: Command) -> Command:
    """`--limit`, `--dry-run`, `--yes`, `--resume`, `--wait`, `--again` become `care`, and settings `settings`.

    Apply it last (on top). A plan that is gone on with knows which letters are meant: other letters may not be named.
    """

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        settings = {setting: given.pop(option) for option, setting in SETTINGS.items() if option in given}
        care = Care(**{name: given.pop(name) for name in Care.__struct_fields__})
        if care.wait and not care.resume:
            raise click.UsageError("--wait goes with --resume: a plan knows for which letters")
        if care.resume and (known := ", ".join(option for option, _ in _given(_KNOWN_TO_A_PLAN))):
            raise click.UsageError(f"{care.resume} knows its own letters: go on with it without {known}")
        command(settings=recovery_settings(settings), care=care, **given)

    return with_options(_CARE, wrapped)


def settings_given() -> str:
    """The settings that the running command was given as options, as they are written, with a space before each.

    A plan does not remember them: whoever goes on with it has to give them again.
    """
    return "".join(f" {option} {shlex.quote(str(value))}" for option, value in _given(SETTINGS))


def _given(names: Container[str | None]) -> Iterator[tuple[str, Any]]:
    """Which of these options the running command was given: as they are written, and their values."""
    context = click.get_current_context()
    for option in context.command.params:
        if option.name in names and context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE:
            yield option.opts[0], context.params[option.name or ""]


def archive_options(command: Command) -> Command:
    """Settings of the archive."""
    return with_options(_ARCHIVE, command)


def rules_options(command: Command) -> Command:
    """`--rules` (a setting), and `--instead` as a mapping."""

    @functools.wraps(command)
    def wrapped(*, instead: tuple[str, ...], **others: Any) -> None:
        pairs = dict(pair.split("=", 1) for pair in instead if "=" in pair)
        wrong = [pair for pair in instead if "=" not in pair or "://" not in pair.split("=", 1)[1]]
        if wrong:
            raise click.UsageError(f"--instead {wrong[0]}: an ARN, an equals sign and a URL are expected")
        command(instead=pairs, **others)

    return with_options(_RULES, wrapped)


def to_options(*, replay: bool) -> Callable[[Command], Command]:
    """Where letters go, as `to`. A replay knows more places than a retry."""
    options = [
        click.option("--to-target", type=GIVEN, metavar="NAME", help="Send all to this target of the rules."),
        click.option("--to-queue", type=GIVEN, metavar="URL", help="Send all to this queue."),
        click.option(
            "--to-url",
            type=GIVEN,
            metavar="URL",
            help="Send all to this HTTP(S) endpoint, unsigned and without a client certificate, which --to-target has.",
        ),
    ]
    if replay:
        options += [
            click.option("--to-source", is_flag=True, help="Send each to the queue it came from, to be routed again."),
            click.option(
                "--to-file", type=GIVEN, metavar="FILE", help="Append all to this file, one JSON object a line."
            ),
            click.option(
                "--to-api",
                type=GIVEN,
                metavar="SUBSCRIPTION",
                help="Have the API of failed events publish them again, by their ids.",
            ),
            click.option(
                "--source-queue",
                metavar="URL",
                help="The source queue of letters that do not name theirs.  [TURNOUT_SOURCE_QUEUE_URL]",
            ),
        ]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(**given: Any) -> None:
            values = {kind: given.pop(f"to_{kind}", None) for kind in get_args(ToKind)}
            places = [To(kind, "" if value is True else value) for kind, value in values.items() if value]
            if len(places) > 1:
                raise click.UsageError("give one of the options --to-...")
            if values["url"] and (problem := address_problem(Kind.URL, values["url"])):
                raise click.UsageError(f"--to-url: this is not a url: {problem}")
            command(to=places[0] if places else To(), **given)

        return with_options(options, wrapped)

    return decorate
