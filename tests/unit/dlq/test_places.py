"""Where letters are and where they go, as operators and plans say it; destinations made of addresses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from turnout.dlq.acts import To
from turnout.dlq.doors import Doors
from turnout.dlq.services import open_services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import Place, open_source
from turnout.errors import SettingsError, TargetError
from turnout.recovery.causes import CausesError
from turnout.recovery.deliver.address import Address, Kind
from turnout.rules import Ruleset, load_rules
from turnout.sqs.memory import MemorySqs
from turnout.targets.destinations import Destinations
from turnout.targets.http import HttpDestination

DEAD = "https://sqs.eu-west-1.amazonaws.com/111122223333/dead"


@pytest.mark.parametrize(
    "place", [Place(), Place(queue=DEAD), Place(failed_events="sub-1"), Place(file="a:b"), Place(archive="dlq/")]
)
def test_a_plan_remembers_the_place(place: Place) -> None:
    assert Place.of(place.text) == place


@pytest.mark.parametrize(
    "to", [To(), To("source"), To("target", "crm"), To("queue", DEAD), To("file", "a:b"), To("api", "s")]
)
def test_a_plan_remembers_where_letters_go(to: To) -> None:
    assert To.of(to.text) == to
    assert str(to)


def test_a_plan_remembers_no_secret_of_an_endpoint() -> None:
    to = To("url", "https://user:geheim@crm.example/in?key=geheim")
    assert To.of(to.text).value.startswith("https://crm.example/...")
    assert "geheim" not in str(to) + to.text


def opened(settings: DlqSettings, place: Place) -> str:
    async def opening() -> str:
        async with open_services(settings, {}) as services, open_source(services, place) as source:
            return source.name

    return asyncio.run(opening())


def test_failed_events_without_the_profile_that_lists_them_are_refused_before_anybody_is_asked() -> None:
    with pytest.raises(SettingsError, match="TURNOUT_GENESYS_PROFILE: must be tutorial"):
        opened(DlqSettings(), Place(failed_events="s-1"))


def test_no_place_at_all_is_told_with_the_ways_to_name_one() -> None:
    with pytest.raises(SettingsError, match="which letters"):
        opened(DlqSettings(), Place())
    with pytest.raises(SettingsError, match="which letters"):
        opened(DlqSettings(), Place(queue="a-name-beside-nothing"))


def test_a_table_of_causes_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"TURNOUT_DLQ_CAUSES.*cannot be read"):
        opened(DlqSettings(causes=str(tmp_path / "none.yaml")), Place())
    (tmp_path / "bad.yaml").write_text("version: 2")
    with pytest.raises(CausesError):
        opened(DlqSettings(causes=str(tmp_path / "bad.yaml")), Place())


def doors(tmp_path: Path, instead: dict[str, str] | None = None) -> Doors:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "targets: {crm: {queue: crm}, far: {queue: '${FAR_URL}'}}\nunmatched: drop\n"
        "rules: [{id: a, when: exists(x), send: [crm, far]}]\n"
    )

    def rules() -> Ruleset:
        return load_rules(path, environ={})

    return Doors(Destinations(MemorySqs(), beside=DEAD, environ={}), rules, instead)


def test_names_are_the_rules_targets_beside_the_source_queue(tmp_path: Path) -> None:
    made = doors(tmp_path)
    crm = made(Address(Kind.TARGET, "crm"))
    assert crm.url == "https://sqs.eu-west-1.amazonaws.com/111122223333/crm"
    assert made(Address(Kind.TARGET, "crm")) is crm
    with pytest.raises(TargetError, match="no target of this name; did you mean 'crm'"):
        made(Address(Kind.TARGET, "cmr"))
    with pytest.raises(TargetError, match="FAR_URL is not set"):
        made(Address(Kind.TARGET, "far"))


def test_an_arn_can_be_given_an_endpoint_instead(tmp_path: Path) -> None:
    arn = "arn:aws:events:eu-west-1:1:api-destination/crm/0c5d"
    with pytest.raises(TargetError, match="API destination"):
        doors(tmp_path)(Address(Kind.ARN, arn))
    for known in (arn, arn.rpartition("/")[0]):
        made = doors(tmp_path, {known: "https://crm.example/in"})(Address(Kind.ARN, arn))
        assert isinstance(made, HttpDestination)
        assert made.name == "crm.example"
