"""A queue as a target: what it takes is asked once, and not knowing is no obstacle."""

import asyncio

from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.targets.queue import QueueDestination


def test_the_queues_own_size_limit_is_learnt_with_the_first_send() -> None:
    async def main() -> None:
        sqs = MemorySqs()
        destination = QueueDestination(sqs, sqs.create_queue("small", max_message_bytes=2048))
        assert destination.max_message_bytes == 1_048_576
        await destination.send([OutgoingMessage("{}")])
        assert destination.max_message_bytes == 2048

    asyncio.run(main())


def test_who_may_not_ask_sends_all_the_same() -> None:
    async def main() -> None:
        sqs = MemorySqs()
        url = sqs.create_queue("closed")
        sqs.fail_calls(url, "GetQueueAttributes", "AccessDenied")
        destination = QueueDestination(sqs, url)
        sent = await destination.send([OutgoingMessage("{}")])
        assert not sent.failures
        assert destination.max_message_bytes == 1_048_576

    asyncio.run(main())


def test_group_order_is_kept_on_fifo_queues_only() -> None:
    sqs = MemorySqs()
    assert QueueDestination(sqs, sqs.create_queue("a.fifo")).ordered
    assert not QueueDestination(sqs, sqs.create_queue("a")).ordered
