"""What SQS's answers mean: nothing counts as sent or deleted that an answer does not say was."""

from __future__ import annotations

from turnout.message import Attribute
from turnout.sqs.answers import (
    BatchAnswer,
    DoneEntry,
    FailedEntry,
    ReceiveAnswer,
    ReceivedMessage,
    SendAnswer,
    SentEntry,
    batch_failures,
    received_messages,
    sent_batch,
    unencodable_entries,
)
from turnout.sqs.api import OutgoingMessage


def test_a_deletion_that_an_answer_passes_over_did_not_happen() -> None:
    for successful in ([DoneEntry("0"), DoneEntry("2")], [DoneEntry("2"), DoneEntry("0")]):
        (failure,) = batch_failures(3, BatchAnswer(successful))
        assert (failure.index, failure.code, failure.retryable) == (1, "NotAnswered", True)
    assert [failure.index for failure in batch_failures(2, BatchAnswer())] == [0, 1]
    assert batch_failures(2, BatchAnswer([DoneEntry("1"), DoneEntry("0")])) == ()


def test_what_an_answer_calls_both_done_and_failed_has_failed() -> None:
    failed = [FailedEntry("0", "InternalError", "We encountered an internal error.")]
    (failure,) = batch_failures(1, BatchAnswer([DoneEntry("0")], failed))
    assert (failure.code, failure.message) == ("InternalError", "We encountered an internal error.")
    sent = sent_batch([OutgoingMessage("x")], SendAnswer([SentEntry("0", "m-1")], failed))
    assert (sent.message_ids, [failure.code for failure in sent.failures]) == ((None,), ["InternalError"])


def test_a_send_whose_answer_brings_no_digests_or_another_order_has_arrived() -> None:
    messages = [OutgoingMessage(body, {"tenant": Attribute("String", text="acme")}) for body in ("x", "y")]
    sent = sent_batch(messages, SendAnswer([SentEntry("1", "m-1"), SentEntry("0", "m-0")]))
    assert (sent.message_ids, sent.failures) == (("m-0", "m-1"), ())


def test_only_what_cannot_be_written_down_is_kept_from_a_send() -> None:
    good, half = OutgoingMessage("good"), Attribute("String", text="\ud800")
    refused = unencodable_entries([good, OutgoingMessage("\ud800"), good, OutgoingMessage("x", {"a": half})])
    assert sorted(refused) == [1, 3]
    assert {failure.code for failure in refused.values()} == {"InvalidMessageContents"}


def test_a_message_comes_with_what_sqs_says_of_it() -> None:
    system = {"MessageGroupId": "g", "ApproximateReceiveCount": "3"}
    messages = [ReceivedMessage("m-1", "h", "x", system=system), ReceivedMessage("m-2", "h", "y")]
    one, other = received_messages(ReceiveAnswer(messages), "https://sqs.eu-west-1.amazonaws.com/1/orders")
    assert (one.system, one.receive_count) == (system, 3)
    assert (other.system, other.attributes) == ({}, {})


def test_what_stands_behind_a_damaged_message_in_its_fifo_group_is_left_out_with_it() -> None:
    def received(name: str, digest: str | None = None) -> ReceivedMessage:
        return ReceivedMessage(name, "h", "x", digest, {"MessageGroupId": name[0]})

    answer = ReceiveAnswer(
        [received("a-1"), received("b-1"), received("a-2", "another"), received("a-3"), received("b-2")]
    )
    for queue, left in (("orders.fifo", ["a-1", "b-1", "b-2"]), ("orders", ["a-1", "b-1", "a-3", "b-2"])):
        url = f"https://sqs.eu-west-1.amazonaws.com/1/{queue}"
        assert [message.id for message in received_messages(answer, url)] == left


def test_of_several_damaged_messages_in_a_fifo_group_the_first_is_what_nothing_passes() -> None:
    group = {"MessageGroupId": "a"}
    digests = (None, "another", None, "another", None)
    received = [ReceivedMessage(f"a-{n}", "h", "x", digest, group) for n, digest in enumerate(digests)]
    left = received_messages(ReceiveAnswer(received), "https://sqs.eu-west-1.amazonaws.com/1/orders.fifo")
    assert [message.id for message in left] == ["a-0"]
