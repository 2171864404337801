"""From targets of the rules to destinations: what those of a kind share."""

import asyncio

from tests.unit.targets.endpoint import endpoint

from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.targets.destinations import open_destinations

SOURCE = "http://sqs.memory/000000000000/events"


def test_an_endpoints_cookies_are_not_kept_however_many_it_sets() -> None:
    async def main() -> None:
        async with open_destinations(MemorySqs(), beside=SOURCE, environ={}) as destinations:
            destination = destinations.endpoint(hook.url)
            for number in range(3):
                hook.headers = {"set-cookie": f"session-{number}=1; Path=/"}
                await destination.send([OutgoingMessage("{}")])

    with endpoint() as hook:
        asyncio.run(main())
    assert ["cookie" in got.headers for got in hook.got] == [False, False, False]
