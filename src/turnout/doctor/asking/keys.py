"""Asks KMS about the key of a queue, and IAM whether we may use it."""

from __future__ import annotations

from urllib.parse import urlsplit

from turnout.doctor.asking.answers import ask_service
from turnout.doctor.asking.iam import Iam
from turnout.doctor.facts import Attributes, Caller, KeyFacts, Role, Silence
from turnout.doctor.permissions import key_actions_of
from turnout.sqs.place import amazons_url
from turnout.targets.aws import AwsClients

__all__ = ["ask_key"]


async def ask_key(
    clients: AwsClients, caller: Caller, iam: Iam, attributes: Attributes, role: Role
) -> KeyFacts | Silence | None:
    """The key of the queue with these attributes; None where it has none, or there is nobody to ask."""
    key = attributes.get("KmsMasterKeyId")
    if not key or caller.emulator:
        return None
    answer = await ask_service(clients, "kms", caller.region, "describe_key", "kms:DescribeKey", KeyId=key)
    if isinstance(answer, Silence):
        return answer
    about = answer.get("KeyMetadata", {})
    state, manager = str(about.get("KeyState", "")), str(about.get("KeyManager", ""))
    if manager != "CUSTOMER":  # the policy of AWS's own key lets everybody use it who may use the queue
        return KeyFacts(state, manager)
    # Policies for the use of keys are mostly tied to the service that uses them for us.
    via = {"kms:ViaService": urlsplit(amazons_url(attributes["QueueArn"])).hostname or ""}
    return KeyFacts(state, manager, await iam.decisions(key_actions_of(role), [str(about.get("Arn", ""))], via))
