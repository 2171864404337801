"""What is composed for a target: here, the body that several targets share."""

from __future__ import annotations

import json

import pytest
from tests.unit.pipeline.yard import SOURCE, event, ruleset

from turnout.account import Account, Call, Delivery
from turnout.message import Message
from turnout.pipeline.books import Books
from turnout.pipeline.outgoing import Composer
from turnout.sqs.api import OutgoingMessage
from turnout.telemetry.tracing import NoTracing


def composed(body: str) -> list[OutgoingMessage]:
    """What goes to the targets of an event."""
    rules = ruleset()
    account = Account(Message("m-1", "handle", body, SOURCE), Call("receive", SOURCE, 1), 1)
    match = rules.match(body)
    account.match = match
    account.deliveries = [Delivery(account, target, 1) for target in match.targets]
    return [Composer(rules.targets[delivery.target], NoTracing(), Books())(delivery) for delivery in account.deliveries]


def test_the_body_is_written_as_json_once_for_several_targets() -> None:
    body = event("three", note='\u00e9 " \\ \U0001f600')
    crm, archive, audit = composed(body)
    assert crm.body_json is not None
    assert crm.body_json is archive.body_json is audit.body_json
    assert json.loads(bytes(crm.body_json)) == body == crm.body


def test_for_one_target_the_body_is_written_when_it_is_sent() -> None:
    (crm,) = composed(event("one"))
    assert crm.body_json is None


@pytest.mark.parametrize("note", ["x" * 20_000, "\ud800"])
def test_a_large_body_and_one_that_cannot_be_written_are_not_kept_as_json(note: str) -> None:
    body = event("three").replace("event-1", note)
    assert [message.body_json for message in composed(body)] == [None, None, None]
    assert {message.body for message in composed(body)} == {body}
