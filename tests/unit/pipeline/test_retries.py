"""What is sent again is what was sent: group, delay and attributes come along with every attempt."""

import asyncio
from collections.abc import Sequence

from tests.unit.pipeline.yard import SOURCE, Yard, event

from turnout.message import Attribute
from turnout.sqs.api import OutgoingMessage, SentBatch

RULES = """
targets:
  crm: {queue: crm}
unmatched: drop
rules:
  - id: fair
    when: detail.to == 'one'
    send: [crm]
    group: detail.tenant
    delay: 7
    attributes: {tenant: {path: detail.tenant}, kind: {value: call}}
"""


def test_every_attempt_of_an_entry_sends_the_same_group_delay_and_attributes() -> None:
    async def main() -> None:
        yard = Yard(RULES)
        attempts: list[OutgoingMessage] = []
        send = yard.sqs.send

        async def noted(queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
            if queue != SOURCE:
                attempts.extend(messages)
            return await send(queue, messages)

        yard.sqs.send = noted  # type: ignore[method-assign]
        yard.sqs.fail_calls("crm", "SendMessageBatch", "ServiceUnavailable", times=2)
        await yard.route(event("one", tenant="acme"), attributes={"own": Attribute("String", "x")})
        first, *others = attempts
        assert others == [first, first]
        assert first.delay_seconds == 7
        assert first.group_id == "acme", "the group of a standard queue, which makes it a fair one"
        assert first.deduplication_id is None, "which SQS takes on FIFO queues only"
        assert {name: value.text for name, value in first.attributes.items()} == {
            "tenant": "acme",
            "kind": "call",
            "own": "x",
        }

    asyncio.run(main())
