"""What holds for every expression and every event."""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonpath_ng.ext.parser import parse as jsonpath
from tests.property.rules.strategies import conditions, events, paths, values

from turnout.failures import Reason
from turnout.rules.condition.ast import Condition, Path, Scalars, Segment, Spread
from turnout.rules.condition.compile import compile_condition, compile_finder
from turnout.rules.condition.interpret import Scope, find, holds
from turnout.rules.condition.render import render
from turnout.rules.decode import decode
from turnout.rules.environment import Environment
from turnout.rules.expression.parser import parse
from turnout.rules.expression.paths import PathReader
from turnout.rules.model import Rejection
from turnout.rules.problems import ExpressionError

READER = PathReader()


def read(text: str) -> Condition:
    return parse(text, reader=READER, environment=Environment({}))


def read_or_refuse(text: str) -> Condition | ExpressionError:
    try:
        return read(text)
    except ExpressionError as error:
        return error


@given(conditions())
@settings(max_examples=200, deadline=None)
def test_a_condition_rendered_and_read_again_is_the_same_condition(condition: Condition) -> None:
    assert read(render(condition)) == condition


@given(conditions(), events, values)
@settings(max_examples=300, deadline=None)
def test_evaluation_never_raises_and_the_compiled_form_says_what_the_interpreter_says(
    condition: Condition, event: object, metadata: object
) -> None:
    assert compile_condition(condition)(event, metadata, None) is holds(condition, Scope(event, metadata))


@given(conditions(), values)
@settings(max_examples=200, deadline=None)
def test_any_json_value_can_stand_where_an_event_is_expected(condition: Condition, event: object) -> None:
    assert compile_condition(condition)(event, None, None) is holds(condition, Scope(event))


@given(paths(), st.lists(st.sampled_from([Spread(), Spread(deep=True), Scalars()]), max_size=2), values)
@settings(max_examples=300, deadline=None)
def test_the_compiled_form_of_a_path_finds_the_walkers_values_in_its_order(
    path: Path, more: list[Segment], event: object
) -> None:
    path = Path(path.root, (*path.segments, *more))
    assert repr(list(compile_finder(path)(event, None, None))) == repr(find(path, Scope(event)))


@given(paths(), events)
@settings(max_examples=200, deadline=None)
def test_the_walker_finds_what_jsonpath_ng_finds(path: Path, event: object) -> None:
    found = [match.value for match in jsonpath(path.text).find(event)]
    if "[0,-1]" in path.text:
        # The one difference: an element that two indices name is taken once.
        assert {repr(value) for value in find(path, Scope(event))} == {repr(value) for value in found}
    else:
        assert repr(find(path, Scope(event))) == repr(found)


FRAGMENTS = (
    *("detail.x", "$..a", "@receive_count", "@", "@.x", "'a'", '"b"', "5", "-1.5e3", "true", "null", "${A}", "${A:-1}"),
    *("==", "!=", "<", ">=", "=", "in", "not", "and", "or", "(", ")", "[", "]", ",", "=~", "|", "&", "\\", "\n"),
    *(
        "len",
        "exists",
        "any",
        "all",
        "matches",
        "cidr",
        "wildcard",
        "lower",
        "contains",
        "[?(@.a==1)]",
        "[*]",
        ".",
        "..",
    ),
    *("`len`", "\u00e9", "\U0001f600", "\ud800"),
)


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=12), st.sampled_from(["", " "]))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused_at_a_place_inside_it(parts: list[str], glue: str) -> None:
    text = glue.join(parts)
    found = read_or_refuse(text)
    if isinstance(found, ExpressionError):
        assert 0 <= found.at.start <= found.at.end
        assert found.at.start <= len(text)
        assert found.message
    else:
        assert holds(found, Scope({"detail": {"x": 1}})) in (True, False)
        assert read(render(found)) == found


@given(st.text(max_size=40) | st.binary(max_size=40))
@settings(max_examples=500, deadline=None)
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example("1" * 100_000)
@example('"\\ud800')
def test_any_body_is_an_event_or_a_rejection(body: str | bytes) -> None:
    found = decode(body)
    assert isinstance(found, dict | Rejection)
    if isinstance(found, Rejection):
        assert found.reason in (Reason.INVALID_JSON, Reason.NOT_AN_OBJECT, Reason.TOO_DEEP)


@given(events)
@settings(max_examples=200, deadline=None)
def test_an_event_survives_being_written_and_decoded(event: dict[str, object]) -> None:
    text = json.dumps(event).replace("Infinity", "1e999")
    assert decode(text) == event
    assert decode(text.encode()) == event
