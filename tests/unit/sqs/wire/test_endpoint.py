"""What an endpoint's URL means: where to connect, what the `Host` header says, and what is spoken there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.servers.certificates import make_certificates
from tests.servers.raw import Peer, raw_server

from turnout.errors import SqsMisconfigured
from turnout.sqs.wire.endpoint import parse_endpoint
from turnout.sqs.wire.pool import Pool


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "path"),
    [
        ("http://sqs", "sqs", 80, "sqs", "/"),
        ("http://sqs:80/", "sqs", 80, "sqs", "/"),
        ("http://sqs:443", "sqs", 443, "sqs:443", "/"),
        ("http://sqs:4566/base", "sqs", 4566, "sqs:4566", "/base/"),
        ("http://[::1]", "::1", 80, "[::1]", "/"),
        ("http://[::1]:4566/base/", "::1", 4566, "[::1]:4566", "/base/"),
        ("https://sqs", "sqs", 443, "sqs", "/"),
        ("https://sqs:443", "sqs", 443, "sqs", "/"),
        ("https://sqs:8443", "sqs", 8443, "sqs:8443", "/"),
    ],
)
def test_a_port_that_goes_without_saying_is_not_said(
    tmp_path: Path, url: str, host: str, port: int, authority: str, path: str
) -> None:
    endpoint = parse_endpoint(url, str(make_certificates(tmp_path).ca) if url.startswith("https") else "")
    address = endpoint.address
    assert (address.host, address.port, address.tls is not None) == (host, port, url.startswith("https"))
    assert (endpoint.authority, endpoint.path) == (authority, path)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host",
        "nonsense",
        "http://",
        "http://host:port",
        "http://[::1",
        "http://a b/",
        "http://h\r\n/",
        "http://h\u00f6st",
    ],
)
def test_an_endpoint_that_is_no_http_url_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SqsMisconfigured) as caught:
        parse_endpoint(url, "")
    assert caught.value.code == "InvalidEndpoint"


def test_a_file_of_authorities_that_is_none_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SqsMisconfigured) as caught:
        parse_endpoint("https://host", str(tmp_path / "absent.pem"))
    assert caught.value.code == "InvalidCaBundle"


def test_a_server_that_speaks_several_versions_of_http_is_told_ours(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    certificates.server.set_alpn_protocols(["h2", "http/1.1"])
    spoken: list[str | None] = []

    async def converse(peer: Peer) -> None:
        spoken.append(peer._writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await peer.closed()

    async def test() -> None:
        async with raw_server(converse, certificates.server) as server:
            address = parse_endpoint(server.url, str(certificates.ca)).address
            pool = Pool(address, 1, connect_seconds=5.0, wait_seconds=5.0)
            await pool.acquire()
            pool.close()
            while not spoken:
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(test(), 15))
    assert spoken == ["http/1.1"]
