"""What the tests of the linter share: rules written in a line or two, and the warnings they get."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from turnout.rules.files.load import read_rules
from turnout.rules.lint import lint
from turnout.rules.problems import Problem

Written = str | dict[str, object]
"""A condition: an expression, or a pattern; or a whole rule without its id."""


def rule_text(name: str, rule: Written, **fields: object) -> str:
    if isinstance(rule, str):
        fields["when"] = rule
    else:
        fields["pattern"] = rule
    fields = {"id": name, "send": ["high"], **fields}
    return "  - " + json.dumps(fields) + "\n"


def warnings_of(text: str) -> list[Problem]:
    """The warnings about a rule file that has no errors."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "rules.yaml"
        path.write_text(text, encoding="utf-8")
        reading = read_rules(path, environ={}, keep_patterns=True)
    assert not reading.problems, reading.problems
    return list(lint(reading))


def file_of(*rules: str, targets: str = "{high: {queue: high}}") -> str:
    return f"targets: {targets}\nunmatched: drop\nrules:\n" + "".join(rules)


def warned(condition: Written, code: str, **fields: object) -> list[Problem]:
    """The warnings with this code about one rule."""
    return [found for found in warnings_of(file_of(rule_text("r", condition, **fields))) if found.code == code]


def marked(found: Problem) -> str:
    """What the caret underlines."""
    return found.source[found.column - 1 : found.column - 1 + found.width]
