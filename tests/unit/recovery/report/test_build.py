from __future__ import annotations

import asyncio
import json
import shlex
from datetime import timedelta

from tests.unit.recovery import letters
from tests.unit.recovery.report.stories import NOW, QUEUE, event, found, remembered, report

from turnout.recovery import Disposition, read_letter
from turnout.recovery.archive.restoring import Restoring
from turnout.recovery.deliver.api import Work
from turnout.recovery.ledger.records import RESTORED, Record, Status
from turnout.recovery.letter import Letter
from turnout.recovery.report import Command
from turnout.recovery.report.health import health
from turnout.recovery.report.model import Interaction, Share
from turnout.recovery.report.words import unsettled
from turnout.sqs.memory import MemorySqs
from turnout.targets.queue import QueueDestination


def one(message: dict[str, object], number: int = 1) -> Letter:
    return read_letter({**message, "MessageId": f"m-{number}"}, queue=QUEUE)


def test_every_letter_is_counted_once_in_every_distribution() -> None:
    made = report()
    assert made.total == 412
    for shares in (made.causes, made.dispositions, made.origins, made.event_types, made.statuses):
        assert sum(share.count for share in shares) == 412
    assert sum(group.count for group in made.groups) == 412
    assert sum(age.count for age in made.ages) == 412
    assert made.timeline is not None
    assert sum(made.timeline.totals) + made.timeline.undated == 412
    assert len(made.records) == 412


def test_the_largest_group_comes_first_and_says_where_and_why() -> None:
    group = report().groups[0]
    assert (group.cause, group.disposition, group.count) == ("RATE_LIMIT_EXCEEDED", Disposition.TRANSIENT, 195)
    assert group.targets[0] == Share("crm", 178)
    assert "ThrottlingException" in group.error


def test_a_letter_owed_to_two_targets_counts_for_both() -> None:
    made = report([one(letters.own(owed=("crm", "archive")))])
    assert made.targets == (Share("archive", 1), Share("crm", 1))


def test_statuses_come_from_the_ledger_and_are_pending_where_it_knows_nothing() -> None:
    some = found(20)
    known = {record.letter: record for record in remembered(some)[:10]}
    made = report(some, records=known)
    counts = {share.name: share.count for share in made.statuses}
    assert counts["pending"] >= 10
    assert counts["retried"] == 1
    assert sum(counts.values()) == 20


def test_the_success_rate_is_of_what_was_tried_and_there_is_none_when_nothing_was() -> None:
    some = found(60)
    health = report(some).health
    assert health is not None
    assert health.success_rate is not None
    assert health.delivered + health.archived + health.failed + _count(health.statuses, "pending") == health.total == 60
    assert round(health.success_rate * (health.delivered + health.archived + health.failed)) == (
        health.delivered + health.archived
    )
    idle = report(some, known=[]).health
    assert idle is not None
    assert idle.success_rate is None
    assert report(some, known=None).health is None


def test_a_letter_that_was_archived_and_restored_is_counted_once() -> None:
    def record(letter: str, status: Status, note: str = "") -> Record:
        return Record(letter, "dead", status=status, first_seen_ms=1, resolved_ms=1, note=note)

    archived = [record(each, Status.ARCHIVED) for each in ("m-1", "m-2", "m-3", "m-4")]
    again = [
        record("archived:m-1", Status.REPLAYED, RESTORED),
        record("m-1-restored", Status.RETRIED),
        record("archived:m-2", Status.REPLAYED, "crm"),  # delivered from the archive
        record("archived:m-3", Status.FAILED_REPLAY, "no such queue"),
    ]
    for known in (archived + again, again + archived):
        found = health(known)
        assert (found.total, found.delivered, found.archived, found.failed) == (4, 2, 2, 0)


def test_of_what_is_not_settled_is_said_how_much_is_gone_and_can_be_settled_by_nobody() -> None:
    known = [
        Record("m-1", "dead", status=Status.PARKED, sent_ms=1),
        Record("m-2", "dead", status=Status.PENDING, sent_ms=1_000_000),
        Record("m-3", "dead", status=Status.RETRIED, sent_ms=1),
    ]
    made = health(known, lambda record: record.sent_ms == 1)
    assert (made.open, made.gone) == (2, 1)
    assert unsettled(made.open, made.gone) == "2 not settled (1 of them gone: their time in the queue was over)"
    assert unsettled(2, 2) == "2 not settled (all of them gone: their time in the queue was over)"
    assert unsettled(2, 0) == "2 not settled"
    assert health(known).gone == 0


def test_the_restored_letter_of_an_archive_is_marked_in_the_ledger() -> None:
    letter = one(letters.own())
    sqs = MemorySqs()
    dead = sqs.create_queue("dead")
    restoring = Restoring(lambda url: QueueDestination(sqs, url), queue=dead)
    (outcome,) = asyncio.run(restoring([Work(letter)]))
    assert outcome.sentence == RESTORED


def _count(shares: tuple[Share, ...], name: str) -> int:
    return next((share.count for share in shares if share.name == name), 0)


def test_steps_give_a_dry_run_before_whatever_changes_something() -> None:
    for step in report().steps:
        changing = [command for command in step.commands if command.split()[2] in ("retry", "replay", "archive")]
        assert changing
        assert "--dry-run" in changing[0]


def test_repairs_come_first_and_name_what_is_to_be_repaired() -> None:
    first = report().steps[0]
    assert first.title == "95 letters wait for a repair at sqs crm (AUTHENTICATION_REJECTED)"
    assert "permission" in first.advice
    assert "--target arn:aws:sqs:eu-west-1:111122223333:crm" in first.commands[-1]
    assert f"--queue {QUEUE}" in first.commands[-1]


def test_steps_that_there_is_no_room_for_are_counted() -> None:
    def missing(target: int) -> Letter:
        return one(letters.own(reason="QUEUE_MISSING", fault="config", owed=(f"target-{target}",)), target)

    some = [missing(target) for target in range(14)]
    made = report([*some, *found()])
    assert len(made.steps) == 12
    (note,) = made.notes
    assert note.startswith("9 steps more are not shown")
    assert report().notes == ()


def test_commands_name_the_disposition_where_the_cause_alone_would_take_too_many() -> None:
    transient = one(letters.own(message="Throttling", owed=("crm",)), 1)
    needs_fix = one(letters.rule("FAILED_TO_ASSUME_ROLE"), 2)
    denied = one(letters.rule("NO_PERMISSIONS"), 3)
    alone = report([transient, denied]).steps
    assert not any("--disposition" in command for step in alone for command in step.commands)
    mixed = report([transient, needs_fix, denied, one(letters.rule("TRANSIENT_ASSUME_ROLE"), 4)]).steps
    selections = {command.split("--cause ")[1] for step in mixed for command in step.commands if "--cause" in command}
    assert {"AUTHENTICATION_REJECTED --disposition transient", "RATE_LIMIT_EXCEEDED"} <= selections


def test_arguments_in_commands_are_quoted_for_the_shell() -> None:
    hostile = one(letters.rule("NO_PERMISSIONS", TARGET_ARN="arn:x; rm -rf /"))
    (step,) = report([hostile]).steps
    assert "--target 'arn:x; rm -rf /'" in step.commands[-1]


def test_what_is_masked_in_a_command_takes_no_quote_away_that_keeps_the_shell_from_running_it() -> None:
    hostile = one(letters.rule("NO_PERMISSIONS", TARGET_ARN="arn:x token='x $(rm -rf /) #"))
    (step,) = report([hostile]).steps
    words = shlex.split(step.commands[-1])
    assert words[words.index("--target") + 1] == "arn:x token=***"
    assert not any("rm" in word for word in words)


def test_commands_take_no_more_letters_than_the_report_had() -> None:
    again = Command(
        source=("--file", "dead.jsonl"),
        narrowing=("--since", "2026-11-27T00:00:00.000+00:00"),
        targets=("crm",),
        dispositions=True,
        where="detail.channel == 'voice' or @attempts > 3",
    )
    transient = one(letters.own(message="Throttling", owed=("crm",)), 1)
    gone = one(letters.bus_v2("THROTTLING", ["e-1"]), 2)
    first, second = report([transient, gone], again=again).steps
    assert first.commands[-1] == (
        "turnout dlq retry --file dead.jsonl --since 2026-11-27T00:00:00.000+00:00 --target crm "
        """--where '(detail.channel == '"'"'voice'"'"' or @attempts > 3) and (@payload == "whole")' """
        "--cause RATE_LIMIT_EXCEEDED --disposition transient"
    )
    assert "(detail.channel == " in second.commands[-1]
    assert " and (@payload != " in second.commands[-1]


def test_commands_for_archived_letters_name_the_archive_and_put_nothing_into_it_again() -> None:
    again = Command(source=("--archived", "dlq/archives/"))
    broken = one(letters.own(reason="INVALID_JSON", fault="data", owed=(), done=(), rules=()), 1)
    made = report([broken, one(letters.bus_v2("THROTTLING", ["e-1"]), 2), one(letters.rule("TIMEOUT"), 3)], again=again)
    commands = [command for step in made.steps for command in step.commands]
    assert all(" --archived dlq/archives/ " in command for command in commands)
    assert {command.split()[2] for command in commands} == {"show", "retry"}


def test_for_letters_of_another_version_no_delivery_is_suggested() -> None:
    newer = one(letters.message(letters.BODY, letters.strings(**{"Turnout.Letter": '{"version": 2}'})))
    (step,) = report([newer]).steps
    assert step.title == "1 letter needs somebody to look (LETTER_UNREADABLE)"
    assert step.advice.startswith("Use the version of Turnout that wrote them, or a newer one")
    assert [command.split()[2] for command in step.commands] == ["show"]


def test_letters_without_their_event_are_never_retried() -> None:
    gone = one(letters.bus_v2("THROTTLING", ["e-1"]))
    (step,) = report([gone]).steps
    assert step.title == "1 letter without the event"
    assert not any(" retry " in command or " replay " in command for command in step.commands)


def test_personal_data_is_hidden_everywhere_unless_asked_for() -> None:
    body = json.dumps(event(1, ani="tel:+14295550100", note="call +442071838750 back"))
    letter = one(letters.rule("ERROR_FROM_TARGET", "no contact for jo@example.org", body))
    hidden = repr(report([letter]))
    assert "+1429" not in hidden
    assert "+4420" not in hidden
    assert "jo@example.org" not in hidden
    shown = repr(report([letter], show_pii=True))
    assert "+1429" in shown
    assert "jo@example.org" in shown


def test_secrets_stay_hidden_even_from_those_who_may_see_personal_data() -> None:
    body = json.dumps(event(1, password="hunter22", authorization="Bearer abcdef0123456789abcdef"))
    letter = one(letters.rule("ERROR_FROM_TARGET", "token=abcdef0123456789abcdef is bad", body))
    shown = repr(report([letter], show_pii=True))
    assert "hunter22" not in shown
    assert "abcdef0123456789" not in shown


def test_conversations_that_were_looked_up_are_counted_by_what_was_found() -> None:
    some = [one(letters.rule("TIMEOUT", body=json.dumps(event(n))), n) for n in range(3)]
    interactions = {
        some[0].conversation_id: Interaction(id=some[0].conversation_id, presence="found", channels=("voice",)),
        some[1].conversation_id: Interaction(id=some[1].conversation_id, presence="failed", error="HTTP 500"),
    }
    made = report(some, interactions=interactions)
    assert made.correlations == (Share("failed", 1), Share("found", 1))
    assert [record.interaction is not None for record in made.records] == [True, True, False]


def test_why_conversations_could_not_be_looked_up_is_said_once() -> None:
    def looked_up(**errors: str) -> tuple[str, ...]:
        interactions = {id_: Interaction(id=id_, presence="failed", error=error) for id_, error in errors.items()}
        found = {"d": Interaction(id="d", presence="found")}
        return report([], interactions=interactions | found, notes=("Another.",)).notes

    assert looked_up() == ("Another.",)
    assert looked_up(a="HTTP 500") == ("Another.", "1 conversation could not be looked up: HTTP 500")
    assert looked_up(a="HTTP 500", b="no such client", c="no such client")[1:] == (
        "3 conversations could not be looked up: no such client (said most often)",
    )


def test_no_letters_make_a_report_too() -> None:
    made = report([])
    assert made.total == 0
    assert made.timeline is None
    assert made.steps == ()
    assert made.oldest is None


def test_one_letter_that_says_it_failed_in_the_year_one_costs_no_other_its_place_in_time() -> None:
    odd = letters.own(first_failure="0001-01-01T00:00:00+00:00", last_failure="0001-01-01T00:00:00-14:00")
    made = report([one(odd), one(letters.rule("TIMEOUT"), 2)])
    assert made.timeline is not None
    assert made.timeline.steps <= 48
    assert made.oldest is not None
    assert made.oldest.year > 2000


def test_a_letter_from_the_future_is_no_older_than_nothing() -> None:
    message = letters.rule("TIMEOUT")
    message["Attributes"]["SentTimestamp"] = str(int((NOW + timedelta(days=400)).timestamp() * 1000))
    made = report([one(message)])
    assert made.timeline is not None
    assert made.timeline.steps == 1
    assert made.ages[0].count == 1
