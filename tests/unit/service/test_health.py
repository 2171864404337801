"""What is alive, what is ready, and the reasons given when not."""

import msgspec
from tests.unit.service.snapshots import NOW, change, snapshot

from turnout.service.health import alive, ready
from turnout.telemetry.snapshot import PollerSnapshot, SourceSnapshot


def test_a_worker_that_polls_is_alive_and_ready() -> None:
    assert alive(snapshot()).ok
    assert ready(snapshot()).ok
    assert not ready(snapshot()).reasons


def test_a_long_poll_is_no_stall_until_the_client_must_have_given_up() -> None:
    assert alive(change(snapshot(), seconds=20.0 + 35.0)).ok
    health = alive(change(snapshot(), seconds=66.0))
    assert not health.ok
    assert health.reasons == (
        "poller 0 of events has stalled: its poll has been under way for 66 s, 65 s at most are to be expected",
    )


def test_a_poller_that_waits_for_room_or_for_a_router_is_not_stalled() -> None:
    for phase in ("no_room", "handing_over", "pausing"):
        assert alive(change(snapshot(), phase=phase, seconds=900.0)).ok, phase


def test_failing_polls_make_a_worker_unready_but_not_dead() -> None:
    failing = change(snapshot(), phase="pausing", errors=3, error="AccessDenied")
    assert alive(failing).ok
    health = ready(failing)
    assert not health.ok
    assert health.reasons == ("events cannot be read: AccessDenied; the log has the details",)


def test_one_poller_that_reads_is_enough_for_its_queue_but_every_queue_counts() -> None:
    (source,) = snapshot().sources
    failing = PollerSnapshot("pausing", 1.0, NOW - 60, 2, "Throttled")
    both = msgspec.structs.replace(source, pollers=(failing, *source.pollers))
    other = SourceSnapshot("events-2", 0, 20, (failing,))
    assert ready(snapshot(sources=(both,))).ok
    assert ready(snapshot(sources=(both, other))).reasons == (
        "events-2 cannot be read: Throttled; the log has the details",
    )


def test_a_poller_that_rests_does_not_vouch_for_a_queue_that_the_others_cannot_read() -> None:
    (source,) = snapshot().sources
    rests = PollerSnapshot("resting", 3600.0, NOW - 3600, 0, "")
    failing = PollerSnapshot("pausing", 1.0, NOW - 1800, 60, "AccessDenied")
    failed = msgspec.structs.replace(source, pollers=(rests, failing, rests))
    assert ready(snapshot(sources=(failed,))).reasons == (
        "events cannot be read: AccessDenied; the log has the details",
    )
    reads = msgspec.structs.replace(source, pollers=(rests, *source.pollers))
    assert ready(snapshot(sources=(reads,))).ok
    about_to_begin = msgspec.structs.replace(source, pollers=(rests, rests))
    assert ready(snapshot(sources=(about_to_begin,))).ok


def test_nothing_is_ready_before_the_first_answer() -> None:
    assert "has been answered yet" in ready(change(snapshot(), read_at=0.0)).reasons[0]
    assert ready(snapshot(running=False)).reasons == ("starting: polling has not begun",)


def test_a_draining_worker_is_not_ready_and_says_what_is_left() -> None:
    health = ready(snapshot(draining=True))
    assert health.reasons == ("draining: it was told to stop, 10 messages still in flight",)
    assert alive(snapshot(draining=True)).ok


def test_a_worker_without_rules_is_not_ready() -> None:
    rules = msgspec.structs.replace(snapshot().rules, fingerprint="")
    assert ready(snapshot(rules=rules)).reasons == ("no rules are loaded",)
