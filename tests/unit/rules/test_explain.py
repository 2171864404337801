"""Explanations of conditions: the tree, what was found, what is wrong with it, and what fails first."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest
from tests.unit.rules.language import read
from tests.unit.rules.pattern_text import parse_pattern_text

from turnout.rules.condition.ast import Root
from turnout.rules.explain.explain import explain
from turnout.rules.explain.finding import Finding
from turnout.rules.explain.locating import Located
from turnout.rules.pattern.pattern import compile_pattern
from turnout.rules.showing import kind_of


def of(text: str, event: object, metadata: object = None) -> Finding:
    return explain(read(text), event, metadata, source=text)


def of_pattern(pattern: object, event: object) -> Finding:
    compiled = compile_pattern(parse_pattern_text(json.dumps(pattern)))
    return explain(compiled.condition, event, source=compiled.source)


def all_of(finding: Finding) -> Iterator[Finding]:
    yield finding
    for part in finding.parts:
        yield from all_of(part)


def failing(finding: Finding) -> str:
    (first,) = [part for part in all_of(finding) if part.first_failure]
    return first.text


def values(finding: Finding) -> list[tuple[str, str]]:
    return [(found.at, found.shown) for found in finding.found]


# ------------------------------------------------------------------------------------------------------------- terms


def test_a_term_is_in_its_authors_words_with_the_value_found_and_where() -> None:
    finding = of("detail.x   == 1", {"detail": {"x": 2}})
    assert finding.text == "detail.x   == 1"
    assert finding.verdict is False
    assert values(finding) == [("detail.x", "2")]
    assert finding.found[0].kind == "a number"


def test_every_value_of_a_path_is_shown_at_its_own_place() -> None:
    finding = of("detail.p[*].q == 'b'", {"detail": {"p": [{"q": "a"}, {}, {"q": "b"}]}})
    assert finding.verdict is True
    assert values(finding) == [("detail.p[0].q", '"a"'), ("detail.p[2].q", '"b"')]


def test_functions_show_what_they_made_of_the_value() -> None:
    event = {"detail": {"channel": "VOICE", "tags": ["a", "b"]}}
    assert values(of("lower(detail.channel) == 'voice'", event)) == [("lower(detail.channel)", '"voice"')]
    assert values(of("len(detail.tags) > 1", event)) == [("len(detail.tags)", "2")]


def test_both_sides_of_a_comparison_are_shown() -> None:
    finding = of("detail.a < detail.b", {"detail": {"a": 2, "b": 1}})
    assert values(finding) == [("detail.a", "2"), ("detail.b", "1")]


@pytest.mark.parametrize("text", ["1 < detail.x <= 5", "detail.x in ['a', null]", "detail.x not in detail.y"])
def test_a_term_that_became_several_nodes_is_one_term_again(text: str) -> None:
    finding = of(text, {"detail": {"x": 9, "y": [9]}})
    assert (finding.kind, finding.text, finding.verdict, finding.parts) == ("term", text, False, ())


def test_metadata_is_shown_like_the_event_is() -> None:
    text = "@attributes.tenant == 'acme'"
    assert values(of(text, {}, {"attributes": {"tenant": "umbrella"}})) == [("@attributes.tenant", '"umbrella"')]
    assert of(text, {}).note == "no metadata was given"


def test_a_constant_condition_says_that_it_is_one() -> None:
    assert of("1 == 2", {}).note == "it is never true"


# ------------------------------------------------------------------------------------------------------------- notes


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("detail.durationMs > 1", "detail has no 'durationMs'; did you mean 'duration_ms'?"),
        ("nothing.at.all == 1", "the event has no 'nothing'"),
        (
            "detail.people.role == 'x'",
            "detail.people is an array, not an object; detail.people[*] is each of its elements",
        ),
        ("detail.people[*].job == 'x'", "none of the 2 values before 'job' has it"),
        ("detail.people[5].role == 'x'", "detail.people has 2 elements"),
        ("detail.one[1] == 'x'", "detail.one has 1 element"),
        ("detail.people[?(@.role == 'x')].age > 1", "nothing in detail.people fits the filter"),
        ("detail.none[*].x == 1", "detail.none is an empty array"),
        ("detail.nil.x == 1", "detail.nil is null, not an object"),
        ("detail.channel[0] == 'v'", "detail.channel is text, not an array"),
        ("detail['a','b'] == 1", "detail has none of these members"),
        ("detail.duration_ms == '5'", "a number, not text"),
        ("detail.flag == 1", "true or false, not a number"),
        ("detail.channel > 5", "text, not a number"),
        ("starts_with(detail.duration_ms, '5')", "a number, not text"),
        ("contains(detail.duration_ms, 'x')", "a number, not text or an array"),
        ("contains(detail.none, 'x')", ""),
        ("detail.channel == 'voice'", "it differs in upper and lower case only"),
        ("starts_with(detail.channel, 'vo')", "it differs in upper and lower case only"),
        ("detail.padded == 'x'", "it differs in blanks at its ends only"),
        ("cidr(detail.channel, '10.0.0.0/8')", "it is not an IP address"),
        ("matches(detail.long, '(x?){400}y')", "it is too long for this regular expression, which is not tried on it"),
        ("matches(detail.long, 'y')", ""),
        ("lower(detail.duration_ms) == 'x'", "the values found are of no kind that this looks at"),
        ("detail.channel == detail.duration_ms", "text and a number never compare"),
        ("detail.channel == 'chat'", ""),
    ],
)
def test_a_remark_says_why_nothing_fits(text: str, note: str) -> None:
    event = {
        "detail": {
            "duration_ms": 5,
            "people": [{"role": "a"}, {"role": "b"}],
            "none": [],
            "one": ["x"],
            "nil": None,
            "channel": "VOICE",
            "flag": True,
            "padded": " x\n",
            "long": "x" * 100_000,
        }
    }
    finding = of(text, event)
    assert finding.verdict is False
    assert finding.note == note


def test_what_fits_needs_no_remark() -> None:
    assert of("detail.x == 1", {"detail": {"x": 1}}).note == ""


# ------------------------------------------------------------------------------------------------------ first failure


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("a == 1 and b == 1 and c == 1", "b == 1"),
        ("(a == 9 or b == 9) and c == 9", "a == 9"),
        ("c == 9 or (a == 1 and b == 1)", "b == 1"),
        ("a == 1 and not (a == 1)", "not"),
        ("any(list, @ == 3)", "@ == 3"),
        ("all(list, @ > 1)", "@ > 1"),
        ("any(nothing, @ == 3)", "any of nothing"),
    ],
)
def test_the_first_failing_term_is_marked_in_the_alternative_that_came_nearest(text: str, first: str) -> None:
    assert failing(of(text, {"a": 1, "b": 2, "c": 3, "list": [1, 2]})) == first


def test_nothing_is_marked_in_a_condition_that_is_true() -> None:
    finding = of("a == 2 or a == 1", {"a": 1})
    assert not any(part.first_failure for part in all_of(finding))


def test_terms_that_hold_are_counted_and_of_alternatives_the_nearest_one_counts() -> None:
    finding = of("a == 1 and b == 1 and (c == 1 or (a == 1 and b == 9))", {"a": 1, "b": 2})
    assert (finding.held, finding.asked) == (2, 4)


# ----------------------------------------------------------------------------------------------------------- elements


def test_each_element_of_any_is_a_part_with_its_own_verdict() -> None:
    finding = of("any(p[*], @.q == 1 and @.r == 1)", {"p": [{"q": 1, "r": 2}, {"q": 1, "r": 1}]})
    assert finding.text == "any of p[*]"
    assert [(part.kind, part.text, part.verdict) for part in finding.parts] == [
        ("element", "p[0]", False),
        ("element", "p[1]", True),
    ]
    assert [term.text for term in finding.parts[0].parts] == ["@.q == 1", "@.r == 1"]


def test_of_many_elements_few_are_shown_and_those_that_decide_are_among_them() -> None:
    fits = of("any(list, @ == 900)", {"list": list(range(1000))})
    assert "list[900]" in [part.text for part in fits.parts]
    assert len(fits.parts) == 5
    assert fits.more == 995
    fails = of("all(list, @ != 900)", {"list": list(range(1000))})
    assert fails.verdict is False
    assert failing(fails) == "@ != 900"
    assert (fails.held, fails.asked) == (999, 1000)


def test_of_many_values_few_are_shown_and_the_others_counted() -> None:
    finding = of("list[*] == -1", {"list": list(range(25))})
    assert (len(finding.found), finding.more) == (10, 15)


# ----------------------------------------------------------------------------------------------------------- patterns


def test_a_pattern_is_explained_in_its_own_words_field_by_field() -> None:
    pattern = {
        "source": ["genesys"],
        "detail": {"channel": ["voice", "chat"], "ms": [{"numeric": [">", 5]}], "x": [{"exists": False}]},
    }
    finding = of_pattern(pattern, {"source": "genesys", "detail": {"channel": "email", "ms": 9, "x": 1}})
    assert {part.text: part.verdict for part in finding.parts} == {
        'source: ["genesys"]': True,
        'detail.channel: ["voice", "chat"]': False,
        'detail.ms: {"numeric": [">", 5]}': True,
        'detail.x: [{"exists": false}]': False,
    }
    assert failing(finding) == 'detail.channel: ["voice", "chat"]'


def test_a_pattern_over_an_array_shows_its_elements() -> None:
    pattern = {"detail": {"p": {"purpose": ["agent"], "n": [1]}}}
    finding = of_pattern(pattern, {"detail": {"p": [{"purpose": "agent", "n": 2}, {"purpose": "customer", "n": 1}]}})
    assert finding.text == "any of detail.p"
    assert [part.text for part in finding.parts] == ["detail.p[0]", "detail.p[1]"]
    assert [part.text for part in finding.parts[0].parts] == ['detail.p.purpose: ["agent"]', "detail.p.n: [1]"]


def test_a_single_object_in_an_array_is_shown_as_an_element() -> None:
    pattern = {"detail": {"a": [1], "b": [1]}}
    assert of_pattern(pattern, {"detail": [{"a": 1, "b": 2}]}).text == "any of detail"
    assert of_pattern(pattern, {"detail": {"a": 1, "b": 2}}).kind == "and"


def test_anything_but_with_several_prefixes_is_one_term() -> None:
    finding = of_pattern({"a": [{"anything-but": {"prefix": ["x", "y"]}}]}, {"a": "xyz"})
    assert (finding.kind, finding.text) == ("term", 'a: {"anything-but": {"prefix": ["x", "y"]}}')
    assert values(finding) == [("a", '"xyz"')]


# ------------------------------------------------------------------------------------------------- hostile and private


def test_what_an_event_holds_cannot_write_to_a_terminal_nor_fill_it() -> None:
    event = {"a\x1b[2J": {"b": "\x1b]0;x\x07" + "z" * 10_000}, "s": "\ud800", "big": 10**5000, "inf": float("inf")}
    text = " and ".join(["$..b == 'x'", "s == 'x'", "big == 1", "inf == 1"])
    finding = of(text, event)
    written = msgspec.json.encode(finding).decode()
    assert "\x1b" not in written
    assert len(written) < 2_000
    assert "\\ud800" in written
    assert "a number of more than 4,300 digits" in written


def test_a_redactor_is_asked_about_every_value_and_no_name_of_the_event_leaks() -> None:
    event = {"detail": {"ani": "tel:+15550100", "participantName": "Ada", "list": ["tel:+15550101"]}}
    text = "detail.ani == 'x' or detail.participant_name == 'y' or any(detail.list, @ == 'z')"
    asked: list[tuple[Root, tuple[str | int, ...]]] = []

    def redact(place: Located) -> str | None:
        asked.append((place.root, place.steps))
        return "***"

    finding = explain(read(text), event, source=text, redact=redact)
    written = msgspec.json.encode(finding).decode()
    assert "1555010" not in written
    assert "Ada" not in written
    assert "participantName" not in written
    assert (Root.EVENT, ("detail", "ani")) in asked
    assert (Root.EVENT, ("detail", "list", 0)) in asked


def test_a_redactor_may_let_a_value_through() -> None:
    finding = explain(read("a == 1 and b == 1"), {"a": 2, "b": 3}, redact=lambda p: "***" if p.path == "a" else None)
    assert [values(part) for part in finding.parts] == [[("a", "***")], [("b", "3")]]


def test_kinds_can_be_shown_in_place_of_values() -> None:
    def kind(place: Located) -> str:
        return f"({kind_of(place.value)})"

    finding = explain(read("detail.ani == 'x'"), {"detail": {"ani": "tel:+15550100"}}, redact=kind)
    assert values(finding) == [("detail.ani", "(text)")]
