"""Several workers as one, and what is kept of those that have ended."""

import msgspec
from tests.unit.service.snapshots import snapshot, target

from turnout.service.merging import ended, merged
from turnout.telemetry.histogram import CALL_BOUNDS, Histogram
from turnout.telemetry.metrics import read_metrics
from turnout.telemetry.snapshot import CallsSnapshot, RulesSnapshot, Snapshot


def sends(system: str, destination: str, count: int) -> CallsSnapshot:
    """So many send calls that went through."""
    durations = Histogram(CALL_BOUNDS)
    durations.add(1_000_000, count)
    return CallsSnapshot("send", destination, "", durations.counted(), system)


def after_a_reload(made: Snapshot) -> Snapshot:
    """A worker whose rules have no target `archive` and no rule `three` any more."""
    rules = msgspec.structs.replace(made.rules, matches={"one": 700, "off": 0}, fingerprint="fedcba9876543210")
    targets = tuple(target for target in made.targets if target.name != "archive")
    places = tuple(place for place in made.places if place.name != "archive")
    return msgspec.structs.replace(made, rules=rules, targets=targets, places=places)


def test_the_counters_of_workers_that_have_ended_stay_in_the_sums_and_what_they_held_is_handed_back() -> None:
    together = merged([snapshot(), snapshot()], ended(snapshot()))
    assert together.received == 3000
    assert together.in_flight == 20
    assert together.settled["handed_back"] == 5 + 5 + 5 + 10
    assert together.received == sum(together.settled.values()) + together.in_flight
    assert together.rules.matches == {"one": 2100, "three": 30, "off": 0}


def test_a_worker_that_ended_while_rules_were_broken_does_not_keep_the_repaired_ones_from_being_told() -> None:
    rules = snapshot().rules
    broken = msgspec.structs.replace(rules, reload_success=False, reload_error="rules.yaml:1:1: broken")
    assert not merged([snapshot(), snapshot(rules=broken)]).rules.reload_success
    together = merged([snapshot(), snapshot()], ended(snapshot(rules=broken)))
    assert (together.rules.reload_success, together.rules.reload_error) == (True, "")


def test_every_figure_of_a_worker_counts_whichever_comes_first() -> None:
    one = snapshot()
    figures = {name: value + 1 for name, value in msgspec.structs.asdict(one).items() if type(value) in (int, float)}
    other = msgspec.structs.replace(one, **figures)
    assert msgspec.structs.asdict(merged([one, other])) == msgspec.structs.asdict(merged([other, one]))


def test_targets_and_rules_that_a_reload_took_away_do_not_come_back_with_a_worker_that_ended_before() -> None:
    living = after_a_reload(snapshot(calls=(sends("aws_sqs", "crm", 7),)))
    before = ended(snapshot(calls=(sends("aws_sqs", "crm", 7), sends("aws_sqs", "archive", 3))))
    together = merged([living, living], before)
    assert [each.name for each in together.targets] == ["crm", "events-dead"]
    assert {each.name: each.sent for each in together.places} == {"crm": 2100, "events-dead": 15}
    assert list(together.rules.matches) == ["one", "off"]
    assert [(each.destination, each.durations.count) for each in together.calls] == [("crm", 21)]
    (active,) = (metric for metric in read_metrics(together) if metric.name == "turnout.rules.active")
    assert [sample.value for sample in active.samples] == [1]
    assert {each.name: each.sent for each in merged([snapshot()], before).targets}["archive"] == 20, "it is kept"


def test_a_queue_and_a_topic_of_one_name_are_two_places() -> None:
    one = snapshot(calls=(sends("aws_sqs", "orders", 2), sends("aws_sns", "orders", 5)))
    together = merged([one, one], ended(snapshot(targets=(target("orders"),))))
    assert [(each.system, each.durations.count) for each in together.calls if each.operation == "send"] == [
        ("aws_sqs", 4),
        ("aws_sns", 10),
    ]


def test_rules_are_as_old_as_the_oldest_worker_says() -> None:
    newer = RulesSnapshot("f" * 16, {"new": 1}, frozenset(), frozenset(), 0.0, True)
    assert merged([snapshot(), snapshot(rules=newer)]).rules.fingerprint == snapshot().rules.fingerprint
