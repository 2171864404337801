"""Commands that do not exist: what was probably meant, or where it is."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from turnout.cli.commands import turnout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("chekc", "No such command 'chekc'; did you mean 'check'?"),
        ("rules explian", "No such command 'explian'; did you mean 'explain'?"),
        ("rules check", "No such command 'check'; it is 'turnout check'."),
        ("explain --event e.json", "No such command 'explain'; it is 'turnout rules explain'."),
        ("retry", "No such command 'retry'; it is 'turnout dlq retry'."),
        ("help", "No such command 'help'; it is 'turnout --help'."),
        ("zzz", "No such command 'zzz'."),
        ("--chekc", "No such option '--chekc'"),
    ],
)
def test_a_command_that_is_not_there_is_refused_with_the_one_that_was_meant(words: str, told: str) -> None:
    result = CliRunner().invoke(turnout, words.split())
    assert result.exit_code == 2
    assert told in result.output
