"""From the nodes of a rule file to targets and rules. Every problem is reported, none is raised.

Each value is held against schema.py. A field that is wrong is reported and left out; the rest of the rule is still
read, so that one run shows all there is to repair. What needs all files together (unknown targets, ids used twice)
is load.py's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from turnout.rules.condition.ast import Condition, Constant, Path, Scalar
from turnout.rules.environment import Environment
from turnout.rules.expression.parser import parse, parse_path
from turnout.rules.expression.paths import PathReader
from turnout.rules.files import schema
from turnout.rules.files.document import ListNode, MapNode, Node, ScalarNode, to_json
from turnout.rules.files.pattern_nodes import from_yaml
from turnout.rules.files.reporting import Reporter
from turnout.rules.files.schema import Field, Type
from turnout.rules.limits import Limits
from turnout.rules.model import Example, Kind, Mode, Rule, Target
from turnout.rules.pattern.emit import Places
from turnout.rules.pattern.nodes import PatternError, PatternNode
from turnout.rules.pattern.pattern import compile_pattern
from turnout.rules.problems import Code, ExpressionError, Severity
from turnout.rules.spelling import nearest

__all__ = ["DraftRule", "DraftTarget", "FileReader"]

_NEVER = Constant(False)
_ATTRIBUTE_NAME = re.compile(r"(?!(?i:aws|amazon)\.)(?!\.)(?!.*\.\.)[A-Za-z0-9_.\-]{1,256}(?<!\.)")
_MOST_ATTRIBUTES = 9
"""SQS takes ten; one is for the trace context."""

_OTHER_KINDS = ", ".join(kind for kind in Kind if kind is not Kind.QUEUE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ARN = re.compile(r"arn:[^:\s]+:[^:\s]+:[^:\s]*:[^:\s]*:\S+")

_NOT_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


class DraftTarget(NamedTuple):
    """A target as one file describes it."""

    target: Target
    name: ScalarNode
    address: ScalarNode | None
    reporter: Reporter


class DraftRule(NamedTuple):
    """A rule as one file describes it. `sound` tells whether nothing is wrong with it so far."""

    rule: Rule
    name: Node
    send: tuple[ScalarNode, ...]
    reporter: Reporter
    sound: bool
    condition: ScalarNode | PatternNode | None
    """Where the condition is written: the expression's scalar, or the pattern, if patterns are kept."""


class FileReader:
    """Reads one file."""

    def __init__(
        self,
        reporter: Reporter,
        paths: PathReader,
        environment: Environment,
        limits: Limits,
        *,
        keep_patterns: bool = False,
    ) -> None:
        self._reporter = reporter
        self._paths = paths
        self._environment = environment
        self._limits = limits
        self._keep_patterns = keep_patterns
        self._places = Places()

    def targets(self, node: Node | None) -> Iterator[DraftTarget]:
        """The targets of the file."""
        if node is None or not self._is_mapping(node, "targets"):
            return
        assert isinstance(node, MapNode)  # noqa: S101  # just checked
        for name, (key, value) in node.items.items():
            if not schema.NAME.fullmatch(name) or name in ("drop", "dead-letter"):
                self._problem(Code.WRONG_VALUE, f"'{name}' cannot be a target's name", key)
                continue
            if isinstance(value, MapNode):
                yield self._target(name, key, value)
            else:
                self._problem(Code.WRONG_TYPE, f"target '{name}' must be a mapping, such as {{queue: ...}}", value)

    def unmatched(self, node: Node | None) -> ScalarNode | None:
        """The `unmatched` of the file."""
        if node is None:
            return None
        if isinstance(node, ScalarNode) and node.text:
            return node
        self._problem(Code.WRONG_TYPE, "unmatched must be drop, dead-letter or the name of a target", node)
        return None

    def rules(self, node: Node | None) -> Iterator[DraftRule]:
        """The rules of the file, those that something is wrong with included."""
        if node is None:
            return
        if not isinstance(node, ListNode):
            self._problem(Code.WRONG_TYPE, "rules must be a list: each rule begins with '- id: ...'", node)
            return
        for item in node.items:
            if isinstance(item, MapNode):
                yield self._rule(item)
            else:
                self._problem(Code.WRONG_TYPE, "a rule must be a mapping with id, when and send", item)

    # --------------------------------------------------------------------------------------------- targets and rules

    def _target(self, name: str, key: ScalarNode, node: MapNode) -> DraftTarget:
        self._check_fields(node, schema.TARGET, f"target '{name}'", key)
        kind, address = self._address(name, key, node)
        text, missing = "", tuple[str, ...]()
        written = self._text(address, kind) if address is not None else None
        if address is not None and written is not None:
            text, missing = self._environment.resolve(written)
            if not missing and (problem := _address_problem(kind, text)):
                self._problem(Code.WRONG_VALUE, f"this is not a {kind.replace('_', ' ')}: {problem}", address)
        target = Target(
            name=name,
            address=text,
            priority=self._integer(node, "priority", schema.TARGET, default=5),
            kind=kind,
            per_second=self._integer(node, "per_second", schema.TARGET, default=0),
            secret_from=self._secret_from(kind, node),
            description=self._optional_text(node, "description"),
            unresolved=missing,
            place=self._reporter.place(key),
        )
        return DraftTarget(target, key, address if isinstance(address, ScalarNode) else None, self._reporter)

    def _address(self, name: str, key: ScalarNode, node: MapNode) -> tuple[Kind, Node | None]:
        given = [(kind, value) for kind in Kind if (value := node.get(kind)) is not None]
        if not given:
            what = schema.TARGET["queue"].description
            self._problem(Code.MISSING_FIELD, f"target '{name}' needs 'queue' (or {_OTHER_KINDS}): {what}", key)
            return Kind.QUEUE, None
        for kind, value in given[1:]:
            self._problem(Code.WRONG_VALUE, f"target '{name}' has both '{given[0][0]}' and '{kind}'; it is one", value)
        return given[0]

    def _secret_from(self, kind: Kind, node: MapNode) -> str:
        value = node.get("secret_from")
        text = self._optional_text(node, "secret_from")
        if value is not None and kind is not Kind.URL:
            self._problem(Code.WRONG_VALUE, "secret_from goes with a url only", value)
        elif value is not None and text and not _VARIABLE.fullmatch(text):
            self._problem(Code.WRONG_VALUE, "secret_from is the name of a variable, not a secret or a reference", value)
            return ""
        return text

    def _rule(self, node: MapNode) -> DraftRule:
        before = len(self._reporter.problems)
        name = node.get("id")
        identifier = self._id(name)
        self._reporter.rule = identifier
        self._check_fields(node, schema.RULE, "a rule", node)
        send = self._names(node.get("send"), "send", required=True)
        condition, source, written = self._condition(node)
        rule = Rule(
            id=identifier,
            condition=condition,
            send=tuple(dict.fromkeys(item.text for item in send)),
            place=self._reporter.place(name or node),
            source=source,
            description=self._optional_text(node, "description"),
            enabled=self._boolean(node, "enabled", default=True),
            mode=self._mode(node.get("mode")),
            stop=self._boolean(node, "stop", default=False),
            group=self._path(node.get("group"), "group"),
            deduplicate=self._path(node.get("deduplicate"), "deduplicate"),
            delay=self._integer(node, "delay", schema.RULE, default=0) if "delay" in node.items else None,
            attributes=self._attributes(node.get("attributes")),
            owner=self._optional_text(node, "owner"),
            tags=tuple(item.text for item in self._names(node.get("tags"), "tags")),
            examples=tuple(self._examples(node.get("examples"))),
        )
        self._reporter.rule = ""
        sound = len(self._reporter.problems) == before
        return DraftRule(rule, name or node, tuple(send), self._reporter, sound, written)

    def _id(self, node: Node | None) -> str:
        if node is None:
            return ""
        if isinstance(node, ScalarNode) and schema.NAME.fullmatch(node.text):
            return node.text
        self._problem(Code.WRONG_VALUE, f"id must be {Type.NAME.value}", node)
        return ""

    def _condition(self, node: MapNode) -> tuple[Condition, str, ScalarNode | PatternNode | None]:
        """The rule's condition, its text and where it is written; never true when something is wrong with it."""
        when, pattern = node.get("when"), node.get("pattern")
        if when is not None and pattern is not None:
            self._problem(Code.CONDITION, "a rule has either 'when' or 'pattern', not both", node.items["pattern"][0])
        elif pattern is not None:
            return self._pattern(pattern)
        elif when is None:
            self._problem(Code.CONDITION, "a rule needs a condition: 'when' with an expression, or 'pattern'", node)
        return self._when(when) if when is not None else (_NEVER, "", None)

    def _when(self, node: Node) -> tuple[Condition, str, ScalarNode | None]:
        if not isinstance(node, ScalarNode):
            self._problem(Code.WRONG_TYPE, f"when must be {Type.EXPRESSION.value}; quote it as a whole", node)
            return _NEVER, "", None
        try:
            condition = parse(node.text, reader=self._paths, environment=self._environment, limits=self._limits)
        except ExpressionError as error:
            self._reporter.within(error.code, error.message, node, error.at)
            return _NEVER, node.text, node
        return condition, node.text, node

    def _pattern(self, node: Node) -> tuple[Condition, str, PatternNode | None]:
        if not self._is_mapping(node, "pattern"):
            return _NEVER, "", None
        written = from_yaml(node, self._resolved)
        try:
            compiled = compile_pattern(written, self._limits, self._places)
        except PatternError as error:
            for code, message, mark in error.problems:
                self._reporter.at(code, message, mark.line - 1, mark.column - 1, mark.width)
            return _NEVER, "", written
        for code, message, mark in compiled.warnings:
            self._reporter.at(code, message, mark.line - 1, mark.column - 1, mark.width, severity=Severity.WARNING)
        return compiled.condition, compiled.source, written if self._keep_patterns else None

    def _mode(self, node: Node | None) -> Mode:
        if node is None:
            return Mode.ACTIVE
        choices = schema.RULE["mode"].choices
        if isinstance(node, ScalarNode) and node.text in choices:
            return Mode(node.text)
        hint = nearest(node.text, choices) if isinstance(node, ScalarNode) else ""
        self._problem(Code.WRONG_VALUE, f"mode must be one of {', '.join(choices)}{hint}", node)
        return Mode.ACTIVE

    def _attributes(self, node: Node | None) -> Mapping[str, Path | Scalar]:
        if node is None or not self._is_mapping(node, "attributes"):
            return {}
        assert isinstance(node, MapNode)  # noqa: S101  # just checked
        if len(node.items) > _MOST_ATTRIBUTES:
            self._problem(Code.WRONG_VALUE, f"a message takes {_MOST_ATTRIBUTES} attributes at most", node)
        found: dict[str, Path | Scalar] = {}
        for name, (key, value) in node.items.items():
            if not _ATTRIBUTE_NAME.fullmatch(name):
                self._problem(Code.WRONG_VALUE, f"SQS does not take '{name}' for the name of an attribute", key)
            source = self._attribute(value, name)
            if source is not None:
                found[name] = source
        return found

    def _attribute(self, node: Node, name: str) -> Path | Scalar:
        """A path (text, or `{path: ...}`) or a constant (a number, true, false, or `{value: ...}`)."""
        if isinstance(node, MapNode):
            self._check_fields(node, schema.ATTRIBUTE, f"attribute '{name}'", node)
            if len(node.items.keys() & schema.ATTRIBUTE.keys()) != 1:
                self._problem(Code.WRONG_VALUE, "an attribute has either 'path' or 'value'", node)
                return None
            constant = node.get("value")
            if constant is None:
                return self._path(node.get("path"), "path")
            if isinstance(constant, ScalarNode) and isinstance(constant.value, str) and constant.text:
                return self._resolved(constant)
            node = constant
        elif isinstance(node, ScalarNode) and isinstance(node.value, str):
            return self._path(node, name)
        if isinstance(node, ScalarNode) and isinstance(node.value, int | float):
            return node.value
        self._problem(Code.WRONG_TYPE, f"attribute '{name}' must be a path, a number or {{value: constant}}", node)
        return None

    def _examples(self, node: Node | None) -> Iterator[Example]:
        if node is None:
            return
        if not isinstance(node, ListNode):
            self._problem(Code.WRONG_TYPE, "examples must be a list of {event: ..., match: true or false}", node)
            return
        for item in node.items:
            if not isinstance(item, MapNode):
                self._problem(Code.WRONG_TYPE, "an example must be a mapping with event and match", item)
                continue
            self._check_fields(item, schema.EXAMPLE, "an example", item)
            if ("event" in item.items) is ("file" in item.items):
                self._problem(Code.WRONG_VALUE, "an example has either 'event' or 'file'", item)
                continue
            given = {name: node for name in ("event", "metadata") if (node := item.get(name)) is not None}
            if not all(self._is_mapping(node, name) for name, node in given.items()) or "match" not in item.items:
                continue
            event, metadata = (to_json(given[name]) if name in given else None for name in ("event", "metadata"))
            yield Example(
                event=event if isinstance(event, dict) else None,
                match=self._boolean(item, "match", default=False),
                place=self._reporter.place(item),
                metadata=metadata if isinstance(metadata, dict) else None,
                description=self._optional_text(item, "description"),
                file=self._optional_text(item, "file"),
            )

    # --------------------------------------------------------------------------------------------------- typed values

    def _problem(self, code: Code, message: str, node: Node) -> None:
        self._reporter.node(code, message, node)

    def _check_fields(self, node: MapNode, fields: Mapping[str, Field], what: str, place: Node) -> None:
        """Report fields that do not exist, and required ones that are not there."""
        for name, (key, _) in node.items.items():
            if name not in fields:
                self._problem(Code.UNKNOWN_FIELD, f"{what} has no field '{name}'{nearest(name, fields)}", key)
        for name, known in fields.items():
            if known.required and name not in node.items:
                self._problem(Code.MISSING_FIELD, f"{what} needs '{name}': {known.description}", place)

    def _is_mapping(self, node: Node, name: str) -> bool:
        if isinstance(node, MapNode):
            return True
        self._problem(Code.WRONG_TYPE, f"{name} must be a mapping, not {_kind(node)}", node)
        return False

    def _text(self, node: Node, name: str) -> str | None:
        if isinstance(node, ScalarNode) and node.value is not None:
            return node.text
        self._problem(Code.WRONG_TYPE, f"{name} must be text, not {_kind(node)}", node)
        return None

    def _optional_text(self, node: MapNode, name: str) -> str:
        value = node.get(name)
        return (self._text(value, name) or "") if value is not None else ""

    def _boolean(self, node: MapNode, name: str, *, default: bool) -> bool:
        value = node.get(name)
        if value is None:
            return default
        if isinstance(value, ScalarNode) and isinstance(value.value, bool):
            return value.value
        meant = _NOT_BOOLEANS.get(value.text.lower()) if isinstance(value, ScalarNode) else None
        hint = f"; write {meant}" if meant else ""
        self._problem(Code.WRONG_TYPE, f"{name} must be true or false, not {_kind(value)}{hint}", value)
        return default

    def _integer(self, node: MapNode, name: str, fields: Mapping[str, Field], *, default: int) -> int:
        value = node.get(name)
        if value is None:
            return default
        bounds = fields[name]
        number = value.value if isinstance(value, ScalarNode) else None
        if isinstance(number, int) and not isinstance(number, bool) and bounds.least <= number <= bounds.most:
            return number
        self._problem(Code.WRONG_VALUE, f"{name} must be a whole number from {bounds.least} to {bounds.most}", value)
        return default

    def _names(self, node: Node | None, name: str, *, required: bool = False) -> list[ScalarNode]:
        if node is None:
            return []
        if not isinstance(node, ListNode):
            hint = f", such as [{node.text}]" if isinstance(node, ScalarNode) and node.text else ""
            self._problem(Code.WRONG_TYPE, f"{name} must be a list{hint}", node)
            return []
        if required and not node.items:
            self._problem(Code.WRONG_VALUE, f"{name} must name one target at least", node)
        found: list[ScalarNode] = []
        for item in node.items:
            if isinstance(item, ScalarNode) and item.value is not None and item.text:
                found.append(item)
            else:
                self._problem(Code.WRONG_TYPE, f"{name} holds names, not {_kind(item)}", item)
        return found

    def _path(self, node: Node | None, name: str) -> Path | None:
        if node is None:
            return None
        if not isinstance(node, ScalarNode):
            self._problem(Code.WRONG_TYPE, f"{name} must be {Type.PATH.value}", node)
            return None
        try:
            return parse_path(node.text, self._paths)
        except ExpressionError as error:
            self._reporter.within(error.code, error.message, node, error.at)
            return None

    def _resolved(self, node: ScalarNode) -> str:
        text, missing = self._environment.resolve(node.text)
        for variable in missing:
            self._problem(Code.ENVIRONMENT, self._environment.unset(variable), node)
        return text


def _address_problem(kind: Kind, text: str) -> str:
    """Why a text cannot be the address of such a target; empty when it can."""
    if not text.strip():
        return "it is empty"
    if "${" in text:
        return "an environment reference is written ${NAME} or ${NAME:-default}"
    if kind is Kind.URL and not text.startswith(("https://", "http://")):
        return "it begins with https:// or http://"
    if kind in (Kind.TOPIC, Kind.STATE_MACHINE) and not _ARN.fullmatch(text):
        return "it is an ARN, such as arn:aws:sns:eu-west-1:123456789012:alerts"
    return ""


def _kind(node: Node) -> str:
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
