"""Rules made ready aside: loaded, compiled, and their own examples run, before anybody relies on them.

The same for the first load and for every reload, so that a worker never restarts into rules that a reload refused.
When that happens, and what is swapped, is `turnout.service.reloader`'s.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from turnout.rules.contact import hide_contact_data
from turnout.rules.files.load import read_rules
from turnout.rules.garbage import without_collection
from turnout.rules.problems import RuleFilesError
from turnout.rules.ruleset import Ruleset
from turnout.rules.trials.examples import run_examples

__all__ = ["load_ready_rules"]


@without_collection()
def load_ready_rules(
    path: str | os.PathLike[str], *, require: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Ruleset:
    """A ruleset that can be put to work at once: every target's queue is known and every example holds.

    Raises `RulesError` with all problems.
    """
    reading = read_rules(path, environ=environ, require=require)
    # What is wrong will be logged.
    failed = run_examples(reading.rules, reading.limits, redact=hide_contact_data)
    problems = [*reading.problems, *reading.unresolved, *failed]
    if problems:
        raise RuleFilesError(problems)
    return reading.ruleset()
