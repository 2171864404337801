"""The tutorials' failed events: listing, payloads as they came, and replay."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.servers.genesys import Stub, answering, dropping, refusing
from tests.unit.genesys.setting import Network, config, with_genesys

from turnout.errors import GenesysDenied, GenesysParked, GenesysUnavailable, GenesysUnsupported
from turnout.genesys.client import GenesysClient
from turnout.genesys.profiles.api import FailedEvent, ReplayBatch
from turnout.genesys.profiles.failed_events import FailedEvents
from turnout.genesys.session import Genesys

SUBSCRIPTION = "sub-1"
LIST = f"GET /api/v2/analytics/event-bridge/failed-events/{SUBSCRIPTION}"


def events(count: int) -> list[dict[str, object]]:
    return [{"id": f"e{number}", "eventType": "t", "failureCode": "429"} for number in range(count)]


def listing(stub: Stub, **changes: object) -> list[FailedEvent]:
    async def use(genesys: Genesys) -> list[FailedEvent]:
        return [event async for event in genesys.failed_events(SUBSCRIPTION)]

    return with_genesys(stub, use, profile="tutorial", **changes)


def replaying(stub: Stub, ids: list[str], **changes: object) -> list[ReplayBatch]:
    async def use(genesys: Genesys) -> list[ReplayBatch]:
        return [batch async for batch in genesys.replay(SUBSCRIPTION, ids)]

    return with_genesys(stub, use, profile="tutorial", **changes)


# ------------------------------------------------------------------------------------------------------------- listing


def test_all_failed_events_are_listed_until_an_empty_page() -> None:
    stub = Stub()
    stub.failed_events[SUBSCRIPTION] = events(250)
    assert [event.id for event in listing(stub)] == [f"e{number}" for number in range(250)]
    assert [one.query for one in stub.seen] == [
        {"limit": "100", "offset": offset} for offset in ("0", "100", "200", "250")
    ]


def test_a_service_that_gives_fewer_than_asked_for_loses_nothing() -> None:
    stub = Stub()
    stub.failed_events[SUBSCRIPTION] = events(250)
    assert len(listing(stub, page_size=500)) == 250


def test_events_that_arrive_while_the_list_is_read_are_not_listed_twice() -> None:
    stub = Stub()
    stub.failed_events[SUBSCRIPTION] = events(250)

    def shift() -> None:
        if len(stub.seen) < 3:
            stub.failed_events[SUBSCRIPTION][:0] = [{"id": f"new{len(stub.seen)}-{i}"} for i in range(30)]

    stub.after_page = shift
    assert [event.id for event in listing(stub)] == [f"e{number}" for number in range(250)]


def test_a_subscription_without_failures_is_an_empty_list() -> None:
    stub = Stub()
    stub.failed_events[SUBSCRIPTION] = []
    assert listing(stub) == []
    for empty in ("{}", '{"entities": null}'):
        stub.faults.append(answering(200, empty))
        assert listing(stub) == []


def test_payloads_come_as_they_are_byte_for_byte() -> None:
    stub = Stub()
    payload = '{"b": 1.0, "a":  [1e400, 12345678901234567890123], "a": "\\ud800\\u0041"}'
    text = json.dumps('{"as": "text\n"}')
    entities = [
        f'{{"id": "e1", "eventType": "t", "failureCode": 429, "failureReason": "slow\\n", "payload": {payload}}}',
        f'{{"id": "e2", "payload": {text}, "stackTrace": null}}',
        '{"id": "e3", "payload": null}',
        '{"id": 7, "failureCode": true, "failureReason": {"nested": [1]}}',
    ]
    stub.faults.append(answering(200, '{"entities": [' + ", ".join(entities) + "]}"))
    stub.failed_events[SUBSCRIPTION] = []
    assert listing(stub, attempts=1) == [
        FailedEvent(id="e1", event_type="t", failure_code="429", failure_reason="slow\n", payload=payload),
        FailedEvent(id="e2", payload='{"as": "text\n"}'),
        FailedEvent(id="e3"),
        FailedEvent(id="7", failure_code="true", failure_reason='{"nested": [1]}'),
    ]


def test_a_payload_with_a_byte_that_is_no_text_is_a_text_all_the_same() -> None:
    pages = iter([b'{"entities": [{"id": "e1", "payload": "{\\"name\\": \\"Ren\xe9\\"}"}]}', b"{}"])
    network = Network(lambda request: httpx.Response(200, content=next(pages)))

    async def use(client: GenesysClient) -> list[FailedEvent]:
        return [event async for event in FailedEvents(client, config()).each(SUBSCRIPTION)]

    assert network.run(use) == [FailedEvent(id="e1", payload='{"name": "Ren\N{REPLACEMENT CHARACTER}"}')]


def test_an_odd_entry_does_not_spoil_its_page_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    stub = Stub()
    stub.faults.append(answering(200, '{"entities": [1, null, {"eventType": "a"}, {"eventType": "b"}, {"id": "e1"}]}'))
    stub.failed_events[SUBSCRIPTION] = []
    assert [(event.id, event.event_type) for event in listing(stub)] == [("", "a"), ("", "b"), ("e1", "")]
    assert caplog.text.count("is no object, and is passed over") == 2


def test_listing_waits_out_a_429_and_a_gateways_page() -> None:
    stub = Stub()
    stub.failed_events[SUBSCRIPTION] = events(3)
    stub.faults += [refusing(0.02), answering(502, "<html>"), answering(200, "<html>")]
    assert len(listing(stub)) == 3


def test_an_endless_list_is_an_error() -> None:
    stub = Stub()
    stub.faults += [answering(200, '{"entities": [{"id": "e1"}]}')] * 10
    with pytest.raises(GenesysUnsupported, match="does not end"):
        listing(stub)


# -------------------------------------------------------------------------------------------------------------- replay


def test_each_id_is_replayed_once_at_most_a_hundred_a_call_and_spaced() -> None:
    stub = Stub()
    ids = [f"e{number}" for number in range(205)]
    batches = replaying(stub, [*ids, *ids[:50], ""])
    assert stub.replayed == [ids[:100], ids[100:200], ids[200:]]
    assert [batch.event_ids for batch in batches] == [tuple(some) for some in stub.replayed]
    assert all(batch.error is None for batch in batches)
    assert stub.seen[0].body == {"subscriptionId": SUBSCRIPTION, "eventIds": ids[:100]}
    assert all(later.at - earlier.at >= 0.1 for earlier, later in zip(stub.seen, stub.seen[1:], strict=False))


def test_replays_of_several_callers_are_spaced_as_well() -> None:
    stub = Stub()

    async def drain(batches: AsyncIterator[ReplayBatch]) -> None:
        async for _ in batches:
            pass

    async def use(genesys: Genesys) -> None:
        await asyncio.gather(*(drain(genesys.replay(SUBSCRIPTION, [f"e{number}"])) for number in range(3)))

    with_genesys(stub, use, profile="tutorial")
    assert all(later.at - earlier.at >= 0.1 for earlier, later in zip(stub.seen, stub.seen[1:], strict=False))
    assert len(stub.seen) == 3


@pytest.mark.parametrize("fault", [dropping(), answering(503), refusing(0.01)])
def test_a_replay_that_failed_is_told_and_not_repeated_and_the_others_go_on(fault: object) -> None:
    stub = Stub()
    stub.faults.append(fault)  # type: ignore[arg-type]
    first, second = replaying(stub, [f"e{number}" for number in range(150)])
    assert type(first.error) is GenesysUnavailable
    assert second.error is None
    assert [len(ids) for ids in stub.replayed] == [50]
    assert len(stub.seen) == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (refusing(9_000), GenesysParked),
        (answering(403, "{}"), GenesysDenied),
        (answering(404, "<html>"), GenesysUnsupported),
    ],
)
def test_when_others_would_fail_alike_they_are_not_sent(fault: object, kind: type[Exception]) -> None:
    stub = Stub()
    stub.faults.append(fault)  # type: ignore[arg-type]
    batches = replaying(stub, [f"e{number}" for number in range(350)])
    assert [type(batch.error) for batch in batches] == [kind] * 4
    assert len(stub.seen) == 1


def test_nothing_to_replay_asks_for_nothing() -> None:
    stub = Stub()
    assert replaying(stub, []) == []
    assert stub.logins == 0


# --------------------------------------------------------------------------------------------------------- not offered


@pytest.mark.parametrize("subscription", ["", "..", "a/b", "a b", "x" * 200])
def test_a_subscription_id_that_is_none_is_never_put_into_a_request(subscription: str) -> None:
    stub = Stub()

    async def use(genesys: Genesys) -> None:
        with pytest.raises(GenesysUnsupported):
            genesys.failed_events(subscription)
        with pytest.raises(GenesysUnsupported):
            await anext(genesys.replay(subscription, ["e1"]))

    with_genesys(stub, use, profile="tutorial")
    assert stub.logins == 0


def test_genesys_itself_has_no_failed_events_and_the_error_says_what_to_do_instead() -> None:
    async def use(genesys: Genesys) -> None:
        with pytest.raises(GenesysUnsupported, match="read the dead-letter queue of your own EventBridge rule instead"):
            genesys.failed_events(SUBSCRIPTION)
        with pytest.raises(GenesysUnsupported, match="TURNOUT_GENESYS_PROFILE=tutorial"):
            genesys.replay(SUBSCRIPTION, ["e1"])

    with_genesys(Stub(), use)


def test_paths_are_settings_and_an_empty_one_is_named() -> None:
    stub = Stub()
    with pytest.raises(GenesysUnsupported, match="TURNOUT_GENESYS_FAILED_EVENTS_PATH is empty"):
        listing(stub, failed_events_path="")
    with pytest.raises(GenesysUnsupported, match="TURNOUT_GENESYS_REPLAY_PATH is empty"):
        replaying(stub, ["e1"], replay_path="")
    with pytest.raises(GenesysUnsupported):
        listing(stub, failed_events_path="/elsewhere/{subscription_id}/events")
    assert stub.paths() == [f"GET /elsewhere/{SUBSCRIPTION}/events"]
