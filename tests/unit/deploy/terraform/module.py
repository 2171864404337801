"""deploy/terraform as data: resources, data sources, variables and policy documents, read by an HCL parser.

Literal strings are themselves, expressions stay `${...}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "deploy" / "terraform"
EXAMPLES = sorted(path.parent for path in FOLDER.glob("examples/*/main.tf"))

Block = dict[str, Any]
Statement = dict[str, Any]


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value[1:-1].replace('\\"', '"') if len(value) > 1 and value[0] == value[-1] == '"' else value
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {_plain(name): _plain(each) for name, each in value.items() if not name.startswith("__")}
    return value


@cache
def parse(folder: Path) -> Mapping[str, list[Block]]:
    """Top-level blocks of all files in a folder, by their kind."""
    found: dict[str, list[Block]] = {}
    for path in sorted(folder.glob("*.tf")):
        with path.open() as file:
            for kind, blocks in hcl2.load(file).items():
                found.setdefault(kind, []).extend(_plain(block) for block in blocks)
    return found


@cache
def text(folder: Path) -> str:
    """All files of a folder, without comments."""
    joined = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    return re.sub(r"^\s*#.*$", "", joined, flags=re.MULTILINE)


def named(kind: str, folder: Path = FOLDER) -> dict[str, Block]:
    """Blocks with one label: variables, outputs, modules."""
    return {name: body for block in parse(folder).get(kind, []) for name, body in block.items()}


def resources(type_: str, kind: str = "resource") -> dict[str, Block]:
    """Resources, or data sources, of one type, by name."""
    return {name: body for block in parse(FOLDER)[kind] for name, body in block.get(type_, {}).items()}


def all_resources() -> Iterator[tuple[str, str, Block]]:
    """Type, name and body of every resource."""
    for block in parse(FOLDER)["resource"]:
        for type_, by_name in block.items():
            for name, body in by_name.items():
                yield type_, name, body


def one(body: Block, name: str) -> Block:
    """The one nested block of that name."""
    (found,) = body[name]
    return dict(found)


def local(name: str) -> Any:
    """A local value."""
    (found,) = [block[name] for block in parse(FOLDER)["locals"] if name in block]
    return found


def default(variable: str) -> Any:
    """A variable's default."""
    return named("variable")[variable]["default"]


def optional_defaults(variable: str) -> dict[str, str]:
    """The defaults of the optional attributes of a variable that is an object, as text."""
    type_ = str(named("variable")[variable]["type"])
    return dict(re.findall(r"(\w+) = optional\((?:[a-z]+(?:\([a-z]+\))?), ([^()]+?)\)", type_))


def statements(document: str) -> list[Statement]:
    """The statements of a policy document, dynamic ones and those of the documents that it builds on included."""
    body = resources("aws_iam_policy_document", "data")[document]
    found = [dict(each) for each in body.get("statement", [])]
    found += [one(dynamic["statement"], "content") for dynamic in body.get("dynamic", [])]
    for source in body.get("source_policy_documents", []):
        found += statements(re.findall(r"aws_iam_policy_document\.(\w+)", source)[0])
    return found


def granted(document: str) -> set[str]:
    """The actions that a policy document allows."""
    return {
        action
        for statement in statements(document)
        if statement.get("effect", "Allow") == "Allow"
        for action in statement["actions"]
    }
