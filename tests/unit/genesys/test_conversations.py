"""Correlation: by id, by query, and what it means when a conversation is absent. Both profiles."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from tests.servers.genesys import Stub, answering, refusing
from tests.unit.genesys.setting import CONVERSATION, OTHER, PARTICIPANT, config, with_client, with_genesys

from turnout.errors import Fault, GenesysDenied, GenesysParked, GenesysRejected, GenesysUnavailable, GenesysUnsupported
from turnout.genesys.client import GenesysClient
from turnout.genesys.conversation import Conversation, Participant
from turnout.genesys.conversations import Correlation, Correlator, Presence
from turnout.genesys.profiles.api import Profile
from turnout.genesys.profiles.genesys import GenesysProfile
from turnout.genesys.profiles.tutorial import TutorialProfile
from turnout.genesys.session import Genesys

NOW = datetime(2025, 12, 12, 15, 0, tzinfo=UTC)
AN_HOUR_AGO = NOW - timedelta(hours=1, seconds=1)
DETAILS = "GET /api/v2/analytics/conversations/details"
ONE = f"GET /api/v2/analytics/conversations/{CONVERSATION}/details"
QUERY = "POST /api/v2/analytics/conversations/details/query"


def details(id_: str = CONVERSATION, started: str = "2025-12-12T14:00:00.000Z") -> dict[str, object]:
    """What analytics tells of a conversation, personal data included."""
    segments = [{"segmentType": "interact", "queueId": OTHER}, {"queueId": None}]
    return {
        "conversationId": id_,
        "conversationStart": started,
        "originatingDirection": "inbound",
        "divisionIds": [OTHER],
        "participants": [
            {
                "participantId": PARTICIPANT,
                "participantName": "Ada Lovelace",
                "purpose": "customer",
                "sessions": [{"mediaType": "voice", "ani": "tel:+4915112345678", "segments": segments}],
            },
            {"purpose": "acd", "sessions": [{"mediaType": "voice"}, "odd"]},
            None,
        ],
    }


def correlate(
    stub: Stub, ids: Mapping[str, datetime | None], *, profile: str = "genesys", lag: float = 3_600.0, **changes: object
) -> list[Correlation]:
    async def use(client: GenesysClient) -> list[Correlation]:
        settings = config(stub.url, profile=profile, **changes)
        chosen: Profile
        chosen = TutorialProfile(client, settings) if profile == "tutorial" else GenesysProfile(client, settings)
        correlator = Correlator(chosen, lag_seconds=lag, clock=lambda: NOW)
        return [one async for one in correlator.correlate_all({id_: (at,) for id_, at in ids.items()})]

    return with_client(stub, use, **changes)


def one(stub: Stub, at: datetime | None = AN_HOUR_AGO, **changes: object) -> Correlation:
    (found,) = correlate(stub, {CONVERSATION: at}, **changes)  # type: ignore[arg-type]
    return found


# ------------------------------------------------------------------------------------------------------------ by id


def test_a_conversation_is_found_by_id_without_a_query() -> None:
    stub = Stub()
    stub.conversations[CONVERSATION] = details()
    found = one(stub)
    assert found.presence is Presence.FOUND
    assert stub.paths() == [ONE]
    assert found.conversation == Conversation(
        id=CONVERSATION,
        started_at="2025-12-12T14:00:00.000Z",
        direction="inbound",
        media_types=("voice",),
        queue_ids=(OTHER,),
        division_ids=(OTHER,),
        participants=(Participant(PARTICIPANT, "customer"),),
    )


def test_nothing_personal_of_a_conversation_is_kept() -> None:
    stub = Stub()
    stub.conversations[CONVERSATION] = details()
    shown = repr(one(stub))
    assert CONVERSATION in shown
    assert "Ada" not in shown
    assert "+49" not in shown


def test_many_conversations_are_looked_up_by_one_request() -> None:
    stub = Stub()
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(120)]
    stub.conversations |= {id_: details(id_) for id_ in ids}
    found = correlate(stub, dict.fromkeys(ids, AN_HOUR_AGO))
    assert [each.conversation_id for each in found] == ids
    assert all(each.presence is Presence.FOUND for each in found)
    assert stub.paths() == [DETAILS] * 3


def test_an_id_in_capitals_is_the_same_conversation() -> None:
    stub = Stub()
    stub.conversations[CONVERSATION.upper()] = details()
    (found,) = correlate(stub, {CONVERSATION.upper(): AN_HOUR_AGO})
    assert (found.conversation_id, found.presence) == (CONVERSATION.upper(), Presence.FOUND)


def test_an_answer_about_another_conversation_is_not_believed() -> None:
    stub = Stub()
    stub.conversations[CONVERSATION] = details(OTHER)
    assert one(stub).presence is Presence.ABSENT


# --------------------------------------------------------------------------------------------------------- by query


def test_what_is_not_found_by_id_is_queried_over_the_days_around_its_event() -> None:
    stub = Stub()
    stub.conversations[CONVERSATION] = details()
    stub.only_by_query.add(CONVERSATION)
    assert one(stub).presence is Presence.FOUND
    assert stub.paths() == [ONE, QUERY]
    body = stub.seen[1].body
    assert body["interval"] == "2025-12-11T00:00:00.000Z/2025-12-14T00:00:00.000Z"
    assert body["conversationFilters"][0]["predicates"] == [
        {"type": "dimension", "dimension": "conversationId", "operator": "matches", "value": CONVERSATION}
    ]
    assert body["paging"] == {"pageSize": 100, "pageNumber": 1}


def test_without_a_time_the_latest_days_are_queried_and_never_more_than_allowed() -> None:
    stub = Stub()
    one(stub, None)
    assert stub.seen[1].body["interval"] == "2025-11-12T00:00:00.000Z/2025-12-13T00:00:00.000Z"


def test_only_those_that_are_missing_from_many_are_queried() -> None:
    stub = Stub()
    stub.conversations |= {CONVERSATION: details(), OTHER: details(OTHER)}
    stub.only_by_query.add(OTHER)
    found = correlate(stub, {OTHER: AN_HOUR_AGO, CONVERSATION: AN_HOUR_AGO})
    assert [each.conversation_id for each in found] == [OTHER, CONVERSATION]
    assert all(each.presence is Presence.FOUND for each in found)
    assert stub.paths() == [DETAILS, QUERY]


# ----------------------------------------------------------------------------------------------------------- absent


@pytest.mark.parametrize(
    ("at", "presence", "retry_after"),
    [
        (NOW - timedelta(seconds=3_600), Presence.ABSENT, None),
        (NOW - timedelta(seconds=3_500), Presence.NOT_YET, 100.0),
        (NOW, Presence.NOT_YET, 300.0),
        (NOW + timedelta(hours=3), Presence.NOT_YET, 300.0),
        (None, Presence.NOT_YET, 300.0),
        (NOW.replace(tzinfo=None) - timedelta(seconds=3_500), Presence.NOT_YET, 100.0),
        ((NOW - timedelta(hours=2)).astimezone(timezone(timedelta(hours=9))), Presence.ABSENT, None),
        (datetime.max.replace(tzinfo=UTC), Presence.NOT_YET, 300.0),
        (datetime.min.replace(tzinfo=UTC), Presence.NOT_YET, 300.0),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-9))), Presence.NOT_YET, 300.0),
    ],
)
def test_absent_and_fresh_is_not_yet_and_absent_and_old_is_absent(
    at: datetime | None, presence: Presence, retry_after: float | None
) -> None:
    for profile in ("genesys", "tutorial"):
        found = one(Stub(), at, profile=profile)
        assert (found.presence, found.retry_after) == (presence, retry_after)


def test_the_lag_that_is_allowed_for_is_a_setting() -> None:
    assert one(Stub(), AN_HOUR_AGO, lag=7_200.0).presence is Presence.NOT_YET


# --------------------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize("id_", ["", "..", "../../x", "a b", CONVERSATION + "/x", "x" * 10_000, "\ud800", "a\nb"])
def test_an_id_that_is_none_is_never_put_into_a_request(id_: str) -> None:
    for profile in ("genesys", "tutorial"):
        stub = Stub()
        (found,) = correlate(stub, {id_: AN_HOUR_AGO}, profile=profile)
        assert found.presence is Presence.FAILED
        assert isinstance(found.error, GenesysRejected)
        assert stub.seen == []


def test_a_failed_look_up_is_told_for_its_own_conversation_and_stops_no_other() -> None:
    stub = Stub()
    stub.interactions["b"] = {"id": "b", "channels": [{"type": "voice"}]}
    stub.faults.append(answering(403, '{"code":"missing.permissions"}', kind="application/json"))
    first, second = correlate(stub, {"a": AN_HOUR_AGO, "b": AN_HOUR_AGO}, profile="tutorial")
    assert (first.presence, type(first.error)) == (Presence.FAILED, GenesysDenied)
    assert second.presence is Presence.FOUND


def test_when_one_of_many_spoils_the_request_each_is_asked_for_apart() -> None:
    stub = Stub()
    stub.conversations |= {CONVERSATION: details(), OTHER: details(OTHER)}
    stub.faults.append(answering(400, '{"code":"bad.request"}', kind="application/json"))
    found = correlate(stub, {CONVERSATION: AN_HOUR_AGO, OTHER: AN_HOUR_AGO})
    assert all(each.presence is Presence.FOUND for each in found)
    assert stub.paths() == [DETAILS, ONE, ONE.replace(CONVERSATION, OTHER)]


def test_a_service_that_is_down_is_no_reason_to_call_a_conversation_absent() -> None:
    stub = Stub()
    stub.faults += [answering(502, "<html>")] * 20
    found = one(stub)
    assert (found.presence, type(found.error)) == (Presence.FAILED, GenesysUnavailable)


@pytest.mark.parametrize("body", ["<html>maintenance</html>", "", '{"conversations": "none"}'])
def test_a_page_that_is_none_is_no_reason_either(body: str) -> None:
    stub = Stub()
    not_found = answering(404, '{"code":"not.found"}', kind="application/json")
    stub.faults += [not_found, *[answering(200, body)] * 4]
    assert one(stub).presence is Presence.FAILED


@pytest.mark.parametrize("profile", ["genesys", "tutorial"])
def test_a_query_that_is_not_there_is_the_settings_fault_and_says_nothing_about_the_conversation(profile: str) -> None:
    stub = Stub()
    stub.faults += [answering(404, '{"message":"no route matched"}', kind="application/json")] * 2
    found = one(stub, profile=profile)
    assert found.presence is Presence.FAILED
    assert found.error is not None
    assert found.error.fault is Fault.CONFIG
    assert "this address does not know the query" in str(found.error)


def test_a_long_rate_limit_parks_all_that_follow_without_asking() -> None:
    stub = Stub()
    stub.faults.append(refusing(7_200))
    found = correlate(stub, {f"i-{number}": AN_HOUR_AGO for number in range(10)}, profile="tutorial")
    assert all(isinstance(each.error, GenesysParked) for each in found)
    assert all(each.retry_after and each.retry_after > 7_000 for each in found)
    assert len(stub.seen) == 1


def test_the_door_of_the_package_correlates_too() -> None:
    stub = Stub()
    stub.conversations[CONVERSATION] = details()

    async def use(genesys: Genesys) -> Sequence[Presence]:
        one, other = await asyncio.gather(genesys.correlate(CONVERSATION), genesys.correlate(OTHER, datetime.now(UTC)))
        return one.presence, other.presence

    assert with_genesys(stub, use) == (Presence.FOUND, Presence.NOT_YET)


# --------------------------------------------------------------------------------------------------------- tutorial

TUTORIAL_QUERY = "POST /analytics/conversations/details/query"


def test_an_interaction_of_the_tutorials_is_found_by_id() -> None:
    stub = Stub()
    stub.interactions["i-1"] = {"id": "i-1", "channels": [{"type": "voice"}, {"type": "chat"}, {"type": "voice"}]}
    (found,) = correlate(stub, {"i-1": AN_HOUR_AGO}, profile="tutorial")
    assert found.conversation == Conversation(id="i-1", media_types=("voice", "chat"))
    assert stub.paths() == ["GET /api/v2/interactions/i-1"]


def test_then_by_the_tutorials_query_over_all_pages() -> None:
    stub = Stub()
    # What the filter lets through besides: the one that is looked for is on the third page.
    stub.interactions |= {f"i-1#{number}": {"id": f"x{number}"} for number in range(5)}
    stub.interactions["i-1#last"] = {"id": "i-1", "channels": [{"type": "chat"}]}
    (found,) = correlate(stub, {"i-1": AN_HOUR_AGO}, profile="tutorial", page_size=2)
    assert found.conversation == Conversation(id="i-1", media_types=("chat",))
    assert stub.paths() == ["GET /api/v2/interactions/i-1"] + [TUTORIAL_QUERY] * 3
    assert stub.seen[1].body == {
        "dateFrom": "2025-12-11T13:59:59.000Z",
        "dateTo": "2025-12-13T13:59:59.000Z",
        "filterBy": [{"type": "conversationId", "value": "i-1"}],
        "pageSize": 2,
        "page": 1,
    }


def test_the_tutorials_query_waits_for_retry_after() -> None:
    stub = Stub()
    stub.interactions["i-1#"] = {"id": "i-1"}
    not_found = answering(404, '{"code":"not.found"}', kind="application/json")
    stub.faults += [not_found, refusing(0.05)]
    (found,) = correlate(stub, {"i-1": AN_HOUR_AGO}, profile="tutorial")
    assert found.presence is Presence.FOUND
    assert stub.seen[2].at - stub.seen[1].at >= 0.05


def test_an_empty_path_leaves_its_request_out() -> None:
    stub = Stub()
    correlate(stub, {"i-1": AN_HOUR_AGO}, profile="tutorial", interaction_path="")
    correlate(stub, {"i-1": AN_HOUR_AGO}, profile="tutorial", details_query_path="")
    assert stub.paths() == [TUTORIAL_QUERY, "GET /api/v2/interactions/i-1"]


def test_where_nobody_can_be_asked_no_conversation_is_called_absent() -> None:
    stub = Stub()
    (found,) = correlate(stub, {"i-1": AN_HOUR_AGO}, profile="tutorial", interaction_path="", details_query_path="")
    assert (found.presence, type(found.error)) == (Presence.FAILED, GenesysUnsupported)
    assert "TURNOUT_GENESYS_INTERACTION_PATH and TURNOUT_GENESYS_DETAILS_QUERY_PATH are empty" in str(found.error)
    assert stub.seen == []


@pytest.mark.parametrize("answer", [{"id": 7}, {"interaction": {"id": "i-1"}}, {"id": "i-2"}, {}])
def test_an_interaction_that_cannot_be_read_is_not_absent(answer: dict[str, object]) -> None:
    stub = Stub()
    stub.interactions["i-1"] = answer
    (found,) = correlate(stub, {"i-1": AN_HOUR_AGO}, profile="tutorial", details_query_path="")
    assert (found.presence, type(found.error)) == (Presence.FAILED, GenesysUnavailable)
