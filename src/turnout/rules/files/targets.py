"""From the nodes of a rule file to its targets, and to what becomes of events that no rule matches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from turnout.rules.addresses import address_problem
from turnout.rules.environment import is_withheld
from turnout.rules.files import schema
from turnout.rules.files.fields import Fields, kind
from turnout.rules.files.nodes import MapNode, Node, ScalarNode
from turnout.rules.files.reporting import Reporter
from turnout.rules.files.schema import Type
from turnout.rules.model import Kind, Target, Unmatched
from turnout.rules.problems import Code

__all__ = ["DraftTarget", "TargetReader"]

_OTHER_KINDS = ", ".join(kind for kind in Kind if kind is not Kind.QUEUE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class DraftTarget(NamedTuple):
    """A target as one file describes it."""

    target: Target
    name: ScalarNode
    address: ScalarNode | None
    reporter: Reporter


class TargetReader:
    """Reads the targets of one file."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._problem = fields.problem

    def targets(self, node: Node | None) -> Iterator[DraftTarget]:
        """The targets of the file."""
        if node is None:
            return
        if not isinstance(node, MapNode):
            example = "{standard: {queue: ...}}"
            self._problem(Code.WRONG_TYPE, f"targets must be a mapping, not {kind(node)}, such as {example}", node)
            return
        for name, (key, value) in node.items.items():
            if not schema.NAME.fullmatch(name) or name in tuple(Unmatched):
                hint = "it is a word of 'unmatched'" if name in tuple(Unmatched) else f"it must be {Type.NAME.value}"
                self._problem(Code.WRONG_VALUE, f"'{name}' cannot be a target's name: {hint}", key)
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

    def _target(self, name: str, key: ScalarNode, node: MapNode) -> DraftTarget:
        self._fields.check_fields(node, schema.TARGET, f"target '{name}'", key)
        kind, address = self._address(name, key, node)
        text, missing = "", tuple[str, ...]()
        written = self._fields.text(address, kind) if address is not None else None
        if address is not None and written is not None:
            text, missing = self._fields.environment.resolve(written)
            for variable in filter(is_withheld, missing):
                self._problem(*self._fields.environment.unusable(variable), address)
            if not missing and (problem := address_problem(kind, text)):
                self._problem(Code.WRONG_VALUE, f"this is not a {kind.replace('_', ' ')}: {problem}", address)
        target = Target(
            name=name,
            address=text,
            priority=self._fields.integer(node, "priority", schema.TARGET, default=5),
            kind=kind,
            per_second=self._fields.integer(node, "per_second", schema.TARGET, default=0),
            secret_from=self._variable(kind, node, "secret_from", "a secret"),
            client_certificate_from=self._client_file(kind, node, "client_certificate_from", text),
            client_key_from=self._client_file(kind, node, "client_key_from", text),
            description=self._fields.optional_text(node, "description"),
            unresolved=tuple(variable for variable in missing if not is_withheld(variable)),
            place=self._fields.reporter.place(key),
        )
        return DraftTarget(target, key, address if isinstance(address, ScalarNode) else None, self._fields.reporter)

    def _address(self, name: str, key: ScalarNode, node: MapNode) -> tuple[Kind, Node | None]:
        given = [(kind, value) for kind in Kind if (value := node.get(kind)) is not None]
        if not given:
            what = schema.TARGET["queue"].description
            self._problem(Code.MISSING_FIELD, f"target '{name}' needs 'queue' (or {_OTHER_KINDS}): {what}", key)
            return Kind.QUEUE, None
        for other, value in given[1:]:
            self._problem(Code.WRONG_VALUE, f"target '{name}' has both '{given[0][0]}' and '{other}'; it is one", value)
        return given[0]

    def _client_file(self, kind: Kind, node: MapNode, field: str, address: str) -> str:
        value = node.get(field)
        if value is not None and kind is Kind.URL and address.lower().startswith("http:"):
            self._problem(Code.WRONG_VALUE, f"{field} goes with an https url only", value)
        elif value is not None and node.get("client_certificate_from") is None:
            self._problem(Code.WRONG_VALUE, f"{field} goes with a client_certificate_from only", value)
        return self._variable(kind, node, field, "a file")

    def _variable(self, kind: Kind, node: MapNode, field: str, what: str) -> str:
        """The name of a variable of which an endpoint's credentials come."""
        value = node.get(field)
        text = self._fields.optional_text(node, field)
        if value is not None and kind is not Kind.URL:
            self._problem(Code.WRONG_VALUE, f"{field} goes with a url only", value)
        elif value is not None and text and not _VARIABLE.fullmatch(text):
            self._problem(Code.WRONG_VALUE, f"{field} is the name of a variable, not {what} or a reference", value)
            return ""
        elif value is not None and is_withheld(text):
            self._problem(*self._fields.environment.unusable(text), value)
            return ""
        return text
