"""The stub is as strict as what it stands for, and can be served to other threads and processes."""

import time

import httpx
import pytest
from tests.servers.genesys import CLIENT_ID, CLIENT_SECRET, Stub, running
from tests.unit.genesys.setting import CONVERSATION


def token(url: str) -> dict[str, str]:
    """The header that a request needs."""
    answer = httpx.post(
        f"{url}/oauth/token", data={"grant_type": "client_credentials"}, auth=(CLIENT_ID, CLIENT_SECRET)
    )
    assert answer.status_code == 200
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def test_it_is_ready_at_once_and_stops_at_once() -> None:
    started = time.monotonic()
    with running(Stub()) as stub:
        assert token(stub.url)
    assert time.monotonic() - started < 15
    with pytest.raises(httpx.ConnectError):
        httpx.get(stub.url)


def test_without_a_token_that_is_valid_nothing_is_answered() -> None:
    with running(Stub()) as stub:
        for headers in ({}, {"authorization": "Bearer x"}):
            answer = httpx.get(f"{stub.url}/api/v2/conversations/{CONVERSATION}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "bad.credentials")
        headers = token(stub.url)
        assert httpx.get(f"{stub.url}/api/v2/conversations/x", headers=headers).status_code == 404
        stub.expire_tokens()
        assert httpx.get(f"{stub.url}/api/v2/conversations/x", headers=headers).status_code == 401


def test_it_counts_per_token_and_refuses_what_is_too_much() -> None:
    with running(Stub(allowed=2)) as stub:
        first, second = token(stub.url), token(stub.url)
        url = f"{stub.url}/api/v2/conversations/x"
        answers = [httpx.get(url, headers=first) for _ in range(3)]
        assert [one.status_code for one in answers] == [404, 404, 429]
        assert [one.headers["inin-ratelimit-count"] for one in answers] == ["1", "2", "2"]
        assert 1 <= int(answers[2].headers["retry-after"]) <= 61
        assert answers[2].json()["code"] == "too.many.requests.retry.after"
        assert httpx.get(url, headers=second).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v2/analytics/conversations/details/query", {"dateFrom": "a", "page": 1}),
        ("POST", "/api/v2/analytics/conversations/details/query", {"interval": "2025-12-12"}),
        ("POST", "/api/v2/analytics/conversations/details/query", {"interval": "aT/bT", "paging": {"pageSize": 101}}),
        ("POST", "/analytics/conversations/details/query", {"interval": "a/b"}),
        ("POST", "/api/v2/analytics/event-bridge/replay", {"subscriptionId": "s", "eventIds": ["a", "a"]}),
        ("POST", "/api/v2/analytics/event-bridge/replay", {"subscriptionId": "s", "eventIds": []}),
        ("POST", "/api/v2/analytics/event-bridge/replay", {"subscriptionId": "s", "eventIds": [*map(str, range(101))]}),
        ("PATCH", f"/api/v2/conversations/{CONVERSATION}/participants/p/attributes", {"attributes": {"system": {}}}),
        ("PATCH", f"/api/v2/interactions/{CONVERSATION}", {"attributes": {"system": {"retryStatus": "done"}}}),
    ],
)
def test_it_refuses_what_the_real_service_refuses(method: str, path: str, body: dict[str, object]) -> None:
    stub = Stub()
    stub.live[CONVERSATION] = stub.interactions[CONVERSATION] = {"id": CONVERSATION}
    with running(stub):
        answer = httpx.request(method, stub.url + path, json=body, headers=token(stub.url))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad.request")
