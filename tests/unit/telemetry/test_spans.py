"""What is not on a span when there is nothing to say, and what is left out of one that would be too long."""

from __future__ import annotations

from tests.unit.telemetry.stories import Match, Sink, Story

from turnout.errors import Fault
from turnout.message import Failure, Outcome, Reason
from turnout.telemetry.tracing import LateTracing


def test_of_a_message_that_was_handed_back_before_its_turn_no_evaluation_is_told_and_no_ruleset() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    (account,) = story.receive()
    story.settle(Outcome.HANDED_BACK, account)
    assert [span.name for span in sink.spans] == ["receive orders", "process orders"]
    assert "turnout.ruleset.fingerprint" not in sink.spans[1].attributes


def test_an_event_without_an_id_a_type_and_a_conversation_is_traced_without_them() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    (account,) = story.receive()
    story.route(account, "a", match=Match(("a-rule",), ("a",), event_id=None, conversation_id=None, event_type=None))
    story.send(account.deliveries[0])
    story.settle(Outcome.DELIVERED, account)
    (process,), (create,) = sink.named("process orders"), sink.named("create a")
    missing = {"turnout.event.id", "turnout.event.type", "messaging.message.conversation_id"}
    assert not missing & (process.attributes.keys() | create.attributes.keys())
    assert process.attributes["turnout.rules.matched"] == ["a-rule"]


def test_a_delivery_that_failed_names_no_message_and_its_letter_does() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    (account,) = story.receive()
    story.route(account, "a")
    story.send(account.deliveries[0], error="AccessDenied")
    letter = story.write_letter(account)
    story.settle(Outcome.DEAD_LETTERED, account)
    (failed,), (written,) = sink.named("create a"), sink.named("create orders-dlq")
    assert "messaging.message.id" not in failed.attributes
    assert written.attributes["messaging.message.id"] == letter.message_id != ""


def test_the_letter_of_a_message_that_has_no_targets_says_nothing_of_targets_owed() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    (account,) = story.receive()
    story.reject(account, Failure(Reason.INVALID_JSON, Fault.DATA, "The body is not JSON."))
    story.write_letter(account)
    story.settle(Outcome.DEAD_LETTERED, account)
    (letter,) = sink.named("create orders-dlq")
    assert letter.attributes["turnout.letter.reason"] == "INVALID_JSON"
    assert "turnout.letter.owed" not in letter.attributes


def test_of_a_message_that_very_many_rules_matched_the_first_sixty_four_are_named() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    (account,) = story.receive()
    rules = [f"rule-{number}" for number in range(65)]
    story.route(account, "a", rules=rules)
    story.settle(Outcome.DELIVERED, account)
    for name in ("process orders", "evaluate rules"):
        (span,) = sink.named(name)
        assert span.attributes["turnout.rules.matched"] == rules[:64]


def test_no_text_from_outside_makes_a_span_that_is_endless() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    endless = "x" * 10_000
    unread, unsent, kept = (story.receive()[0] for _ in range(3))
    story.reject(unread, Failure(Reason.INVALID_JSON, Fault.DATA, endless))
    story.settle(Outcome.DEAD_LETTERED, unread)
    event = Match((endless,), ("a",), event_id=endless, conversation_id=endless, event_type=endless)
    story.route(unsent, "a", match=event)
    story.send(unsent.deliveries[0], error=endless, last=False)
    story.send(unsent.deliveries[0], error=endless, last=False)
    story.fail(unsent.deliveries[0], Failure(Reason.ACCESS_DENIED, Fault.CONFIG, endless, endless))
    story.settle(Outcome.DEAD_LETTERED, unsent)
    story.route(kept, "a")
    story.delete(kept, error=endless)
    story.settle(Outcome.DELIVERED, kept)
    assert {span.name.split()[0] for span in sink.spans} == {
        "receive",
        "process",
        "evaluate",
        "create",
        "send",
        "delete",
    }
    for span in sink.spans:
        retries = [event.attributes for event in span.events]
        assert len(repr([span.name, span.error, span.attributes, retries])) < 3_000, span.name


def test_that_no_rule_matches_fails_the_message_and_not_the_evaluation() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    (account,) = story.receive()
    story.route(account, rules=())
    account.failure = Failure(Reason.UNMATCHED, Fault.CONFIG, "no rule matches")
    story.write_letter(account)
    story.settle(Outcome.DEAD_LETTERED, account)
    (process,), (evaluate,) = sink.named("process orders"), sink.named("evaluate rules")
    assert (process.error, process.attributes["error.type"]) == ("no rule matches", "UNMATCHED")
    assert evaluate.error is None
    assert "error.type" not in evaluate.attributes
