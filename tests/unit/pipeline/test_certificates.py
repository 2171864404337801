"""An endpoint whose certificate is no good, or that speaks no TLS: held for, told of, served when it is repaired."""

import asyncio
from pathlib import Path

import pytest
from tests.servers.certificates import make_certificates
from tests.servers.raw import Peer, RawServer, Request, answer, raw_server, serving
from tests.unit.pipeline.yard import RULES, SOURCE, Yard, event, ruleset

from turnout.account import Outcome
from turnout.pipeline.breaker import BreakerConfig, BreakerState
from turnout.pipeline.worker import Worker
from turnout.recovery.causes import Cause, default_causes
from turnout.targets.destinations import Destinations, open_destinations


def worker(yard: Yard, server: RawServer, destinations: Destinations) -> Worker:
    """A worker whose `crm` is that server, by https."""
    rules = RULES.replace("{queue: crm, priority: 0}", f'{{url: "https://127.0.0.1:{server.port}/hook"}}')
    return Worker(yard.config, ruleset(rules), yard.sqs, yard.watch, None, destinations)


async def speak_plainly(peer: Peer) -> None:
    """What a server says that was asked for something else than HTTP."""
    await peer.write(answer(b"", 400))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("expired", "certificate verification failed: certificate has expired"),
        ("of another host", "certificate verification failed: IP address mismatch"),
        ("of an authority that is not trusted", "certificate verification failed: "),
        ("none, plain HTTP", "TLS failed: wrong version number"),
    ],
)
def test_an_endpoint_whose_certificate_is_not_good_gets_nothing_and_the_letter_says_why(
    tmp_path: Path, case: str, words: str
) -> None:
    ca, tls = make_certificates(
        tmp_path, expired=case == "expired", address="127.0.0.2" if case == "of another host" else "127.0.0.1"
    )
    environ = {} if case == "of an authority that is not trusted" else {"SSL_CERT_FILE": str(ca)}
    plain = case == "none, plain HTTP"
    converse = speak_plainly if plain else serving(lambda _: answer(b""))

    async def main() -> None:
        async with raw_server(converse, None if plain else tls) as server:
            yard = Yard(
                hold_seconds=0.05, breaker=BreakerConfig(failures=2, probe_seconds=0.01, probe_cap_seconds=0.01)
            )
            async with open_destinations(yard.sqs, beside=SOURCE, environ=environ) as destinations:
                yard.worker = worker(yard, server, destinations)
                await yard.route(event("three", 1))
        (letter,) = yard.letters()
        assert (letter.reason, letter.owed, set(letter.done)) == ("RETRIES_EXHAUSTED", ("crm",), {"archive", "audit"})
        assert words in letter.message
        verdict = default_causes().text(letter.message)
        assert verdict is not None
        assert verdict.cause is Cause.CONFIGURATION_WRONG

    asyncio.run(main())


def test_what_waits_for_an_endpoint_with_an_expired_certificate_is_sent_once_it_is_renewed(tmp_path: Path) -> None:
    ca, tls = make_certificates(tmp_path, expired=True)
    renewed = tmp_path / "renewed"
    renewed.mkdir()
    both = tmp_path / "both.pem"
    both.write_bytes(ca.read_bytes() + make_certificates(renewed).ca.read_bytes())

    async def main() -> None:
        got = []

        def take(request: Request) -> bytes:
            got.append(request.body.decode())
            return answer(b"")

        async with raw_server(serving(take), tls) as server:
            yard = Yard(
                hold_seconds=60.0, breaker=BreakerConfig(failures=2, probe_seconds=0.01, probe_cap_seconds=0.01)
            )
            async with open_destinations(yard.sqs, beside=SOURCE, environ={"SSL_CERT_FILE": str(both)}) as destinations:
                yard.worker = worker(yard, server, destinations)
                await yard.publish(event("one", 1))
                async with yard.running():
                    while yard.worker.senders["crm"].breaker.state is BreakerState.CLOSED:
                        await asyncio.sleep(0.001)
                    assert got == []
                    tls.load_cert_chain(renewed / "server.pem")
                    await yard.watch.wait(1)
        assert got == [event("one", 1)]
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}

    asyncio.run(main())
