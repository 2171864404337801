"""The head decision, and the variables that choose it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from turnout.telemetry.propagation import Context
from turnout.telemetry.sampling import Sampler

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = Context(TRACE, "b7ad6b7169203331", True)
UNSAMPLED = Context(TRACE, "b7ad6b7169203331", False)
UNDECIDED = Context(TRACE, "b7ad6b7169203331", None)


def sampler(name: str = "", argument: str = "") -> Sampler:
    found, problems = Sampler.from_environ({"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument})
    assert problems == ()
    return found


def test_every_trace_is_recorded_unless_the_environment_says_otherwise() -> None:
    assert sampler() == Sampler() == sampler("parentbased_always_on")
    assert sampler().samples(TRACE, None)
    assert sampler().samples("f" * 32, None)


@pytest.mark.parametrize(
    ("name", "root", "under_sampled", "under_unsampled"),
    [
        ("always_on", True, True, True),
        ("always_off", False, False, False),
        ("parentbased_always_on", True, True, False),
        ("parentbased_always_off", False, True, False),
        ("PARENTBASED_ALWAYS_OFF", False, True, False),
        (" always_off\n", False, False, False),
    ],
)
def test_only_parent_based_samplers_believe_the_message(
    name: str, root: bool, under_sampled: bool, under_unsampled: bool
) -> None:
    chosen = sampler(name)
    assert chosen.samples(TRACE, None) is root
    assert chosen.samples(TRACE, SAMPLED) is under_sampled
    assert chosen.samples(TRACE, UNSAMPLED) is under_unsampled


def test_a_parent_that_leaves_the_decision_to_us_gets_our_own() -> None:
    assert not sampler("parentbased_always_off").samples(TRACE, UNDECIDED)
    assert sampler("parentbased_always_on").samples(TRACE, UNDECIDED)


@given(st.integers(1, 2**128 - 1), st.floats(0, 1))
def test_a_ratio_decides_as_opentelemetry_does(trace_id: int, ratio: float) -> None:
    theirs = TraceIdRatioBased(ratio).should_sample(None, trace_id, "name").decision is Decision.RECORD_AND_SAMPLE
    assert sampler("traceidratio", repr(ratio)).samples(f"{trace_id:032x}", None) is theirs


def test_a_ratio_believes_the_message_only_where_it_is_parent_based() -> None:
    for argument, root in (("0", False), (" 1 ", True)):
        assert [sampler("traceidratio", argument).samples(TRACE, of) for of in (None, SAMPLED, UNSAMPLED)] == [root] * 3
        chosen = sampler("parentbased_traceidratio", argument)
        assert [chosen.samples(TRACE, of) for of in (None, SAMPLED, UNSAMPLED)] == [root, True, False]


def test_a_ratio_that_is_none_does_not_make_a_message_be_believed() -> None:
    found, _ = Sampler.from_environ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"})
    assert found.samples(TRACE, UNSAMPLED)


@pytest.mark.parametrize("argument", ["nonsense", "-0.1", "1.1", "nan", "inf"])
def test_a_ratio_that_is_none_is_reported_and_everything_is_traced(argument: str) -> None:
    found, problems = Sampler.from_environ(
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": argument}
    )
    assert found == Sampler()
    assert len(problems) == 1
    assert problems[0].startswith("OTEL_TRACES_SAMPLER_ARG: ")


def test_an_unknown_sampler_is_reported_and_everything_is_traced() -> None:
    found, problems = Sampler.from_environ({"OTEL_TRACES_SAMPLER": "xray"})
    assert found == Sampler()
    assert problems[0].startswith("OTEL_TRACES_SAMPLER: 'xray'")


@pytest.mark.parametrize("argument", ["0.01", "5"])
def test_a_ratio_for_no_sampler_is_reported_as_having_no_effect(argument: str) -> None:
    found, (problem,) = Sampler.from_environ({"OTEL_TRACES_SAMPLER": " ", "OTEL_TRACES_SAMPLER_ARG": argument})
    assert found == Sampler()
    assert problem.startswith("OTEL_TRACES_SAMPLER_ARG has no effect: set OTEL_TRACES_SAMPLER=parentbased_traceidratio")
    assert sampler("parentbased_always_on", argument) == Sampler(), "one switched it off, and may leave the rest"


def test_a_ratio_without_an_argument_means_all() -> None:
    assert sampler("traceidratio").samples("f" * 32, None)


def test_where_the_environment_says_nothing_nothing_is_wrong_with_it() -> None:
    assert Sampler.from_environ({}) == (Sampler(), ())
    assert Sampler.from_environ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}) == (Sampler(), ())
