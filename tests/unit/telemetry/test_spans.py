"""What spans say of a message that did not go the whole way, and that no text from outside makes one endless."""

from __future__ import annotations

from tests.unit.telemetry.stories import Match, Sink, Story, text

from turnout.account import Outcome
from turnout.errors import Fault
from turnout.failures import Failure, Reason
from turnout.telemetry.spans import count
from turnout.telemetry.tracing import LateTracing


def test_of_a_message_that_was_handed_back_before_its_turn_no_evaluation_is_told_and_no_ruleset() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    (account,) = story.receive()
    story.settle(Outcome.HANDED_BACK, account)
    assert [span.name for span in sink.spans] == ["receive orders", "process orders"]
    assert "turnout.ruleset.fingerprint" not in sink.spans[1].attributes
    assert count(account) == 1, "that of the receive is not its own"


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
    assert letter.attributes["turnout.letter.fault"] == "data"
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
    unread, unsent, kept = (story.receive(attributes={"Turnout.Replay": text(endless)})[0] for _ in range(3))
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


def test_a_delivery_that_failed_without_a_code_of_its_own_is_told_by_its_reason() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    (account,) = story.receive()
    story.route(account, "a")
    story.fail(account.deliveries[0], Failure(Reason.MESSAGE_TOO_LARGE, Fault.DATA, "too large"))
    story.settle(Outcome.DEAD_LETTERED, account)
    (create,) = sink.named("create a")
    assert create.attributes["error.type"] == "MESSAGE_TOO_LARGE"


def test_a_delivery_that_no_target_had_taken_in_is_told_until_its_message_was_handed_back() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    (account,) = story.receive()
    story.route(account, "a")
    account.deliveries[0].queue = ""
    story.settle(Outcome.HANDED_BACK, account)
    (create,) = sink.named("create a")
    assert (create.start_ns, create.end_ns) == (account.evaluated_ns, account.settled_ns)
    assert create.attributes["messaging.system"] == "aws_sqs"
    assert create.attributes["messaging.destination.name"] == "a"


def test_an_evaluation_that_broke_off_ends_when_it_began() -> None:
    sink = Sink()
    story = Story(LateTracing(sink))
    (account,) = story.receive()
    story.reject(account, Failure(Reason.INTERNAL_ERROR, Fault.SYSTEM, "a bug"))
    account.evaluated_ns = 0
    story.settle(Outcome.DEAD_LETTERED, account)
    (evaluate,) = sink.named("evaluate rules")
    assert evaluate.start_ns == evaluate.end_ns == account.routed_ns
