"""One suite for every idempotency store: claims are leases, records stay, whoever asks."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from uuid import uuid4

import boto3
import pytest
from tests.servers.emulators import ministack, moto
from tests.servers.processes import Server
from tests.servers.raw import Peer, Request, answer, raw_server, serving, trickling

from turnout.idempotency.api import IdempotencyStore, StoreUnavailable
from turnout.idempotency.dynamodb import open_dynamo_store
from turnout.idempotency.memory import MemoryStore

Scenario = Callable[[IdempotencyStore], Awaitable[None]]
Run = Callable[[Scenario], None]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    with ministack() as first, moto() as second:
        yield {"ministack": first, "moto": second}


@pytest.fixture(params=["memory", "ministack", "moto"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a scenario with a fresh store."""
    if request.param == "memory":

        def in_memory(scenario: Scenario) -> None:
            asyncio.run(_scenario(scenario, MemoryStore(1000)))

        return in_memory
    server: Server = request.getfixturevalue("servers")[request.param]
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    table = f"t{uuid4().hex}"
    client = boto3.client("dynamodb", region_name="us-east-1")
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def on_dynamodb(scenario: Scenario) -> None:
        async def main() -> None:
            async with open_dynamo_store(table, ttl_days=15, region="us-east-1") as store:
                await _scenario(scenario, store)

        asyncio.run(main())

    return on_dynamodb


async def _scenario(scenario: Scenario, store: IdempotencyStore) -> None:
    async with asyncio.timeout(30):
        await scenario(store)


def test_a_new_event_is_free_and_nothing_is_done(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        claims = await store.claim({"a": "me", "b": "me"}, 30)
        assert [(claims[key].done, claims[key].busy_seconds) for key in "ab"] == [(frozenset(), 0.0)] * 2

    run(scenario)


def test_a_claimed_event_is_busy_for_others_and_free_for_its_owner(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        await store.claim({"a": "me"}, 30)
        assert 25 < (await store.claim({"a": "other"}, 30))["a"].busy_seconds <= 30
        assert (await store.claim({"a": "me"}, 30))["a"].busy_seconds == 0

    run(scenario)


# Not on moto: its threads look at a condition and write without a lock, so that two may get it.
@pytest.mark.parametrize("run", ["memory", "ministack"], indirect=True)
def test_of_many_who_claim_at_once_exactly_one_gets_it(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        answers = await asyncio.gather(*(store.claim({"a": f"worker-{n}"}, 30) for n in range(10)))
        assert sum(not answer["a"].busy_seconds for answer in answers) == 1

    run(scenario)


def test_a_lease_that_ran_out_is_free_again_and_what_was_done_is_remembered(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        await store.claim({"a": "me"}, 30)
        await store.record({"a": ("me", frozenset({"crm"}))})
        await store.claim({"a": "crashed"}, 0.05)
        await asyncio.sleep(0.1)  # the lease itself is what is waited for
        claim = (await store.claim({"a": "other"}, 30))["a"]
        assert (claim.done, claim.busy_seconds) == (frozenset({"crm"}), 0.0)

    run(scenario)


def test_a_record_adds_to_what_was_done_and_ends_the_lease(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        await store.claim({"a": "me"}, 30)
        await store.record({"a": ("me", frozenset({"crm"}))})
        await store.claim({"a": "you"}, 30)
        await store.record({"a": ("you", frozenset({"audit", "archive"}))})
        claim = (await store.claim({"a": "third"}, 30))["a"]
        assert (claim.done, claim.busy_seconds) == (frozenset({"crm", "audit", "archive"}), 0.0)

    run(scenario)


def test_a_record_without_targets_only_ends_the_lease(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        await store.claim({"a": "me"}, 30)
        await store.record({"a": ("me", frozenset())})
        claim = (await store.claim({"a": "you"}, 30))["a"]
        assert (claim.done, claim.busy_seconds) == (frozenset(), 0.0)

    run(scenario)


def test_who_lost_its_lease_may_record_but_does_not_end_the_lease_of_the_next(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        await store.claim({"a": "slow"}, 0.05)
        await asyncio.sleep(0.1)  # the lease itself is what is waited for
        await store.claim({"a": "next"}, 30)
        await store.record({"a": ("slow", frozenset({"crm"}))})
        claim = (await store.claim({"a": "third"}, 30))["a"]
        assert claim.done == frozenset({"crm"})
        assert claim.busy_seconds > 0

    run(scenario)


def test_what_is_not_known_any_more_can_be_renewed_and_recorded_all_the_same(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        await store.renew({"forgotten": "me"}, 30)
        await store.record({"forgotten": ("me", frozenset({"crm"}))})
        claim = (await store.claim({"forgotten": "other"}, 30))["forgotten"]
        assert (claim.done, claim.busy_seconds) == (frozenset({"crm"}), 0.0)

    run(scenario)


@pytest.mark.parametrize("run", ["ministack", "moto"], indirect=True)
def test_dynamodb_is_told_in_whole_seconds_when_an_item_may_go(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        await store.claim({"claimed": "me", "recorded": "me"}, 30)
        await store.record({"recorded": ("me", frozenset({"crm"}))})
        client = boto3.client("dynamodb", region_name="us-east-1")
        tables = client.list_tables()["TableNames"]
        items = {item["key"]["S"]: item for name in tables for item in client.scan(TableName=name)["Items"]}
        assert items.keys() >= {"claimed", "recorded"}
        assert [item["expires"]["N"] for item in items.values() if not item["expires"]["N"].isdigit()] == []
        for key in ("claimed", "recorded"):
            days = (int(items[key]["expires"]["N"]) - time.time()) / 86_400
            assert 14.9 < days < 15.1, f"an event that was {key} is known for as long as it may come again"

    run(scenario)


def test_a_renewed_lease_lasts_longer_and_only_its_owner_can_renew_it(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        await store.claim({"a": "me", "b": "me"}, 0.3)
        await store.renew({"a": "me", "b": "somebody else"}, 60)
        await asyncio.sleep(0.4)  # the first leases themselves are what is waited for
        claims = await store.claim({"a": "other", "b": "other"}, 30)
        assert claims["a"].busy_seconds > 30
        assert claims["b"].busy_seconds == 0

    run(scenario)


def test_what_was_done_by_a_renewal_outlives_its_owner_and_nobody_else_can_tell_it_so(run: Run) -> None:
    async def scenario(store: IdempotencyStore) -> None:
        await store.claim({"a": "me", "b": "me", "c": "me"}, 0.3)
        done = {"a": frozenset({"crm"}), "b": frozenset({"crm"})}
        await store.renew({"a": "me", "b": "somebody else", "c": "me"}, 0.3, done)
        await store.renew({"a": "me"}, 0.3, {"a": frozenset({"audit"})})
        await asyncio.sleep(0.4)  # the leases themselves are what is waited for
        claims = await store.claim({"a": "other", "b": "other", "c": "other"}, 30)
        assert [claim.busy_seconds for claim in claims.values()] == [0, 0, 0]
        assert claims["a"].done == frozenset({"crm", "audit"})
        assert claims["b"].done == claims["c"].done == frozenset()

    run(scenario)


def test_a_missing_table_and_a_dead_endpoint_are_told_as_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with open_dynamo_store("nowhere", ttl_days=15, region="us-east-1", timeout_seconds=0.5) as store:
            for call in (
                store.claim({"a": "me"}, 30),
                store.renew({"a": "me"}, 30),
                store.record({"a": ("me", frozenset({"crm"}))}),
            ):
                with pytest.raises(StoreUnavailable):
                    await call

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    asyncio.run(main())
    with ministack() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        asyncio.run(main())


@pytest.mark.parametrize("page", [b"<html>Please log in</html>", b"", b"[]", b"{}"])
def test_an_answer_of_something_else_than_dynamodb_claims_nothing(page: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(lambda _: answer(page, Content_Type="text/html"))) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_store("events", ttl_days=15, region="us-east-1") as store:
                for call in (
                    store.claim({"a": "me"}, 30),
                    store.renew({"a": "me"}, 30),
                    store.record({"a": ("me", frozenset({"crm"}))}),
                ):
                    with pytest.raises(StoreUnavailable, match="not DynamoDB's"):
                        await call

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


def test_one_event_that_the_table_is_too_busy_for_takes_nothing_from_what_it_says_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = {"Attributes": {"done": {"SS": ["crm"]}}}
    throttled = {"__type": "com.amazonaws.dynamodb#ProvisionedThroughputExceededException", "message": "slow down"}

    def handle(request: Request) -> bytes:
        if b'"throttled"' in request.body:
            return answer(throttled, 400, x_amzn_RequestId="1", Content_Type="application/x-amz-json-1.0")
        return answer(done, x_amzn_RequestId="2", Content_Type="application/x-amz-json-1.0")

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_store("events", ttl_days=15, region="us-east-1") as store:
                claims = await store.claim({"a": "me", "throttled": "me", "b": "me"}, 30)
                assert [claims[key].done for key in ("a", "throttled", "b")] == [{"crm"}, frozenset(), {"crm"}]
                assert "ProvisionedThroughputExceeded" in claims["throttled"].unavailable
                assert claims["a"].unavailable == claims["b"].unavailable == ""
                with pytest.raises(StoreUnavailable, match="ProvisionedThroughputExceeded"):
                    await store.claim({"throttled": "me"}, 30)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


@pytest.mark.parametrize("item", [{}, {"owner": {"S": "other"}, "lease_until": {"N": "1.000"}}])
def test_an_event_that_is_let_go_while_it_is_asked_for_is_busy_still_because_nothing_was_claimed(
    monkeypatch: pytest.MonkeyPatch, item: dict[str, object]
) -> None:
    refused = {"__type": "com.amazonaws.dynamodb#ConditionalCheckFailedException", "message": "held"}

    def handle(request: Request) -> bytes:
        if request.operation == "UpdateItem":
            return answer(refused, 400, x_amzn_RequestId="1", Content_Type="application/x-amz-json-1.0")
        assert request.parameters["ConsistentRead"] is True, "an older state may not know of what was done"
        return answer({"Item": {"done": {"SS": ["crm"]}, **item}}, x_amzn_RequestId="2")

    async def main() -> None:
        async with asyncio.timeout(60), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_store("events", ttl_days=15, region="us-east-1") as store:
                claim = (await store.claim({"a": "me"}, 30))["a"]
                assert (claim.done, claim.busy_seconds) == (frozenset({"crm"}), 1.0)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


def test_a_table_whose_answer_comes_byte_by_byte_and_never_ends_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    trickle = trickling(b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 1\r\nContent-Length: 100000\r\n\r\n{")

    async def main() -> None:
        async with asyncio.timeout(10), raw_server(trickle) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_store("events", ttl_days=15, region="us-east-1", timeout_seconds=0.1) as store:
                with pytest.raises(StoreUnavailable, match="no answer in time"):
                    await store.claim({"a": "me"}, 30)

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


def test_a_store_that_is_left_leaves_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        left = asyncio.Event()

        async def once(peer: Peer) -> None:
            await peer.request()
            await peer.answer(x_amzn_requestid="1")
            await peer.closed()
            left.set()

        async with asyncio.timeout(10), raw_server(once) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_store("events", ttl_days=15, region="us-east-1") as store:
                await store.claim({"a": "me"}, 30)
                assert not left.is_set()
            await left.wait()

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())


def test_to_claim_and_to_record_an_event_costs_one_write_each(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def handle(request: Request) -> bytes:
        calls.append(request.operation)
        return answer(b"{}", x_amzn_requestid="1")

    async def main() -> None:
        async with asyncio.timeout(10), raw_server(serving(handle)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            async with open_dynamo_store("events", ttl_days=15, region="us-east-1") as store:
                await store.claim({"a": "me"}, 30)
                await store.record({"a": ("me", frozenset({"crm"}))})

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    asyncio.run(main())
    assert calls == ["UpdateItem", "UpdateItem"]


def test_the_memory_of_one_process_is_bounded() -> None:
    async def main() -> None:
        store = MemoryStore(10)
        for number in range(100):
            await store.claim({str(number): "me"}, 30)
            await store.record({str(number): ("me", frozenset({"crm"}))})
        claims = await store.claim({"95": "x", "5": "x"}, 30)
        assert claims["95"].done == frozenset({"crm"})
        assert claims["5"].done == frozenset(), "forgotten"

    asyncio.run(main())


def test_the_memory_of_one_process_forgets_first_what_did_not_come_for_the_longest_time() -> None:
    async def main() -> None:
        store = MemoryStore(2)
        for key in ("often", "once", "often", "new"):
            await store.claim({key: "me"}, 30)
            await store.record({key: ("me", frozenset({"crm"}))})
        claims = await store.claim({"often": "x", "once": "x"}, 30)
        assert (claims["often"].done, claims["once"].done) == (frozenset({"crm"}), frozenset())

    asyncio.run(main())
