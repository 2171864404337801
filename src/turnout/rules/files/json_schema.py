"""The JSON Schema of rule files and of tables of tests, made from the tables in schema.py, for editors and pipelines.

It is Draft 7, which editors know best. It never refuses what the readers take; what only they can judge (expressions,
unknown targets, the finer points of patterns) it lets pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from turnout.rules.files import schema
from turnout.rules.files.schema import Field, Type
from turnout.rules.model import Kind, Unmatched
from turnout.rules.pattern.fields import RESERVED

__all__ = ["rules_schema", "table_schema"]

Schema: TypeAlias = dict[str, object]

_DRAFT = "http://json-schema.org/draft-07/schema#"
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
"""YAML reads `owner: 2024` as a number; the readers take it for text."""
_SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
_NAME = f"^{schema.NAME.pattern}$"


def rules_schema() -> Schema:
    """The schema of rule files."""
    targets = _mapping({"not": {"enum": list(Unmatched)}, "pattern": _NAME}, _ref("target"))
    return {
        "$schema": _DRAFT,
        "title": "Turnout: rules",
        **_fields(
            schema.FILE,
            targets=targets,
            unmatched={**_TEXT, "examples": list(Unmatched)},
            rules={"type": "array", "items": _ref("rule")},
        ),
        "definitions": {
            "target": {**_fields(schema.TARGET), **_one_of(tuple(Kind))},
            "rule": {**_fields(schema.RULE, **_rule()), **_one_of(("when", "pattern"))},
            "attribute": {**_fields(schema.ATTRIBUTE, value=_TEXT), **_one_of(("path", "value"))},
            "example": {**_fields(schema.EXAMPLE), **_one_of(("event", "file"))},
            **_pattern_definitions(),
        },
    }


def table_schema() -> Schema:
    """The schema of tables of tests."""
    names: Schema = {"type": "array", "items": {"type": "string"}}
    targets = _mapping({}, {"anyOf": [{"type": "null"}, _ref("sent")]})
    expected: Schema = {"anyOf": [{"required": [name]} for name in ("rules", "targets", "shadow", "rejected")]}
    case = _fields(
        schema.CASE,
        body={"type": "string"},
        rules=names,
        shadow=names,
        targets={"anyOf": [names, targets]},
    )
    attributes = _mapping({}, _SCALAR)
    sent = _fields(
        schema.SENT,
        group={"type": ["string", "null"]},
        deduplicate={"type": ["string", "null"]},
        delay={"type": ["integer", "null"], "minimum": 0, "maximum": schema.SENT["delay"].most},
        attributes=attributes,
    )
    return {
        "$schema": _DRAFT,
        "title": "Turnout: tests of rules",
        **_fields(schema.TABLE, tests={"type": "array", "items": _ref("test")}),
        "definitions": {"test": {"allOf": [_one_of(("event", "file", "body")), expected], **case}, "sent": sent},
    }


def _rule() -> dict[str, Schema]:
    """What the type of a rule's field does not tell yet."""
    return {
        "when": {"type": "string", "minLength": 1, "examples": ["detail.channel == 'voice'"]},
        "pattern": _ref("pattern"),
        "send": {**_type(schema.RULE["send"]), "minItems": 1},
        "attributes": {
            **_mapping({"pattern": "^[A-Za-z0-9_.-]{1,256}$"}, {"anyOf": [_TEXT, _ref("attribute")]}),
            "maxProperties": schema.RULE["attributes"].most,
        },
        "examples": {"type": "array", "items": _ref("example")},
    }


# -------------------------------------------------------------------------------------------------------------- fields


def _fields(fields: Mapping[str, Field], **special: Schema) -> Schema:
    """A mapping with these fields and no others. `special` says what a field holds where its type does not."""
    properties = {
        name: {**special.get(name, _type(field)), "description": field.description} for name, field in fields.items()
    }
    required = [name for name, field in fields.items() if field.required]
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": required} if required else found


def _type(field: Field) -> Schema:
    match field.type:
        case Type.NAME:
            return {**_TEXT, "pattern": _NAME}
        case Type.BOOLEAN:
            return {"type": "boolean"}
        case Type.INTEGER:
            return {"type": "integer", "minimum": field.least, "maximum": field.most}
        case Type.NAMES:
            return {"type": "array", "items": _TEXT}
        case Type.LIST:
            return {"type": "array"}
        case Type.MAPPING:
            return {"type": "object"}
        case Type.ANY:
            return {}
        case Type.TEXT | Type.EXPRESSION | Type.PATH:
            return {"enum": list(field.choices)} if field.choices else dict(_TEXT)


def _mapping(names: Schema, values: Schema) -> Schema:
    found: Schema = {"type": "object", "additionalProperties": values}
    return {**found, "propertyNames": names} if names else found


def _one_of(names: tuple[str, ...]) -> Schema:
    """Exactly one of these fields is there."""
    return {"oneOf": [{"required": [str(name)]} for name in names]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


# ------------------------------------------------------------------------------------------------------------ patterns


def _pattern_definitions() -> dict[str, Schema]:
    """An EventBridge event pattern: objects down to arrays, arrays of values and of operators."""
    alternatives: Schema = {"type": "array", "minItems": 2, "items": _ref("alternative")}
    inner: Schema = {"anyOf": [_ref("values"), _ref("pattern")]}
    inner_alternative: Schema = {"anyOf": [_ref("values"), _ref("alternative")]}
    return {
        "pattern": {
            "description": "An object of an event pattern: the fields that an event must have.",
            "type": "object",
            "minProperties": 1,
            "properties": {"$or": alternatives},
            "additionalProperties": inner,
        },
        "alternative": {
            "description": "One of the objects that $or lists; operators are no names of fields in it.",
            "type": "object",
            "minProperties": 1,
            "properties": {"$or": alternatives},
            "propertyNames": {"not": {"enum": sorted(RESERVED)}},
            "additionalProperties": inner_alternative,
        },
        "values": {
            "description": "What a field may hold: any of these values, or what any of these operators take.",
            "type": "array",
            "minItems": 1,
            "items": {"anyOf": [_SCALAR, _ref("operator")]},
        },
        "operator": _operator(_operators()),
    }


def _operators() -> dict[str, Schema]:
    text: Schema = {"type": "string"}
    affix: Schema = {"anyOf": [text, _operator({"equals-ignore-case": text})]}
    wildcard: Schema = {"type": "string", "pattern": r"^([^*\\]|\\[*\\]|\*(?!\*))*$"}
    not_empty: Schema = {"type": "string", "minLength": 1}
    excluded = {"prefix": not_empty, "suffix": not_empty, "equals-ignore-case": text, "wildcard": wildcard}
    anything_but: Schema = {
        "anyOf": [
            {"type": ["string", "number"]},
            {"type": "array", "minItems": 1, "items": text},
            {"type": "array", "minItems": 1, "items": {"type": "number"}},
            _operator({name: _one_or_more(value) for name, value in excluded.items()}),
        ]
    }
    return {
        "prefix": affix,
        "suffix": affix,
        "equals-ignore-case": text,
        "exactly": text,
        "wildcard": wildcard,
        "anything-but": anything_but,
        "numeric": {"anyOf": [_numeric(("=", "<", "<=", ">", ">=")), _numeric((">", ">="), ("<", "<="))]},
        "cidr": {"type": "string", "pattern": "/[0-9]+$"},
        "exists": {"type": "boolean"},
    }


def _operator(operators: Mapping[str, Schema]) -> Schema:
    found: Schema = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    return {**found, "properties": dict(operators)}


def _one_or_more(value: Schema) -> Schema:
    return {"anyOf": [value, {"type": "array", "minItems": 1, "items": value}]}


def _numeric(*orders: tuple[str, ...]) -> Schema:
    items = [part for choices in orders for part in ({"enum": list(choices)}, {"type": "number"})]
    return {"type": "array", "items": items, "minItems": len(items), "additionalItems": False}
