"""Asks IAM what we may do: its simulation, for the user or the role behind our session."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from turnout.doctor.asking.answers import Answer, ask_service
from turnout.doctor.facts import Caller, Silence
from turnout.targets.aws import AwsClients

__all__ = ["Iam", "principal_of", "read_decisions"]


class Iam:
    """Asks about one caller; who that is to IAM, it finds out once."""

    def __init__(self, clients: AwsClients, caller: Caller) -> None:
        self._clients = clients
        self._caller = caller
        self._principal: str | None = None
        self._asking = asyncio.Lock()

    async def decisions(
        self, actions: Sequence[str], resources: Sequence[str], context: Mapping[str, str] = {}
    ) -> Mapping[str, str] | Silence | None:
        """IAM's decision for each action on these resources; None where there is nobody or nothing to ask about.

        `context` holds what conditions of policies look at, such as `kms:ViaService`: what is not told, does not hold.
        """
        if self._caller.emulator or not actions or not all(resources):
            return None
        principal = await self._who()
        if not principal:
            return None
        answer = await ask_service(
            self._clients,
            "iam",
            self._caller.region,
            "simulate_principal_policy",
            "iam:SimulatePrincipalPolicy",
            PolicySourceArn=principal,
            ActionNames=list(actions),
            ResourceArns=list(resources),
            ContextEntries=[
                {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for name, value in context.items()
            ],
        )
        return answer if isinstance(answer, Silence) else read_decisions(answer)

    async def _who(self) -> str:
        async with self._asking:
            if self._principal is None:
                self._principal = await self._whole(principal_of(self._caller.arn))
            return self._principal

    async def _whole(self, principal: str) -> str:
        """The ARN with the path of the role, which its session does not tell; as it is where IAM does not tell it."""
        _, _, role = principal.partition(":role/")
        if not role or "/" in role:
            return principal
        ask = ask_service(self._clients, "iam", self._caller.region, "get_role", "iam:GetRole", RoleName=role)
        answer = await ask
        return principal if isinstance(answer, Silence) else str(answer.get("Role", {}).get("Arn") or principal)


def read_decisions(answer: Answer) -> Mapping[str, str]:
    """IAM's decision for each action of a simulation; of several resources, the one that is worst."""
    found: dict[str, str] = {}
    for result in answer.get("EvaluationResults", ()):
        action, decision = str(result["EvalActionName"]), str(result["EvalDecision"])
        if found.get(action, "allowed") == "allowed":
            found[action] = decision
    return found


def principal_of(arn: str) -> str:
    """The ARN that IAM simulates for: a user's own, or the role's behind `assumed-role/ROLE/SESSION`."""
    head, _, tail = arn.partition(":assumed-role/")
    if tail:
        return f"{head.replace(':sts:', ':iam:')}:role/{tail.partition('/')[0]}"
    return arn if ":user/" in arn or ":role/" in arn else ""
