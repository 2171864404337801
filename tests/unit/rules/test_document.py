"""The YAML reader: JSON's scalars, places, and everything hostile refused."""

import pytest

from turnout.rules.files.document import YamlError, read_document
from turnout.rules.files.nodes import MapNode, ScalarNode, to_json
from turnout.rules.limits import Limits
from turnout.rules.model import Json
from turnout.rules.problems import Code


def value(text: str) -> Json:
    node = read_document(text, lambda *_: None)
    assert node is not None
    return to_json(node)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("5", 5),
        ("-5", -5),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1e999", float("inf")),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2025-12-12", "2025-12-12"),
        ("2025-12-12T15:15:07Z", "2025-12-12T15:15:07Z"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("[1, a]", [1, "a"]),
        ("{a: {b: null}}", {"a": {"b": None}}),
        ("{true: 1, 5: 2}", {"true": 1, "5": 2}),
    ],
)
def test_scalars_mean_what_json_has(text: str, expected: Json) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_an_alias_stands_for_its_anchor() -> None:
    assert value("a: &x [1, 2]\nb: *x") == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: &a [*a]", Code.ALIAS, 0),
        ("a: *b", Code.ALIAS, 0),
        ("a: 1\nb: !!python/object/apply:os.system [x]", Code.TAG, 1),
        ("a: !include x", Code.TAG, 0),
        ("a: !!binary aGk=", Code.TAG, 0),
        ("<<: {a: b}", Code.YAML, 0),
        ("? [a]\n: b", Code.YAML, 0),
        ("a: b\n---\nc: d", Code.YAML, 1),
        ("a: b\n\t- c", Code.YAML, 1),
        ("{a: [}", Code.YAML, 0),
        ("a: b\nc: \x07", Code.YAML, 1),
        ("[" * 150 + "]" * 150, Code.TOO_DEEP, 0),
        ("[" * 100_000, Code.TOO_DEEP, 0),
    ],
)
def test_what_rule_files_must_not_hold_is_refused_at_its_place(text: str, code: Code, line: int) -> None:
    with pytest.raises(YamlError) as caught:
        read_document(text, lambda *_: None)
    assert caught.value.code is code
    assert caught.value.line == line


def test_an_alias_bomb_is_refused_before_it_goes_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(YamlError) as caught:
        read_document("\n".join(lines), lambda *_: None)
    assert caught.value.code is Code.ALIAS


def test_the_aliases_of_a_file_are_counted_together() -> None:
    text = "a: &a [1, 2, 3]\n" + "\n".join(f"b{n}: *a" for n in range(10))
    read_document(text, lambda *_: None, Limits(alias_nodes=40))
    with pytest.raises(YamlError):
        read_document(text, lambda *_: None, Limits(alias_nodes=39))


def test_a_key_that_stands_twice_is_reported_and_the_first_one_kept() -> None:
    reports: list[tuple[Code, str, int]] = []

    def report(code: Code, message: str, node: ScalarNode) -> None:
        reports.append((code, message, node.line))

    root = read_document("a: 1\nb: 2\na: 3", report)
    assert isinstance(root, MapNode)
    assert to_json(root) == {"a": 1, "b": 2}
    assert reports == [(Code.DUPLICATE_KEY, "'a' stands twice, first in line 1", 2)]
