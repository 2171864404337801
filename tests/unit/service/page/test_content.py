"""What the page says in words and figures."""

import msgspec
import pytest
from tests.unit.pipeline.yard import ruleset
from tests.unit.service.snapshots import NOW, change, snapshot, target

from turnout.service.history import History
from turnout.service.page.content import Content, content
from turnout.service.summary import number, span
from turnout.telemetry.snapshot import FleetSnapshot, LetterSnapshot, Snapshot

MANY = """
targets: {crm: {queue: crm}}
unmatched: drop
rules:
""" + "".join(f"  - {{id: rule-{n}, when: detail.n == {n}, send: [crm]}}\n" for n in range(130))


def page(made: Snapshot, *, silent: str = "", wanted: str = "", rules: str | None = None) -> Content:
    history = History()
    history.add(msgspec.structs.replace(made, taken_at=made.taken_at - 10, received=made.received - 100))
    history.add(made)
    active = ruleset(rules) if rules else ruleset()
    return content(
        made, history, active, silent=silent, wanted=wanted, redact=lambda text: text.replace("+4930123456", "***")
    )


def healthy() -> Snapshot:
    return snapshot(targets=snapshot().targets[:1])


def test_a_healthy_worker_is_working() -> None:
    made = page(healthy())
    assert (made.tone, made.headline, made.reasons) == ("good", "Working", ())
    assert made.cards[0].value == "10/s"


def test_trouble_is_named_though_the_worker_is_alive_and_ready() -> None:
    made = page(snapshot())
    assert (made.tone, made.headline) == ("warn", "Working, with trouble")
    assert made.reasons == ("target archive fails: left alone, next try in 7.5 s",)
    why = "rules/10.yaml:4:9: vip: TR201 unexpected '='"
    rules = msgspec.structs.replace(healthy().rules, reload_success=False, reload_error=why)
    assert page(msgspec.structs.replace(healthy(), rules=rules)).reasons[0].endswith(f"are active: {why}")
    assert "nothing more is received" in page(msgspec.structs.replace(healthy(), in_flight=2000)).reasons[0]


def test_a_worker_that_waits_for_room_says_so_though_a_few_messages_more_might_be_held() -> None:
    def told(**of_poller: object) -> tuple[bool, str]:
        made = page(change(msgspec.structs.replace(healthy(), in_flight=1995), **of_poller))
        return any("nothing more is received" in reason for reason in made.reasons), made.cards[1].tone

    assert told(phase="no_room", seconds=30.0) == (True, "bad")
    assert told(phase="no_room", seconds=0.01) == (False, "warn"), "at full load that is so now and then"
    assert told(phase="polling", seconds=3.0) == (False, "warn")


def test_what_keeps_a_worker_from_being_ready_hides_no_other_trouble() -> None:
    unready = change(snapshot(), errors=3, error="AccessDenied", phase="pausing")
    for made, headline in ((unready, "Not ready"), (snapshot(draining=True, in_flight=2000), "Draining")):
        told = page(made)
        assert told.headline == headline
        assert len(told.reasons) == 2
        assert told.reasons[1] == "target archive fails: left alone, next try in 7.5 s"


def test_of_many_failing_targets_the_headline_names_a_few_those_to_be_repaired_first_and_counts_the_others() -> None:
    down = [target(f"t-{n}", breaker="open", fault="system", probe_seconds=5.0) for n in range(300)]
    down.append(target("mine", breaker="open", fault="config", probe_seconds=5.0))
    rules = msgspec.structs.replace(healthy().rules, reload_success=False)
    made = page(msgspec.structs.replace(healthy(), targets=tuple(down), rules=rules))
    assert made.reasons[:2] == (
        "target mine fails: to be repaired by you, next try in 5 s",
        "target t-0 fails: left alone, next try in 5 s",
    )
    assert made.reasons[5] == "296 more targets fail"
    assert "rule files have changed" in made.reasons[6]
    assert len(made.reasons) == 7
    assert page(msgspec.structs.replace(healthy(), targets=tuple(down[:6]))).reasons[5] == "1 more target fails"


def test_of_thousands_of_targets_those_are_shown_that_fail_or_where_most_waits_in_their_order() -> None:
    many = [target(f"t-{n}", backlog=n % 7) for n in range(3000)]
    many[2000] = target("down", breaker="open", fault="system")
    many[1000] = target("full", backlog=99)
    made = page(snapshot(targets=(*many, target("dead", is_dead_letter_queue=True))))
    names = [row.target.name for row in made.targets]
    assert (len(names), made.targets_hidden) == (100, 2901)
    assert [name for name in names if not name.startswith("t-")] == ["full", "down", "dead"]
    assert names[0] == "t-6"
    few = page(healthy())
    assert (len(few.targets), few.targets_hidden) == (1, 0)


def test_a_worker_process_that_ends_is_trouble_while_it_is_missed_and_ten_minutes_after() -> None:
    def told(running: int, seconds: float) -> tuple[str, ...]:
        ended = FleetSnapshot(3, running, 4, "worker 1 ended with exit code 1", healthy().taken_at - seconds)
        return tuple(page(msgspec.structs.replace(healthy(), fleet=ended)).reasons)

    assert told(2, 3) == (
        "1 of 3 workers is not running: worker 1 ended with exit code 1, 3 s ago; it is started again each time",
    )
    assert told(3, 3) == (
        "worker 1 ended with exit code 1, 3 s ago; it is started again each time (4 in all). The log says why",
    )
    assert told(3, 700) == ()
    assert page(msgspec.structs.replace(healthy(), fleet=FleetSnapshot(3, 2))).reasons == (), "it is about to start"


def test_of_a_supervisor_it_is_told_how_many_workers_run_whatever_the_headline_is() -> None:
    assert page(healthy()).workers == ""
    for fleet, told in ((FleetSnapshot(4, 4), "4 of 4"), (FleetSnapshot(4, 3), "3 of 4")):
        failing = change(healthy(), errors=3, error="AccessDenied", phase="pausing")
        assert page(msgspec.structs.replace(failing, fleet=fleet)).workers == told


@pytest.mark.parametrize(
    ("made", "headline", "tone"),
    [
        (change(healthy(), seconds=600.0), "Stalled", "bad"),
        (change(healthy(), errors=3, error="AccessDenied", phase="pausing"), "Not ready", "bad"),
        (msgspec.structs.replace(healthy(), draining=True), "Draining", "warn"),
    ],
)
def test_what_is_wrong_is_the_headline(made: Snapshot, headline: str, tone: str) -> None:
    assert (page(made).headline, page(made).tone) == (headline, tone)
    assert page(made).reasons


def test_a_silent_worker_shows_what_was_known_last() -> None:
    made = page(healthy(), silent="the event loop has been blocked for 9.0 s")
    assert (made.tone, made.headline) == ("bad", "Not answering")
    assert made.received == 1000


def test_a_fault_of_configuration_asks_for_a_repair() -> None:
    target = msgspec.structs.replace(snapshot().targets[1], fault="config", probe_seconds=3.0)
    row = page(snapshot(targets=(target,))).targets[0]
    assert row.state == "to be repaired by you, next try in 3 s"
    assert row.tone == "bad"


def test_a_target_that_waits_for_a_message_to_be_tried_with_says_so() -> None:
    target = msgspec.structs.replace(snapshot().targets[1], fault="config", probe_seconds=0.0)
    assert page(snapshot(targets=(target,))).targets[0].state == (
        "to be repaired by you, tried again with its next message"
    )


def test_letters_that_differ_in_the_number_of_attempts_alone_are_one_row() -> None:
    said = ("it is gone", "it is gone (after 2 attempts)", "it is gone (after 12 attempts)")
    letters = tuple(LetterSnapshot(NOW, "QUEUE_MISSING", text, "m", "e", ("crm",)) for text in said)
    (row,) = page(snapshot(recent_letters=letters)).letters
    assert (row.count, row.message) == (3, "it is gone")


def test_letters_that_say_the_same_are_one_row_and_contact_data_is_masked() -> None:
    refused = [
        LetterSnapshot(NOW - n, "MESSAGE_REJECTED", "call +4930123456 refused", f"m-{n}", f"e-{n}", ("crm",))
        for n in range(5)
    ]
    letters = (*refused, LetterSnapshot(NOW - 60, "INVALID_JSON", "not JSON", "m-9", "", ()))
    first, second = page(snapshot(recent_letters=letters)).letters
    assert (first.count, first.message, first.ids) == (5, "call *** refused", ("e-0", "e-1"))
    assert (second.count, second.last, second.ids) == (1, "60 s ago", ("m-9",))


def test_of_many_targets_that_a_letter_is_owed_to_some_are_named_and_the_others_counted() -> None:
    letters = tuple(
        LetterSnapshot(NOW, "QUEUE_MISSING", "gone", "m-1", "e-1", tuple(f"t{number}" for number in range(owed)))
        for owed in (5, 20)
    )
    few, many = page(snapshot(recent_letters=letters)).letters
    assert (few.owed, many.owed) == ("t0, t1, t2, t3, t4", "t0, t1, t2, t3, t4 and 15 more")


def test_ids_that_are_contact_data_are_masked_as_in_the_log() -> None:
    letters = (LetterSnapshot(NOW, "MESSAGE_REJECTED", "refused", "m-1", "call-+4930123456", ()),)
    (row,) = page(snapshot(recent_letters=letters)).letters
    assert row.ids == ("call-***",)


def test_of_many_rules_some_are_shown_and_the_others_can_be_asked_for() -> None:
    made = page(snapshot(), rules=MANY)
    assert (len(made.rule_rows), made.rules_hidden) == (100, 30)
    made = page(snapshot(), rules=MANY, wanted=" RULE-12 ")
    assert [row.id for row in made.rule_rows] == ["rule-12", *(f"rule-{n}" for n in range(120, 130))]
    assert made.rules_hidden == 0


def test_a_rule_says_when_it_matched_last() -> None:
    history = History()
    before, after = snapshot(), snapshot(taken_at=NOW + 40)
    rules = msgspec.structs.replace(before.rules, matches={"one": 3, "three": 0})
    history.add(msgspec.structs.replace(before, rules=rules))
    history.add(
        msgspec.structs.replace(
            before, taken_at=NOW + 2, rules=msgspec.structs.replace(rules, matches={"one": 4, "three": 0})
        )
    )
    made = content(after, history, ruleset(), silent="", wanted="", redact=str)
    assert {row.id: row.last for row in made.rule_rows} == {"one": "38 s ago", "three": "before this page was watched"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0025, "2.5 ms"),
        (0.75, "750 ms"),
        (1, "1 s"),
        (2.5, "2.5 s"),
        (90, "90 s"),
        (600, "10 min"),
        (14400, "4 h"),
        (345600, "4 days"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (7, "7"), (1234567, "1,234,567"), (0.25, "0.25"), (3.14159, "3.1"), (123.4, "123")]
)
def test_numbers_read_as_people_write_them(value: float, text: str) -> None:
    assert number(value) == text
