"""Rules made ready aside: loaded, compiled, and their own examples run, before anybody relies on them.

The same for the first load and for every reload, so that a worker never restarts into rules that a reload refused.
When that happens, and what is swapped, is `turnout.service.reloader`'s.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from turnout.rules.contact import hide_contact_data
from turnout.rules.files.load import read_rules
from turnout.rules.garbage import without_collection
from turnout.rules.problems import RuleFilesError
from turnout.rules.ruleset import Ruleset
from turnout.rules.trials.examples import run_examples

__all__ = ["load_ready_rules", "refusal"]

_MOST_TOLD = 10
"""Problems that a log is told of: of more of a kind at once it holds lines back (`turnout.telemetry.logs.Repeats`)."""


@without_collection()
def load_ready_rules(path: str | os.PathLike[str], *, require: Sequence[str] = ()) -> Ruleset:
    """A ruleset that can be put to work at once: every target's queue is known and every example holds.

    Raises `RulesError` with all problems.
    """
    reading = read_rules(path, require=require)
    # What is wrong will be logged.
    failed = run_examples(reading.rules, reading.limits, redact=hide_contact_data)
    problems = [*reading.problems, *reading.unresolved, *failed]
    if problems:
        raise RuleFilesError(problems)
    return reading.ruleset()


def refusal(problems: Sequence[str], path: str | os.PathLike[str]) -> tuple[Sequence[str], str]:
    """What a log says of rules that a reload refused: the first problems, and how many there are if they are several.

    The second is empty or goes on from a sentence: with a colon, and what to do to see them all.
    """
    if len(problems) < 2:
        return problems, ""
    check = shlex.join(["turnout", "check", "--rules", os.fspath(path)])
    return problems[:_MOST_TOLD], f": {len(problems):,} problems in all, which `{check}` shows"
