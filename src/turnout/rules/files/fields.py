"""The values of a rule file's fields: of the type they should have, or a problem and something harmless.

What the fields are called and what they mean is known to whoever reads them (targets.py, rules.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeGuard

from turnout.rules.condition.ast import Path
from turnout.rules.environment import Environment
from turnout.rules.expression.parser import parse_path
from turnout.rules.expression.paths import PathReader
from turnout.rules.files.nodes import ListNode, MapNode, Node, ScalarNode
from turnout.rules.files.reporting import Reporter
from turnout.rules.files.schema import ALIASES, OPPOSITES, Field, Type
from turnout.rules.lookalikes import broken_reference, quoted_by_typography
from turnout.rules.problems import Code, ExpressionError, Severity
from turnout.rules.spelling import nearest

__all__ = ["Fields", "kind"]

_NOT_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_DURATION = re.compile(r"([0-9]{1,9}) ?(?:(s)(?:ec(?:ond)?s?)?|(m)(?:in(?:ute)?s?)?|(h)(?:ours?)?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Fields:
    """Reads values of one file."""

    def __init__(self, reporter: Reporter, paths: PathReader, environment: Environment) -> None:
        self.reporter = reporter
        self.paths = paths
        self.environment = environment

    def problem(self, code: Code, message: str, node: Node) -> None:
        """Report a problem with a node."""
        self.reporter.node(code, message, node)

    def check_fields(self, node: MapNode, fields: Mapping[str, Field], what: str, place: Node) -> None:
        """Report fields that do not exist, and required ones that are not there."""
        aliases = {alias: name for alias, name in ALIASES.items() if name in fields}
        for name, (key, _) in node.items.items():
            if name not in fields:
                opposite = OPPOSITES.get(name) if "enabled" in fields else None
                hint = f"; write {opposite}" if opposite else nearest(name, fields, aliases)
                self.problem(Code.UNKNOWN_FIELD, f"{what} has no field '{name}'{hint}", key)
        for name, known in fields.items():
            if known.required and name not in node.items:
                self.problem(Code.MISSING_FIELD, f"{what} needs '{name}': {known.description}", place)

    def is_mapping(self, node: Node, name: str, example: str = "") -> bool:
        """Whether it is a mapping; a problem when not, with an example of one where it is given."""
        if isinstance(node, MapNode):
            return True
        is_json = isinstance(node, ScalarNode) and node.text.lstrip().startswith("{")
        hint = "; write its JSON without quotes or '|'" if is_json else example
        self.problem(Code.WRONG_TYPE, f"{name} must be a mapping, not {kind(node)}{hint}", node)
        return False

    def text(self, node: Node, name: str) -> str | None:
        """The text of a scalar; None, and a problem, for anything else."""
        if isinstance(node, ScalarNode) and node.value is not None:
            return node.text
        self.problem(Code.WRONG_TYPE, f"{name} must be text, not {kind(node)}", node)
        return None

    def optional_text(self, node: MapNode, name: str) -> str:
        """The text of a field, or an empty one."""
        value = node.get(name)
        return (self.text(value, name) or "") if value is not None else ""

    def boolean(self, node: MapNode, name: str, *, default: bool) -> bool:
        """The value of a field that is true or false."""
        value = node.get(name)
        if value is None:
            return default
        if isinstance(value, ScalarNode) and isinstance(value.value, bool):
            return value.value
        word = value.text.lower() if isinstance(value, ScalarNode) else ""
        meant = _NOT_BOOLEANS.get(word)
        hint = f"; write {meant}" if meant else "; write it without quotes" if word in ("true", "false") else ""
        self.problem(Code.WRONG_TYPE, f"{name} must be true or false, not {kind(value)}{hint}", value)
        return default

    def integer(self, node: MapNode, name: str, fields: Mapping[str, Field], *, default: int) -> int:
        """The value of a field that is a whole number, in the bounds that the schema has."""
        value = node.get(name)
        if value is None:
            return default
        bounds = fields[name]
        number = value.value if isinstance(value, ScalarNode) else None
        hint = _instead(value, bounds) if isinstance(value, ScalarNode) else ""
        if _is_whole(number) and bounds.least <= number <= bounds.most and not hint:
            return number
        unit = f" of {bounds.unit}" if bounds.unit else ""
        problem = f"{name} must be a whole number{unit} from {bounds.least} to {bounds.most}{hint}"
        self.problem(Code.WRONG_VALUE, problem, value)
        return default

    def names(self, node: Node | None, name: str, *, required: bool = False) -> list[ScalarNode]:
        """The names in a list."""
        if node is None:
            return []
        if not isinstance(node, ListNode):
            hint = f", such as [{node.text}]" if isinstance(node, ScalarNode) and node.value is not None else ""
            self.problem(Code.WRONG_TYPE, f"{name} must be a list{hint}", node)
            return []
        if required and not node.items:
            self.problem(Code.WRONG_VALUE, f"{name} must name one target at least", node)
        found: list[ScalarNode] = []
        for item in node.items:
            if isinstance(item, ScalarNode) and item.value is not None and item.text:
                found.append(item)
            else:
                self.problem(Code.WRONG_TYPE, f"{name} holds names, not {kind(item)}", item)
        return found

    def path(self, node: Node | None, name: str, otherwise: str = "") -> Path | None:
        """The path that a scalar says. `otherwise`: what to write if none is meant, for the end of a message."""
        if node is None:
            return None
        if not isinstance(node, ScalarNode):
            self.problem(Code.WRONG_TYPE, f"{name} must be {Type.PATH.value}", node)
            return None
        if node.value is None:
            self.problem(Code.WRONG_TYPE, f"{name} must be {Type.PATH.value}, not nothing; leave it out for none", node)
            return None
        try:
            return parse_path(node.text, self.paths)
        except ExpressionError as error:
            self.reporter.within(error.code, error.message + otherwise, node, error.at)
            return None

    def resolved(self, node: ScalarNode) -> str:
        """The text of a scalar with its environment references replaced."""
        is_comment = not node.style and node.text.startswith(("// ", "/* "))
        comment = "a comment begins with '#'; this is taken for a text" if is_comment else ""
        if message := comment or broken_reference(node.text) or quoted_by_typography(node.text):
            self.reporter.node(Code.TAKEN_LITERALLY, message, node, severity=Severity.WARNING)
        text, missing = self.environment.resolve(node.text)
        for variable in missing:
            self.problem(*self.environment.unusable(variable), node)
        return text


def _is_whole(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool)


def _instead(node: ScalarNode, bounds: Field) -> str:
    """What to write in place of a scalar that says its number in another way; empty when it does not."""
    text = node.text
    if node.style:
        return "; write it without quotes" if text.isdecimal() else ""
    meant, why, number = -1, "", node.value
    if _is_whole(number) and _LEADING_ZERO.fullmatch(text):
        meant, why = number, f"some readers of YAML take {text} for octal; "
    elif bounds.unit == "seconds" and (duration := _DURATION.fullmatch(text)):
        meant = int(duration[1]) * _SECONDS[duration[duration.lastindex or 0]]
    return f"; {why}write {meant}" if bounds.least <= meant <= bounds.most else ""


def kind(node: Node) -> str:
    """What a node is, in words."""
    match node:
        case ListNode():
            return "a list"
        case MapNode():
            return "a mapping"
        case ScalarNode(value=None):
            return "nothing"
        case ScalarNode(value=bool()):
            return "true or false"
        case ScalarNode(value=int() | float()):
            return "a number"
        case _:
            return f"'{node.text}'" if len(node.text) <= 30 else "text"
