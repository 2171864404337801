"""The JSON Schemas: published as they are made, right about good files, and never stricter than the readers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator
from tests.unit.rules.language import HEAD, write

from turnout.cli.rules import rules
from turnout.rules.files import schema
from turnout.rules.files.document import read_document
from turnout.rules.files.json_schema import rules_schema, table_schema
from turnout.rules.files.load import read_rules
from turnout.rules.files.nodes import Node, to_json
from turnout.rules.model import Json
from turnout.rules.problems import Code

ROOT = Path(__file__).parents[3]
RULES = ROOT / "rules"
CORPUS = ROOT.parent / "shared" / "corpus"

RULES_VALIDATOR = Draft7Validator(json.loads(json.dumps(rules_schema())))
TESTS_VALIDATOR = Draft7Validator(json.loads(json.dumps(table_schema())))
PATTERN_VALIDATOR = Draft7Validator({**json.loads(json.dumps(rules_schema())), "$ref": "#/definitions/pattern"})


def document(text: str) -> Json:
    def report(code: Code, message: str, node: Node) -> None:
        raise AssertionError(f"{code} {message} in line {node.line + 1}")

    root = read_document(text, report)
    assert root is not None
    return to_json(root)


def takes(text: str) -> bool:
    valid: bool = RULES_VALIDATOR.is_valid(document(text))
    return valid


# ----------------------------------------------------------------------------------------------------------- published


@pytest.mark.parametrize(
    ("name", "arguments"), [("turnout.schema.json", []), ("turnout-tests.schema.json", ["--tests"])]
)
def test_the_published_schema_is_what_the_command_prints(name: str, arguments: list[str]) -> None:
    result = CliRunner().invoke(rules, ["schema", *arguments])
    assert result.exit_code == 0
    assert (RULES / name).read_text() == result.stdout
    Draft7Validator.check_schema(json.loads(result.stdout))


def test_every_rule_file_and_table_names_its_schema_and_fits_it() -> None:
    files = [*RULES.glob("*.yaml"), *(RULES / "tests").glob("*.yaml")]
    assert len(files) > 4
    for path in files:
        first = path.read_text().splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        named = path.parent / first.partition("$schema=")[2]
        validator = Draft7Validator(json.loads(named.read_text()))
        assert [error.message for error in validator.iter_errors(document(path.read_text()))] == []


def test_check_jsonschema_takes_the_shipped_rules_and_refuses_a_wrong_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(RULES / "turnout.schema.json")]
    shipped = [str(path) for path in sorted(RULES.glob("*.yaml"))]
    assert subprocess.run([*command, *shipped], check=False, capture_output=True, timeout=60).returncode == 0
    wrong = write(tmp_path, HEAD + "rules: [{id: r, wehn: x == 1, send: [high]}]\n")
    refused = subprocess.run([*command, str(wrong)], check=False, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1
    assert "wehn" in refused.stdout


def test_every_field_is_in_the_schema_with_its_description() -> None:
    made = rules_schema()
    definitions = made["definitions"]
    assert isinstance(definitions, dict)
    for name, fields in (
        ("target", schema.TARGET),
        ("rule", schema.RULE),
        ("example", schema.EXAMPLE),
        ("attribute", schema.ATTRIBUTE),
    ):
        properties = definitions[name]["properties"]
        assert {field: properties[field]["description"] for field in properties} == {
            field: known.description for field, known in fields.items()
        }


# ---------------------------------------------------------------------------------------------------- right and wrong


GOOD_RULES = [
    "{id: r, when: x == 1, send: [high]}",
    "{id: 5, when: x == 1, send: [1, high], owner: 2024, tags: [a, 5], description: true}",
    "{id: r, pattern: {a: [1]}, send: [high], mode: shadow, enabled: false, stop: true, delay: 900}",
    "{id: r, when: x == 1, send: [high], group: a.b, deduplicate: $.c}",
    "{id: r, when: x == 1, send: [high], attributes: {a: x.y, b: 5, c: true, d: {path: x}, e: {value: t}}}",
    "{id: r, when: x == 1, send: [high], examples: [{event: {}, match: true}, {file: a.json, match: false}]}",
    "{id: r, when: x == 1, send: [high], examples: [{event: {}, metadata: {receive_count: 2}, match: true, "
    "description: d}]}",
]

WRONG_RULES = [
    "{when: x == 1, send: [high]}",
    "{id: r, send: [high]}",
    "{id: r, when: x == 1}",
    "{id: r, when: x == 1, pattern: {a: [1]}, send: [high]}",
    "{id: r, when: [x], send: [high]}",
    "{id: r, when: x == 1, send: high}",
    "{id: r, when: x == 1, send: []}",
    "{id: 'not a name', when: x == 1, send: [high]}",
    "{id: r, when: x == 1, send: [high], colour: red}",
    "{id: r, when: x == 1, send: [high], enabled: yes}",
    "{id: r, when: x == 1, send: [high], mode: dark}",
    "{id: r, when: x == 1, send: [high], delay: 901}",
    "{id: r, when: x == 1, send: [high], delay: -1}",
    "{id: r, when: x == 1, send: [high], delay: 1.5}",
    "{id: r, when: x == 1, send: [high], tags: a}",
    "{id: r, when: x == 1, send: [high], attributes: {a: {path: x, value: y}}}",
    "{id: r, when: x == 1, send: [high], attributes: {a: [x]}}",
    "{id: r, when: x == 1, send: [high], attributes: {'a b': x}}",
    "{id: r, when: x == 1, send: [high], attributes: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1}}",
    "{id: r, when: x == 1, send: [high], examples: [{event: {}}]}",
    "{id: r, when: x == 1, send: [high], examples: [{match: true}]}",
    "{id: r, when: x == 1, send: [high], examples: [{event: {}, file: a.json, match: true}]}",
    "{id: r, when: x == 1, send: [high], examples: [{event: [], match: true}]}",
    "{id: r, when: x == 1, send: [high], description: }",
    "{id: r, pattern: {}, send: [high]}",
    "{id: r, pattern: {a: 1}, send: [high]}",
    "{id: r, pattern: {a: []}, send: [high]}",
    "{id: r, pattern: {a: [[1]]}, send: [high]}",
    "{id: r, pattern: {a: [{prefx: b}]}, send: [high]}",
    "{id: r, pattern: {a: [{prefix: b, suffix: c}]}, send: [high]}",
    "{id: r, pattern: {a: [{prefix: 5}]}, send: [high]}",
    "{id: r, pattern: {a: [{numeric: ['!=', 5]}]}, send: [high]}",
    "{id: r, pattern: {a: [{numeric: ['<', 5, '>', 1]}]}, send: [high]}",
    "{id: r, pattern: {a: [{exists: 'true'}]}, send: [high]}",
    "{id: r, pattern: {a: [{anything-but: [a, 1]}]}, send: [high]}",
    "{id: r, pattern: {a: [{anything-but: null}]}, send: [high]}",
    "{id: r, pattern: {$or: [{a: [1]}]}, send: [high]}",
    "{id: r, pattern: {$or: [{a: [1]}, {prefix: [1]}]}, send: [high]}",
]

WRONG_FILES = [
    "target: {}",
    "targets: []",
    "targets: {a: {}}",
    "targets: {a: q}",
    "targets: {drop: {queue: q}}",
    "targets: {a b: {queue: q}}",
    "targets: {a: {queue: q, url: 'https://x'}}",
    "targets: {a: {queue: q, priority: 100}}",
    "targets: {a: {queue: q, colour: red}}",
    "rules: {}",
    "unmatched: []",
    "- rules",
]


@pytest.mark.parametrize("rule", GOOD_RULES)
def test_what_the_reader_takes_the_schema_takes(rule: str, tmp_path: Path) -> None:
    text = HEAD.replace("standard:", "1:") + f"rules: [{rule}]\n"
    assert read_rules(write(tmp_path, text), environ={}).problems == []
    assert takes(text)


@pytest.mark.parametrize("rule", WRONG_RULES)
def test_a_wrong_rule_is_refused_by_the_schema_and_by_the_reader(rule: str, tmp_path: Path) -> None:
    text = HEAD + f"rules: [{rule}]\n"
    assert not takes(text)
    assert read_rules(write(tmp_path, text), environ={}).problems


@pytest.mark.parametrize("text", WRONG_FILES)
def test_a_wrong_file_is_refused_by_the_schema_and_by_the_reader(text: str, tmp_path: Path) -> None:
    assert not takes(text)
    assert read_rules(write(tmp_path, text), environ={}).problems


@pytest.mark.parametrize(
    "kind", ["queue: q", "url: 'https://x.example'", "topic: t", "bus: b", "state_machine: s, per_second: 5"]
)
def test_a_target_of_every_kind_is_taken(kind: str) -> None:
    assert takes(f"targets: {{a: {{{kind}, priority: 0, description: d}}}}")


@pytest.mark.parametrize(
    ("test", "valid"),
    [
        ("{event: {}, rules: []}", True),
        ("{file: a.json, targets: [a]}", True),
        ("{body: '[', rejected: INVALID_JSON, name: n, metadata: {}}", True),
        ("{event: {}, targets: {a: null, b: {group: g, delay: null, attributes: {x: 1, y: null}}}, shadow: [s]}", True),
        ("{event: {}}", False),
        ("{rules: []}", False),
        ("{event: {}, body: x, rules: []}", False),
        ("{event: {}, rules: a}", False),
        ("{event: {}, rejected: WRONG}", False),
        ("{event: {}, targets: {a: {grop: g}}}", False),
        ("{event: {}, targets: {a: {delay: 1.5}}}", False),
        ("{event: {}, colour: red, rules: []}", False),
    ],
)
def test_tables_of_tests_have_a_schema_of_their_own(test: str, valid: bool) -> None:
    assert TESTS_VALIDATOR.is_valid(document(f"tests: [{test}]")) is valid


# -------------------------------------------------------------------------------------------------------------- corpus


def corpus(name: str) -> Iterator[object]:
    path = CORPUS / name
    if not path.exists():
        pytest.skip(f"the corpus {name} is not beside this checkout")
    for line in path.read_text().splitlines():
        case = json.loads(line)
        try:
            yield json.loads(case["pattern_text"]) if "pattern_text" in case else case["pattern"]
        except ValueError:
            continue


def test_every_pattern_that_eventbridge_takes_is_taken() -> None:
    refused = [pattern for pattern in corpus("event_patterns.jsonl") if not PATTERN_VALIDATOR.is_valid(pattern)]
    assert refused == []


def test_most_patterns_that_eventbridge_refuses_are_refused() -> None:
    patterns = list(corpus("event_patterns_invalid.jsonl"))
    refused = [pattern for pattern in patterns if not PATTERN_VALIDATOR.is_valid(pattern)]
    assert len(refused) / len(patterns) > 0.9
