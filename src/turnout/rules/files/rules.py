"""From the nodes of a rule file to its rules. Every problem is reported, none is raised.

Each value is held against schema.py. A field that is wrong is reported and left out; the rest of the rule is still
read, so that one run shows all there is to repair. What needs all files together (unknown targets, ids used twice)
is load.py's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from turnout.message import sendable
from turnout.rules.condition.ast import Condition, Constant, Path, Scalar
from turnout.rules.expression.parser import parse
from turnout.rules.files import schema
from turnout.rules.files.fields import Fields, kind
from turnout.rules.files.nodes import ListNode, MapNode, Node, ScalarNode, to_json
from turnout.rules.files.pattern_nodes import from_yaml
from turnout.rules.files.reporting import Reporter
from turnout.rules.files.schema import Type
from turnout.rules.limits import Limits
from turnout.rules.lookalikes import looks_like_path
from turnout.rules.model import Example, Mode, Rule
from turnout.rules.pattern.advice import advised
from turnout.rules.pattern.emit import Places
from turnout.rules.pattern.nodes import PatternError, PatternNode
from turnout.rules.pattern.pattern import compile_pattern
from turnout.rules.problems import Code, ExpressionError, Severity
from turnout.rules.spelling import nearest

__all__ = ["DraftRule", "RuleReader"]

_NEVER = Constant(False)
_ATTRIBUTE_NAME = re.compile(r"(?!(?i:aws|amazon)\.)(?!\.)(?!.*\.\.)[A-Za-z0-9_.\-]{1,256}(?<!\.)")
_ATTRIBUTE_NAMES = "a name has letters, digits, '-', '_' and single dots inside, and begins with no 'AWS.' or 'Amazon.'"


class DraftRule(NamedTuple):
    """A rule as one file describes it. `sound` tells whether nothing is wrong with it so far."""

    rule: Rule
    name: Node
    send: tuple[ScalarNode, ...]
    reporter: Reporter
    sound: bool
    condition: ScalarNode | PatternNode | None
    """Where the condition is written: the expression's scalar, or the pattern, if patterns are kept."""


class RuleReader:
    """Reads the rules of one file."""

    def __init__(self, fields: Fields, limits: Limits, *, keep_patterns: bool = False) -> None:
        self._fields = fields
        self._problem = fields.problem
        self._limits = limits
        self._keep_patterns = keep_patterns
        self._places = Places()

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

    def _rule(self, node: MapNode) -> DraftRule:
        before = len(self._fields.reporter.problems)
        name = node.get("id")
        identifier = self._id(name)
        self._fields.reporter.rule = identifier
        self._fields.check_fields(node, schema.RULE, "a rule", node)
        send = self._fields.names(node.get("send"), "send", required=True)
        self._warn_of_doubled(send)
        condition, source, written = self._condition(node)
        rule = Rule(
            id=identifier,
            condition=condition,
            send=tuple(dict.fromkeys(item.text for item in send)),
            place=self._fields.reporter.place(name or node),
            source=source,
            description=self._fields.optional_text(node, "description"),
            enabled=self._fields.boolean(node, "enabled", default=True),
            mode=self._mode(node.get("mode")),
            stop=self._fields.boolean(node, "stop", default=False),
            group=self._fields.path(node.get("group"), "group"),
            deduplicate=self._fields.path(node.get("deduplicate"), "deduplicate"),
            delay=self._fields.integer(node, "delay", schema.RULE, default=0) if "delay" in node.items else None,
            attributes=self._attributes(node.get("attributes")),
            owner=self._fields.optional_text(node, "owner"),
            tags=tuple(item.text for item in self._fields.names(node.get("tags"), "tags")),
            examples=tuple(self._examples(node.get("examples"))),
        )
        self._fields.reporter.rule = ""
        sound = len(self._fields.reporter.problems) == before
        return DraftRule(rule, name or node, tuple(send), self._fields.reporter, sound, written)

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
            hint = "quote it as a whole"
            if isinstance(node, ListNode):
                hint = "join several with 'and' or 'or'"
            elif not all(isinstance(value, ScalarNode) for _, value in node.items.values()):
                hint = "an event pattern is written as 'pattern'"
            self._problem(Code.WRONG_TYPE, f"when must be {Type.EXPRESSION.value}; {hint}", node)
            return _NEVER, "", None
        if node.value is None:
            self._problem(Code.SYNTAX, "the expression is empty; write a condition, or exists($) for every event", node)
            return _NEVER, "", None
        try:
            condition = parse(
                node.text, reader=self._fields.paths, environment=self._fields.environment, limits=self._limits
            )
        except ExpressionError as error:
            self._fields.reporter.within(error.code, error.message, node, error.at)
            return _NEVER, node.text, node
        return condition, node.text, node

    def _pattern(self, node: Node) -> tuple[Condition, str, PatternNode | None]:
        if isinstance(node, ScalarNode):
            is_json = node.text.lstrip().startswith("{")
            instead = "write its JSON without quotes or '|'" if is_json else "an expression is written as 'when'"
            if node.value is None:
                instead = "indent its fields further than 'pattern' itself"
            problem = f"pattern must be a mapping, not {kind(node)}; {instead}"
            self._problem(Code.WRONG_TYPE, problem, node)
            return _NEVER, "", None
        if not self._fields.is_mapping(node, "pattern"):
            return _NEVER, "", None
        written = from_yaml(node, self._fields.resolved)
        try:
            compiled = compile_pattern(written, self._limits, self._places)
        except PatternError as error:
            for code, message, mark in error.problems:
                self._fields.reporter.at(code, advised(message), mark.line - 1, mark.column - 1, mark.width)
            return _NEVER, "", written
        for code, message, mark in compiled.warnings:
            self._fields.reporter.at(
                code, message, mark.line - 1, mark.column - 1, mark.width, severity=Severity.WARNING
            )
        return compiled.condition, compiled.source, written if self._keep_patterns else None

    def _warn_of_doubled(self, send: Sequence[ScalarNode]) -> None:
        seen: set[str] = set()
        for node in send:
            if node.text in seen:
                message = f"'{node.text}' stands twice here; an event is sent to a target once"
                self._fields.reporter.node(Code.SENT_ONCE, message, node, severity=Severity.WARNING)
            seen.add(node.text)

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
        if node is None or not self._fields.is_mapping(node, "attributes", ", such as {tenant: detail.tenant}"):
            return {}
        assert isinstance(node, MapNode)  # noqa: S101  # just checked
        if len(node.items) > (most := schema.RULE["attributes"].most):
            self._problem(Code.WRONG_VALUE, f"a message takes {most} attributes at most", node)
        found: dict[str, Path | Scalar] = {}
        for name, (key, value) in node.items.items():
            if not _ATTRIBUTE_NAME.fullmatch(name):
                self._problem(Code.WRONG_VALUE, f"SQS takes no attribute called '{name}': {_ATTRIBUTE_NAMES}", key)
            elif name.lower().startswith("turnout."):
                what = "by such attributes letters and replays are known, and events that say so are treated as those"
                self._problem(Code.WRONG_VALUE, f"'{name}' begins like Turnout's own attributes: {what}", key)
            source = self._attribute(value, name)
            if source is not None:
                found[name] = source
        return found

    def _attribute(self, node: Node, name: str) -> Path | Scalar:
        """A path (text, or `{path: ...}`) or a constant (a number, true, false, or `{value: ...}`)."""
        if isinstance(node, MapNode):
            self._fields.check_fields(node, schema.ATTRIBUTE, f"attribute '{name}'", node)
            if len(node.items.keys() & schema.ATTRIBUTE.keys()) != 1:
                self._problem(Code.WRONG_VALUE, "an attribute has either 'path' or 'value'", node)
                return None
            constant = node.get("value")
            if constant is None:
                return self._fields.path(node.get("path"), "path")
            if isinstance(constant, ScalarNode) and isinstance(constant.value, str) and constant.text:
                if looks_like_path(constant.text):
                    meant = f'"{constant.text}"' if constant.text.startswith("@") else constant.text
                    message = f"this text is sent as it stands; to send what the path finds, write {{path: {meant}}}"
                    self._fields.reporter.node(Code.TAKEN_LITERALLY, message, constant, severity=Severity.WARNING)
                text = self._fields.resolved(constant)
                if text != sendable(text):
                    problem = "SQS takes no control characters in an attribute, apart from tabs and line breaks"
                    self._problem(Code.WRONG_VALUE, problem, constant)
                return text
            node = constant
        elif isinstance(node, ScalarNode) and isinstance(node.value, str):
            return self._fields.path(node, name, "; a constant is written {value: ...}")
        if isinstance(node, ScalarNode) and isinstance(node.value, int | float):
            return node.value
        message = f"attribute '{name}' must be a path, a number or {{value: constant}}"
        if isinstance(node, ScalarNode) and not node.text:
            message += "; leave it out, SQS takes no empty one"
        self._problem(Code.WRONG_TYPE, message, node)
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
            self._fields.check_fields(item, schema.EXAMPLE, "an example", item)
            if ("event" in item.items) is ("file" in item.items):
                hint = "" if "event" in item.items else "; what the event holds stands below 'event:'"
                self._problem(Code.WRONG_VALUE, f"an example has either 'event' or 'file'{hint}", item)
                continue
            given = {name: node for name in ("event", "metadata") if (node := item.get(name)) is not None}
            if (
                not all(self._fields.is_mapping(node, name) for name, node in given.items())
                or "match" not in item.items
            ):
                continue
            if isinstance(told := given.get("metadata"), MapNode):
                self._fields.check_fields(told, schema.METADATA, "metadata", told)
            event, metadata = (to_json(given[name]) if name in given else None for name in ("event", "metadata"))
            yield Example(
                event=event if isinstance(event, dict) else None,
                match=self._fields.boolean(item, "match", default=False),
                place=self._fields.reporter.place(item),
                metadata=metadata if isinstance(metadata, dict) else None,
                description=self._fields.optional_text(item, "description"),
                file=self._fields.optional_text(item, "file"),
            )
