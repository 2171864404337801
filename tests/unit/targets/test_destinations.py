"""From targets of the rules to destinations: what those of a kind share."""

import asyncio

import pytest
from tests.servers.raw import Peer, raw_server
from tests.unit.targets.endpoint import endpoint

from turnout.errors import Fault, TargetError
from turnout.rules import Target
from turnout.rules.model import Kind
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.targets.destinations import Destinations, open_destinations

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


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest",
        "http://x:port/",
        "https://xn--.test/",
        "javascript:alert(1)",
        "/" + "a" * 70_000,
    ],
)
def test_a_redirect_is_told_as_that_wherever_it_leads(location: str) -> None:
    async def main() -> None:
        async with open_destinations(MemorySqs(), beside=SOURCE, environ={}) as destinations:
            with pytest.raises(TargetError, match="HTTP 302: the endpoint redirects") as caught:
                await destinations.endpoint(hook.url).send([OutgoingMessage("{}")])
            assert (caught.value.fault, caught.value.retryable) == (Fault.CONFIG, False)

    with endpoint() as hook:
        hook.status, hook.headers = 302, {"location": location}
        asyncio.run(main())


def test_many_calls_at_a_time_keep_their_connections_for_the_next_events() -> None:
    calls = 30

    async def main() -> None:
        together = asyncio.Barrier(calls)

        async def converse(peer: Peer) -> None:
            while True:
                await peer.request()
                await together.wait()
                await peer.answer()

        async with (
            raw_server(converse) as server,
            open_destinations(MemorySqs(), beside=SOURCE, environ={}) as destinations,
        ):
            destination = destinations.endpoint(server.url)
            for _ in range(2):
                await asyncio.gather(*(destination.send([OutgoingMessage("{}")]) for _ in range(calls)))
            assert server.connections == calls

    asyncio.run(main())


def test_a_secret_that_is_not_set_is_told_of_and_one_that_is_set_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    destinations = Destinations(MemorySqs(), beside=SOURCE, environ={"SIGNED": "s3cret"})
    for name in ("SIGNED", "UNSIGNED"):
        destinations(Target(name.lower(), "https://crm.test/hook", kind=Kind.URL, secret_from=name))
    (told,) = caplog.messages
    assert told.startswith("UNSIGNED is not set: what is sent to unsigned is not signed")
