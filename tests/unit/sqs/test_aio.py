"""The aioboto3 client's own conduct; what both clients do alike is in the contract tests."""

from __future__ import annotations

import asyncio

import pytest
from tests.servers.raw import Request, answer, raw_server, serving

from turnout.errors import SqsDenied
from turnout.sqs.aio import open_aio_sqs
from turnout.sqs.session import AwsConfig

EXPIRED = answer({"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "Expired."}, 400)


@pytest.mark.parametrize(("refused", "calls"), [(0, 1), (1, 2), (2, 2)])
def test_a_call_that_was_signed_before_newer_credentials_were_there_is_repeated_once(
    refused: int, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asked: list[str] = []

    def handle(request: Request) -> bytes:
        asked.append(request.operation)
        return EXPIRED if len(asked) <= refused else answer({"Messages": []})

    async def main() -> None:
        async with (
            asyncio.timeout(30),
            raw_server(serving(handle)) as server,
            open_aio_sqs(AwsConfig(region="us-east-1", endpoint_url=server.url)) as sqs,
        ):
            receiving = sqs.receive(f"{server.url}/000000000000/events", wait_seconds=0)
            if refused < calls:
                assert await receiving == []
            else:
                with pytest.raises(SqsDenied, match="ExpiredToken"):
                    await receiving

    asyncio.run(main())
    assert asked == ["ReceiveMessage"] * calls
