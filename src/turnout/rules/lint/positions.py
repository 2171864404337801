"""Finds positions that are only names: a number between dots is a member of an object, never an element of an array.

An example whose event has such a member shows that it is meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.rules.condition.ast import Key, Path, plain_path, terms, walk
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.showing import shown_by
from turnout.rules.model import Rule
from turnout.rules.problems import Code

__all__ = ["warn_of_positions"]


def warn_of_positions(rule: Rule, findings: Findings) -> None:
    """A warning per path with a number where a name stands, which finds a member of an object and no element."""
    shown = shown_by(rule)
    if shown is None:
        return
    names = set(shown.names)
    is_pattern = rule.source.startswith("{")
    for condition in walk(rule.condition):
        for path in map(plain_path, terms(condition)):
            for name in _positions(path):
                if name in names:
                    continue
                names.add(name)
                if is_pattern:
                    message = (
                        f"'{name}' is the name of a member and no position in an array; "
                        "a pattern fits any element of an array, without a position"
                    )
                else:
                    message = (
                        f"'{name}' after a dot is the name of a member; an element of an array is written [{name}]"
                    )
                findings.condition(Code.POSITION, message, rule, condition)


def _positions(path: Path) -> Iterator[str]:
    """The names in a path that are whole numbers, unless their quotes say that they are names."""
    for segment in path.segments:
        if isinstance(segment, Key) and segment.name.isdecimal() and not _is_quoted(segment.name, path):
            yield segment.name


def _is_quoted(name: str, path: Path) -> bool:
    return f"['{name}']" in path.text or f'["{name}"]' in path.text
