"""Every command that a page names exists, with the options that are shown, and so does every setting."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from turnout.cli.commands import turnout
from turnout.variables import known_variables

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_SETTING = re.compile(r"\bTURNOUT_[A-Z_]+[A-Z]")
_COMMAND = re.compile(r"(?:`|^(?:   )?\$ |^    |\| |; )turnout ([a-z][^`\n|>]*)", re.MULTILINE)


def test_commands_are_found() -> None:
    assert sum(len(_COMMAND.findall(path.read_text(encoding="utf-8"))) for path in PAGES) > 100


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_exist_with_the_options_that_are_shown(path: Path) -> None:
    for line in _COMMAND.findall(path.read_text(encoding="utf-8")):
        words = re.split(r"\s+", line.strip())
        command: click.Command = turnout
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(click.Context(command), words.pop(0).strip('"),.;'))
            assert found is not None, line
            command = found
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        given = {re.split("[=,;)]", word)[0] for word in words if re.match("--[a-z]", word)}
        assert given <= known, line


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_settings_that_a_page_names_exist(path: Path) -> None:
    assert set(_SETTING.findall(path.read_text(encoding="utf-8"))) <= known_variables()


def test_every_setting_stands_on_some_page() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in PAGES[1:])
    between_processes = {"TURNOUT_PULSE_FD"}
    assert known_variables() - between_processes <= set(_SETTING.findall(pages))
