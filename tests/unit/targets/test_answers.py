"""What AWS's services say of a batch, entry by entry."""

from __future__ import annotations

from turnout.targets.answers import published, put


def test_what_sns_calls_both_published_and_failed_has_failed() -> None:
    answer = {
        "Successful": [{"Id": "0", "MessageId": "m-0"}, {"Id": "1", "MessageId": "m-1"}],
        "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}],
    }
    sent = published(2, answer)
    assert sent.message_ids == ("m-0", None)
    assert [(failure.index, failure.code) for failure in sent.failures] == [(1, "InternalError")]


def test_what_eventbridge_says_of_entries_that_nobody_sent_is_passed_over() -> None:
    sent = put(1, {"Entries": [{"EventId": "e-0"}, {"ErrorCode": "InternalFailure"}]})
    assert (sent.message_ids, sent.failures) == (("e-0",), ())
