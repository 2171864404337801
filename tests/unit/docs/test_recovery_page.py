"""docs/recovery.md speaks of options, settings, words and fields that exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import msgspec
from tests.unit.recovery import letters

from turnout.cli.dlq import dlq
from turnout.dlq.settings import DlqSettings
from turnout.dlq.settings import variable as dlq_variable
from turnout.dlq.work_settings import WorkSettings, work_variable
from turnout.genesys.config import GenesysConfig
from turnout.genesys.config import variable as genesys_variable
from turnout.recovery import read_letter
from turnout.recovery.archive.key import DEFAULT_TEMPLATE, FIELDS
from turnout.recovery.causes import Disposition
from turnout.recovery.processor.effects import Told
from turnout.recovery.redaction import Redaction
from turnout.recovery.selection import LETTER_FIELDS
from turnout.recovery.view import letter_record, letter_summary
from turnout.rules.expression.paths import METADATA_FIELDS

PAGE = (Path(__file__).parents[3] / "docs" / "recovery.md").read_text()


def options(name: str) -> set[str]:
    command = dlq.get_command(click.Context(dlq), name)
    assert command is not None, f"there is no turnout dlq {name}"
    return {option for parameter in command.params for option in parameter.opts}


def test_every_option_in_the_text_exists_somewhere() -> None:
    known = set().union(*(options(name) for name in dlq.list_commands(click.Context(dlq))))
    assert set(re.findall(r"`(--[a-z-]+)", PAGE)) <= known


def test_every_setting_has_its_row_with_its_default() -> None:
    kinds = ((DlqSettings, dlq_variable), (WorkSettings, work_variable), (GenesysConfig, genesys_variable))
    defaults = {
        variable(field.name): field.default for kind, variable in kinds for field in msgspec.structs.fields(kind)
    }
    own = {name: shown(default) for name, default in defaults.items() if re.match("TURNOUT_(DLQ|GENESYS)_", name)}
    rows = re.findall(r"^\| `(TURNOUT_[A-Z_]+)` \| (?:(\S+) )?\|", PAGE[PAGE.index("\n## Settings\n") :], re.MULTILINE)
    assert dict(rows) == own


def shown(default: object) -> str:
    if isinstance(default, str):
        return f"`{default}`" if default else ""
    return f"{default:,g}" if isinstance(default, int | float) else ""


def test_every_disposition_and_every_status_that_is_told_is_explained() -> None:
    for word in (*Disposition, *Told):
        assert f"`{word.value}`" in PAGE


def test_everything_that_where_knows_of_a_letter_is_named() -> None:
    assert set(re.findall(r"`@([a-z_]+)`", PAGE)) == set(LETTER_FIELDS) - set(METADATA_FIELDS)


def test_the_layout_of_the_archive_is_the_default() -> None:
    assert f"`{DEFAULT_TEMPLATE}`" in PAGE
    for field in FIELDS:
        assert f"{{{field}}}" in PAGE


def test_the_contents_lead_to_their_sections() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.removeprefix("## ").lower()).replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("## ")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) == headings


def test_the_json_of_letters_has_the_members_that_the_page_names() -> None:
    (said,) = re.findall(r"`turnout dlq list --json` prints an object a line .+?: (.+?)\n\n", PAGE, re.DOTALL)
    listed, _, shown = said.partition("With `show --json` there are also ")
    letter, redaction = read_letter(letters.own()), Redaction({})
    summary = [*letter_summary(letter, redaction)]
    assert summary == re.findall("`(.+?)`", listed)
    more = [name for name in letter_record(letter, redaction) if name not in summary]
    assert [*more, "history"] == re.findall("`(.+?)`", shown)
