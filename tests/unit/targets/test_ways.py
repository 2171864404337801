"""How HTTP endpoints are reached: certificate authorities and proxies, as the environment names them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.servers.certificates import make_certificates
from tests.servers.connecting import ConnectProxy, connect_proxy
from tests.servers.raw import RawServer, answer, raw_server, serving

from turnout.app import load_ruleset
from turnout.doctor.asking.targets import ask_endpoint
from turnout.doctor.facts import Silence
from turnout.errors import Fault, RulesError, TargetError
from turnout.rules import Target
from turnout.rules.model import Kind
from turnout.settings import load_settings
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs
from turnout.targets.destinations import open_destinations
from turnout.targets.ways import problems_on_the_way, proxy_for

SOURCE = "http://sqs.memory/000000000000/events"
URL = "https://hooks.internal.test:8443/crm?key=hunter2"


RULES = f"""
targets: {{crm: {{url: "{URL}"}}}}
unmatched: drop
rules: [{{id: one, when: exists(detail), send: [crm]}}]
"""


class Network(NamedTuple):
    """An endpoint with a certificate of a private authority, and a proxy."""

    endpoint: RawServer
    proxy: ConnectProxy
    environ: dict[str, str]


@asynccontextmanager
async def network(folder: Path, **more: str) -> AsyncIterator[Network]:
    ca, tls = make_certificates(folder)
    async with raw_server(serving(lambda _: answer(b"")), tls) as endpoint, connect_proxy() as proxy:
        there = f"http://worker:pr0xy-secret@127.0.0.1:{proxy.port}"
        yield Network(endpoint, proxy, {"SSL_CERT_FILE": str(ca), "HTTPS_PROXY": there, **more})


async def post(url: str, environ: Mapping[str, str]) -> None:
    async with open_destinations(MemorySqs(), beside=SOURCE, environ=environ) as destinations:
        sent = await destinations.endpoint(url).send([OutgoingMessage("{}")])
        assert not sent.failures


def test_an_endpoint_whose_certificate_a_private_authority_signed_is_reached_when_the_environment_names_that(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        ca, tls = make_certificates(tmp_path)
        async with raw_server(serving(lambda _: answer(b"")), tls) as server:
            await post(server.url, {"SSL_CERT_FILE": str(ca)})
            with pytest.raises(TargetError, match="certificate verification failed"):
                await post(server.url, {})

    asyncio.run(main())


def test_an_endpoint_is_reached_through_the_proxy_that_the_environment_names(tmp_path: Path) -> None:
    async def main() -> None:
        async with network(tmp_path) as net:
            await post(net.endpoint.url, net.environ)
            assert net.proxy.asked == [f"127.0.0.1:{net.endpoint.port}"]
            assert net.proxy.credentials == ["Basic d29ya2VyOnByMHh5LXNlY3JldA=="]

    asyncio.run(main())


def test_a_host_that_is_excepted_is_reached_without_the_proxy(tmp_path: Path) -> None:
    async def main() -> None:
        async with network(tmp_path, NO_PROXY="example.com, 127.0.0.1") as net:
            await post(net.endpoint.url, net.environ)
            assert (net.proxy.asked, net.endpoint.connections) == ([], 1)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "fault", "retryable"),
    [(407, Fault.CONFIG, False), (403, Fault.CONFIG, False), (502, Fault.SYSTEM, True)],
)
def test_what_a_proxy_refuses_is_told_as_that_and_not_with_its_password(
    tmp_path: Path, status: int, fault: Fault, retryable: bool
) -> None:
    async def main() -> None:
        async with network(tmp_path) as net:
            net.proxy.status = status
            with pytest.raises(TargetError, match=f": HTTP {status}: the proxy does not") as caught:
                await post(net.endpoint.url, net.environ)
            assert (caught.value.fault, caught.value.retryable) == (fault, retryable)
            assert "pr0xy-secret" not in str(caught.value)

    asyncio.run(main())


def test_a_proxy_that_is_not_there_is_one_that_may_come_back() -> None:
    with pytest.raises(TargetError) as caught:
        asyncio.run(post(URL, {"HTTPS_PROXY": "http://worker:pr0xy-secret@127.0.0.1:1"}))
    assert (caught.value.fault, caught.value.retryable) == (Fault.SYSTEM, True)
    assert "pr0xy-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, ""),
        ({"HTTP_PROXY": "http://p:1"}, ""),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"HTTPS_PROXY": "p:1"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": "http://lower:1"}, "http://lower:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "internal.test"}, ""),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".INTERNAL.test"}, ""),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "hooks.internal.test:8443"}, ""),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "nal.test,example.com"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "*"}, ""),
    ],
)
def test_variables_for_proxies_mean_what_they_mean_to_other_programs(environ: dict[str, str], proxy: str) -> None:
    assert proxy_for(URL, environ) == proxy


@pytest.mark.parametrize(
    ("url", "names", "excepted"),
    [
        ("https://10.1.2.3/in", "10.0.0.0/8", True),
        ("https://11.1.2.3/in", "10.0.0.0/8", False),
        ("https://10.1.2.3/in", "10.9.9.9/8", True),
        ("https://10.1.2.3/in", "10.0.0.0/33, 10/8/8, /", False),
        ("https://ten.test/in", "10.0.0.0/8", False),
        ("https://[fd00::1]:8443/in", "fd00::/8", True),
        ("https://[fd00::1]:8443/in", "10.0.0.0/8", False),
        ("https://[fd00::1]:8443/in", "FD00:0::1", True),
        ("https://[fd00::1]:8443/in", "[fd00::1]", True),
        ("https://[fd00::1]:8443/in", "[fd00::1]:8443", True),
        ("https://[fd00::1]:8443/in", "[fd00::1]:443", False),
        ("https://10.1.2.3/in", "10.1.2.3:443", True),
        ("https://10.1.2.3/in", "10.1.2.3:80", False),
        ("https://hooks.test/in", "hooks.test:443", True),
        ("https://hooks.test/in", "test:443", True),
        ("http://hooks.test/in", "hooks.test:443", False),
        ("http://me:key@hooks.test/in", "hooks.test:80", True),
        ("https://hooks.test/in", "*.test", True),
        ("https://hooks.test/in", "other.test hooks.test", True),
        ("https://hooks.test/in", ", .,:443", False),
    ],
)
def test_exceptions_may_be_ranges_of_addresses_and_may_have_ports(url: str, names: str, excepted: bool) -> None:
    environ = {"HTTPS_PROXY": "http://p:1", "HTTP_PROXY": "http://p:1", "NO_PROXY": names}
    assert (proxy_for(url, environ) == "") is excepted


@pytest.mark.parametrize("proxy", ["socks5://me:pr0xy-secret@p:1", "http://", "http://me:pr0xy-secret@p:port"])
def test_a_proxy_that_cannot_be_used_is_told_by_its_variable_without_its_value(proxy: str) -> None:
    environ = {"https_proxy": proxy}
    (problem,) = problems_on_the_way([URL, URL], environ)
    assert problem.startswith("https_proxy: names no proxy that can be used")
    assert "pr0xy-secret" not in problem
    assert problems_on_the_way([], environ) == [], "only endpoints need it"
    with pytest.raises(TargetError, match=r"hooks\.internal\.test: NoWay: https_proxy: names no proxy") as caught:
        asyncio.run(post(URL, environ))
    assert (caught.value.fault, caught.value.retryable) == (Fault.CONFIG, False)


def test_a_worker_refuses_rules_with_endpoints_that_it_could_not_reach_and_takes_those_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.yaml"
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy:1080")
    monkeypatch.delenv("https_proxy", raising=False)
    settings = load_settings(
        {"source_queue_url": SOURCE, "dead_letter_queue_url": f"{SOURCE}-dead", "rules": str(rules)}
    )
    rules.write_text(RULES)
    with pytest.raises(RulesError, match="HTTPS_PROXY: names no proxy"):
        load_ruleset(settings)
    rules.write_text(RULES.replace(f'url: "{URL}"', "queue: crm"))
    assert load_ruleset(settings).targets["crm"].kind is Kind.QUEUE


def test_authorities_that_cannot_be_read_are_told_of(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for file in (empty, tmp_path / "missing.pem"):
        (problem,) = problems_on_the_way([URL], {"SSL_CERT_FILE": str(file)})
        assert problem.startswith(f"SSL_CERT_FILE: the certificate authorities in {file} cannot be read: ")


def test_the_doctor_takes_the_way_to_an_endpoint_that_the_worker_takes(tmp_path: Path) -> None:
    async def main() -> None:
        async with network(tmp_path, NO_PROXY="127.0.0.1") as net:
            here = Target("crm", net.endpoint.url, kind=Kind.URL)
            assert await ask_endpoint(here, net.environ) is None, "its authority is trusted"
            far = Target("crm", URL, kind=Kind.URL)
            assert await ask_endpoint(far, net.environ) is None, "the proxy takes connections"
            gone = await ask_endpoint(far, {"HTTPS_PROXY": "http://me:pr0xy-secret@127.0.0.1:1"})
            assert isinstance(gone, Silence)
            assert gone.message.startswith("the proxy on the way to it: ")
            assert "pr0xy-secret" not in gone.message

    asyncio.run(main())
