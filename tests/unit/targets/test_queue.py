"""A queue as a target: what it takes less of than SQS does is found out when it refuses, and told as it is."""

import asyncio

import pytest

from turnout.errors import Fault, SqsRejected
from turnout.sqs.api import EntryFailure, OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.targets.api import MESSAGE_TOO_LONG
from turnout.targets.queue import QueueDestination

SMALL = 2048


def small(sqs: MemorySqs) -> QueueDestination:
    return QueueDestination(sqs, sqs.create_queue("small", max_message_bytes=SMALL))


def test_a_message_over_the_queues_own_limit_fails_as_too_long_and_its_neighbours_arrive() -> None:
    async def main() -> None:
        sqs = MemorySqs()
        destination = small(sqs)
        sent = await destination.send([OutgoingMessage("a"), OutgoingMessage("b" * 3000), OutgoingMessage("c")])
        assert sent.failures == (
            EntryFailure(1, MESSAGE_TOO_LONG, "3000 bytes with its attributes; small takes 2048", Fault.DATA, False),
        )
        assert [stored.message.body for stored in sqs.messages("small")] == ["a", "c"]

    asyncio.run(main())


def test_a_message_that_is_refused_with_its_whole_call_fails_as_too_long_as_well() -> None:
    async def main() -> None:
        sqs = MemorySqs()
        destination = small(sqs)
        sqs.fail_calls("small", "SendMessageBatch", "InvalidParameterValue", times=1)
        sent = await destination.send([OutgoingMessage("b" * 3000)])
        assert [failure.code for failure in sent.failures] == [MESSAGE_TOO_LONG]

    asyncio.run(main())


def test_what_is_refused_for_another_reason_stays_what_it_is() -> None:
    async def main() -> None:
        sqs = MemorySqs()
        destination = small(sqs)
        sent = await destination.send([OutgoingMessage("a", delay_seconds=901)])
        assert [failure.code for failure in sent.failures] == ["InvalidParameterValue"]
        sqs.fail_calls("small", "SendMessageBatch", "InvalidParameterValue", times=1)
        with pytest.raises(SqsRejected, match="InvalidParameterValue"):
            await destination.send([OutgoingMessage("a")])

    asyncio.run(main())


def test_who_may_not_ask_for_the_limit_hears_what_sqs_said() -> None:
    async def main() -> None:
        sqs = MemorySqs()
        destination = small(sqs)
        sqs.fail_calls("small", "GetQueueAttributes", "AccessDenied")
        sent = await destination.send([OutgoingMessage("b" * 3000)])
        assert [(failure.code, failure.message) for failure in sent.failures] == [
            ("InvalidParameterValue", "Message must be shorter than 2048 bytes.")
        ]

    asyncio.run(main())


def test_nothing_is_kept_from_a_queue_because_of_a_limit_it_once_had() -> None:
    async def main() -> None:
        sqs = MemorySqs()
        destination = small(sqs)
        await destination.send([OutgoingMessage("b" * 3000)])
        assert destination.max_message_bytes == 1_048_576
        sqs.fail_calls("small", "GetQueueAttributes", "AccessDenied")  # asked no second time so soon
        sent = await destination.send([OutgoingMessage("b" * 3000)])
        assert [failure.code for failure in sent.failures] == [MESSAGE_TOO_LONG]

    asyncio.run(main())


def test_group_order_is_kept_on_fifo_queues_only() -> None:
    sqs = MemorySqs()
    assert QueueDestination(sqs, sqs.create_queue("a.fifo")).ordered
    assert not QueueDestination(sqs, sqs.create_queue("a")).ordered
