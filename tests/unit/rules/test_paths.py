"""Paths: lowering, what is refused, and that the walker finds what jsonpath-ng finds."""

import time

import pytest
from jsonpath_ng.ext.parser import parse as jsonpath

from turnout.rules.condition.ast import Children, Descend, Item, Key, Root, Where
from turnout.rules.condition.interpret import Scope, find
from turnout.rules.expression.path_errors import PathError
from turnout.rules.expression.paths import PathReader

EVENT = {
    "a": {"b": {"c": 1}, "list": [1, 2, {"x": 1, "y": "u"}, {"x": 2, "y": "v"}, {"y": None}], "b c": 3, "0": "zero"},
    "detail-type": "t",
    "x": [[{"x": 5}], {"x": {"x": 6}}],
    "n": None,
    "ref": 2,
    "flag": True,
}

PATHS = [
    "a.b.c",
    "$.a.b.c",
    "detail-type",
    "a['b c']",
    "a.'b c'",
    "a.0",
    "a.list[0]",
    "a.list[-1]",
    "a.list[9]",
    "a.list[*].x",
    "a.list.*",
    "a.*",
    "$.*",
    "$",
    "$..x",
    "$..x.x",
    "$..[0]",
    "$..*",
    "a..y",
    "a.list[1:3]",
    "a.list[::2]",
    "a.list[::-1]",
    "a.list[0,2]",
    "a['b','0']",
    "a.list[?(@.x == 2)].y",
    "a.list[?(@.x != 2)].y",
    "a.list[?(@.x > 1)]",
    "a.list[?(@.x <= 1)]",
    "a.list[?(@.y == 'u' || @.x == 2)]",
    "a.list[?(@.y && @.x)]",
    "a.list[?(!@.x)]",
    "a.list[?@.x]",
    "a.list[?(@.y == null)]",
    "a.list[?(@.y != null)]",
    "a.list[?(@.x == $.ref)]",
    "a.list[?(@.x != $.ref)]",
    "a.list[?(@.x < $.ref)]",
    "a.list[?(@.x >= $.ref)]",
    "a.list[?(@.x == @.z)]",
    "a.list[?(@.x == $.missing)]",
    "a[?(@ == 3)]",
    "$[?(@ == true)]",
    "$..[?(@.x)]",
    "x[*][*].x",
    "missing.x",
    "a.b.c.d",
    "n.x",
    "a.list[?(@.y >= 'u')].x",
]


@pytest.mark.parametrize("text", PATHS)
def test_the_walker_finds_what_jsonpath_ng_finds(text: str) -> None:
    path = PathReader().read(text)
    assert find(path, Scope(EVENT)) == [found.value for found in jsonpath(text).find(EVENT)]


def test_plain_members_are_lowered_to_keys() -> None:
    path = PathReader().read("$.detail['tags'].priority")
    assert path.keys == ("detail", "tags", "priority")
    assert path.is_singular


@pytest.mark.parametrize("text", ["a.[x]", "a[x]", "a.['x']", "a['x']", "$.a.[x]", "a.'x'"])
def test_a_dot_before_a_bracket_and_quotes_left_out_in_it_make_no_difference(text: str) -> None:
    assert PathReader().read(text).segments == (Key("a"), Key("x"))
    assert PathReader().read(text.replace("a.", "a..")).segments[-1] == Key("x")


def test_other_steps_are_lowered_to_segments() -> None:
    path = PathReader().read("detail.participants[*]..id")
    assert path.segments == (Key("detail"), Key("participants"), Children(), Descend(), Key("id"))
    assert path.keys is None
    assert not path.is_singular
    assert PathReader().read("a[3]").segments == (Key("a"), Item(3))
    assert isinstance(PathReader().read("a[?(@.b == 1)]").segments[1], Where)


def test_each_text_is_parsed_once() -> None:
    reader = PathReader()
    assert reader.read("a.b") is reader.read("a.b")


def test_at_paths_have_roots_of_their_own() -> None:
    reader = PathReader()
    assert reader.read("@attributes.tenant").root is Root.METADATA
    assert reader.read("@.x").root is Root.ELEMENT
    assert reader.read("@").segments == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a[?(@.x =~ '(a+)+$')]", "backtracking"),
        ("a.`len`", "backquotes"),
        ("a.`sub(/(a+)+$/, b)`", "backquotes"),
        ("a.`split(x, 0, -1)`", "backquotes"),
        ("a.`parent`", "backquotes"),
        ("a[?(@.x + 1 > 2)]", "arithmetic"),
        ("a[/x]", "sorting"),
        ("a|b", "'|'"),
        ("a[?(@.x == agent)]", "quoted"),
        ("$..a..b", "only once"),
        ("$..[?(@..x)]", "only once"),
        ("a[?($.b[*] == 1)]", "one value"),
        ("a['x','x']", "twice"),
        ("a[::0]", "step"),
        ("a.where", "reserved"),
        ("a.$.b", "not supported"),
        ("." + "a." * 600, "characters"),
        ("a" + ".b" * 40, "steps"),
        ("a" + "[?(@" * 45 + ")]" * 45, "nested|steps"),
        ("a[" + "9" * 5_000 + "]", "characters"),
        ("a[?(@.x == '${NAME}')]", "environment"),
        ("", "expected"),
    ],
)
def test_what_could_hang_or_raise_is_refused(text: str, words: str) -> None:
    with pytest.raises(PathError, match=words.replace("|", r"\|") if words == "'|'" else words):
        PathReader().read(text)


def test_a_syntax_error_is_placed() -> None:
    with pytest.raises(PathError) as caught:
        PathReader().read("a.b]")
    assert caught.value.offset == 3


def test_backquotes_and_operators_inside_quotes_are_names() -> None:
    assert PathReader().read("a['`x` =~ y']").keys == ("a", "`x` =~ y")


def test_nested_indices_of_one_element_do_not_multiply() -> None:
    event: object = 1
    for _ in range(30):
        event = [event]
    path = PathReader().read("$" + "[0,-1]" * 30)
    started = time.process_time()
    assert find(path, Scope(event)) == [1]
    assert time.process_time() - started < 5  # a thousand million ways take minutes


def test_a_document_of_any_depth_is_walked() -> None:
    event: dict[str, object] = {"x": 1}
    for _ in range(20_000):
        event = {"d": event}
    assert find(PathReader().read("$..x"), Scope(event)) == [1]
