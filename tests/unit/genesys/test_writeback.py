"""Writing a status back: off by default, never in a loop, never over what is somebody else's."""

import pytest
from tests.servers.genesys import Stub, answering
from tests.unit.genesys.setting import CONVERSATION, PARTICIPANT, with_genesys

from turnout.errors import GenesysRejected, GenesysUnsupported
from turnout.genesys.answers import JsonObject
from turnout.genesys.session import Genesys
from turnout.genesys.writeback import RetryStatus, StatusUpdate, WriteOutcome, may_be_caused_by_us

PREFIX = "turnout_"


def attributes_event(attributes: object, **changes: object) -> JsonObject:
    event: JsonObject = {
        "detail-type": "v2.detail.events.conversation.{id}.attributes",
        "detail": {
            "topicName": f"v2.detail.events.conversation.{CONVERSATION}.attributes",
            "eventBody": {"conversationId": CONVERSATION, "attributes": attributes},  # type: ignore[dict-item]
        },
    }
    return event | changes  # type: ignore[return-value]


def write(stub: Stub, write_back: str, **changes: object) -> WriteOutcome:
    profile = "tutorial" if write_back == "interaction" else "genesys"
    settings = {name: changes.pop(name) for name in list(changes) if name.endswith("path")}
    fields: dict[str, object] = {
        "conversation_id": CONVERSATION,
        "participant_id": PARTICIPANT,
        "status": RetryStatus.RETRYING,
        "attempt": 2,
    }
    update = StatusUpdate(**fields | changes)  # type: ignore[arg-type]

    async def use(genesys: Genesys) -> WriteOutcome:
        return await genesys.write_status(update)

    return with_genesys(stub, use, profile=profile, write_back=write_back, **settings)


@pytest.fixture
def stub() -> Stub:
    stub = Stub()
    stub.live[CONVERSATION] = {"id": CONVERSATION, "participants": []}
    stub.interactions[CONVERSATION] = {"id": CONVERSATION}
    return stub


def test_nothing_is_written_by_default(stub: Stub) -> None:
    assert write(stub, "none") is WriteOutcome.OFF
    assert stub.logins == 0


# ----------------------------------------------------------------------------------------------- participant attributes


def test_attributes_are_a_flat_map_of_strings_under_our_prefix(stub: Stub) -> None:
    assert write(stub, "participant-attributes") is WriteOutcome.WRITTEN
    assert stub.attributes == {
        (CONVERSATION, PARTICIPANT): {"turnout_retryAttempt": "2", "turnout_retryStatus": "retrying"}
    }


def test_writing_attributes_is_repeated_when_it_fails_for_a_while(stub: Stub) -> None:
    stub.faults += [answering(503), answering(502, "<html>")]
    assert write(stub, "participant-attributes") is WriteOutcome.WRITTEN
    assert len(stub.seen) == 3


@pytest.mark.parametrize("participant", ["", "x", "../../../x"])
def test_without_a_participant_there_is_nowhere_to_write(stub: Stub, participant: str) -> None:
    assert write(stub, "participant-attributes", participant_id=participant) is WriteOutcome.NO_PARTICIPANT
    assert stub.seen == []


def test_a_purged_conversation_is_an_outcome_and_not_an_error(stub: Stub) -> None:
    stub.live.clear()
    assert write(stub, "participant-attributes") is WriteOutcome.MISSING
    assert write(stub, "external-tag") is WriteOutcome.MISSING


@pytest.mark.parametrize("write_back", ["participant-attributes", "external-tag", "interaction"])
def test_an_id_that_is_none_is_never_put_into_a_request(stub: Stub, write_back: str) -> None:
    assert write(stub, write_back, conversation_id="../x") is WriteOutcome.MISSING
    assert stub.seen == []


# --------------------------------------------------------------------------------------------------------- external tag


def test_an_external_tag_is_written_where_there_is_none_and_over_our_own(stub: Stub) -> None:
    assert write(stub, "external-tag") is WriteOutcome.WRITTEN
    assert stub.live[CONVERSATION]["externalTag"] == "turnout_retrying_2"
    assert write(stub, "external-tag", status=RetryStatus.REPLAY_FAILED, attempt=3) is WriteOutcome.WRITTEN
    assert stub.live[CONVERSATION]["externalTag"] == "turnout_replay_failed_3"


def test_what_is_there_already_is_not_written_again(stub: Stub) -> None:
    stub.live[CONVERSATION]["externalTag"] = "turnout_retrying_2"
    assert write(stub, "external-tag") is WriteOutcome.WRITTEN
    assert [one.method for one in stub.seen] == ["GET"]


def test_somebody_elses_tag_is_left_alone(stub: Stub) -> None:
    stub.live[CONVERSATION]["externalTag"] = "CRM-4711"
    assert write(stub, "external-tag") is WriteOutcome.TAKEN
    assert stub.live[CONVERSATION]["externalTag"] == "CRM-4711"


# ---------------------------------------------------------------------------------------------------------- interaction


@pytest.mark.parametrize("status", RetryStatus)
def test_the_tutorials_four_statuses_are_patched(stub: Stub, status: RetryStatus) -> None:
    assert write(stub, "interaction", status=status, attempt=3) is WriteOutcome.WRITTEN
    assert stub.seen[0].body == {"attributes": {"system": {"retryAttempt": 3, "retryStatus": status.value}}}
    assert stub.interactions[CONVERSATION]["attributes"]["system"]["retryStatus"] == status.value


def test_the_statuses_are_the_tutorials() -> None:
    assert [status.value for status in RetryStatus] == [
        "retrying",
        "replay_successful",
        "replay_failed",
        "exhausted_retries",
    ]


def test_an_interaction_that_is_gone_is_an_outcome(stub: Stub) -> None:
    stub.interactions.clear()
    assert write(stub, "interaction") is WriteOutcome.MISSING


def test_a_refusal_is_an_error(stub: Stub) -> None:
    stub.faults.append(answering(400, "{}"))
    with pytest.raises(GenesysRejected):
        write(stub, "interaction")


def test_a_path_that_is_not_offered_is_named(stub: Stub) -> None:
    with pytest.raises(GenesysUnsupported, match="TURNOUT_GENESYS_INTERACTION_PATH is empty"):
        write(stub, "interaction", interaction_path="")


# ----------------------------------------------------------------------------------------------------------- loop guard


@pytest.mark.parametrize(
    ("attributes", "caused"),
    [
        ({"turnout_retryStatus": "retrying"}, True),
        ({"turnout_retryStatus": "retrying", "turnout_retryAttempt": "1"}, True),
        ({"turnout_retryStatus": "retrying", "language": "de"}, True),
        ({"language": "de"}, False),
        ({}, False),
        (None, False),
        (["turnout_x"], False),
    ],
)
def test_an_event_that_tells_of_an_attribute_of_ours_may_be_caused_by_us(attributes: object, caused: bool) -> None:
    assert may_be_caused_by_us(attributes_event(attributes), PREFIX) is caused


def test_real_ids_in_the_detail_type_make_no_difference() -> None:
    event = attributes_event(
        {"turnout_a": "1"}, **{"detail-type": f"v2.detail.events.conversation.{CONVERSATION}.attributes"}
    )
    assert may_be_caused_by_us(event, PREFIX)
    assert may_be_caused_by_us(attributes_event({"turnout_a": "1"}, **{"detail-type": None}), PREFIX)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"detail": None},
        {"detail": {"attributes": {"system": {"retryStatus": "retrying"}}}, "detail-type": "Interaction Completed"},
        {
            "detail": {"eventBody": {"attributes": {"turnout_a": "1"}}},
            "detail-type": "v2.detail.events.conversation.{id}.acw",
        },
        {"detail-type": 7, "detail": {"topicName": ["x"]}},
        {"detail-type": "Interaction Attributes Updated", "detail": {"attributes": {"system": {}, "a": 1}}},
    ],
)
def test_an_event_about_something_else_is_not_caused_by_us(event: JsonObject) -> None:
    assert not may_be_caused_by_us(event, PREFIX)


def test_the_tutorials_attributes_are_known_too() -> None:
    def event(attributes: JsonObject) -> JsonObject:
        return {"detail-type": "Interaction Attributes Updated", "detail": {"attributes": attributes}}

    assert may_be_caused_by_us(event({"system": {"retryAttempt": 1, "retryStatus": "retrying"}}), PREFIX)
    assert may_be_caused_by_us(event({"system": {"retryStatus": "retrying"}, "language": "de"}), PREFIX)
    assert may_be_caused_by_us(event({"system": {"retryAttempt": 1}}), PREFIX)
    assert may_be_caused_by_us(event({"system.retryAttempt": 1}), PREFIX)
    assert not may_be_caused_by_us(event({"language": "de"}), PREFIX)
