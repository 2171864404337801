"""Judges whether we may do with a queue, a table or a bucket what Turnout does with it, from two kinds of evidence.

- An empty batch (SendMessageBatch, DeleteMessageBatch, ChangeMessageVisibilityBatch without entries) cannot do
  anything, so it is safe to try. That AWS refuses it for want of permission is proof. That AWS refuses it for being
  empty is none: it may look at the request first. How tables and buckets are tried is told in `asking.using`.
- IAM's simulation (`iam:SimulatePrincipalPolicy`) reads the role's own policies. It does not see what the queue's
  policy grants, nor what an organisation forbids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from turnout.doctor.facts import Caller, KeyFacts, Permits, QueueFacts, Role, Silence, Why
from turnout.doctor.findings import Finding, error, fine, unknown, warning
from turnout.doctor.policies import allows_account

__all__ = ["actions_of", "judge_permissions", "judge_permits", "key_actions_of"]

_ACTIONS: Mapping[Role, tuple[str, ...]] = {
    Role.SOURCE: ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
    Role.DEAD_LETTER: ("sqs:SendMessage",),
    Role.TARGET: ("sqs:SendMessage",),
}

# SQS developer guide, key management: who sends needs both, since SQS looks whether the new data key is sound.
_KEY_ACTIONS: Mapping[Role, tuple[str, ...]] = {
    Role.SOURCE: ("kms:Decrypt",),
    Role.DEAD_LETTER: ("kms:GenerateDataKey", "kms:Decrypt"),
    Role.TARGET: ("kms:GenerateDataKey", "kms:Decrypt"),
}

_CHECK = "permission"


def actions_of(role: Role) -> tuple[str, ...]:
    """The IAM actions that the worker needs on a queue. The actions of single calls cover the batch calls."""
    return _ACTIONS[role]


def key_actions_of(role: Role) -> tuple[str, ...]:
    """The IAM actions that the worker needs on the key of a queue that is encrypted with a key of its owner's."""
    return _KEY_ACTIONS[role]


def judge_permissions(queue: QueueFacts, caller: Caller) -> Iterator[Finding]:
    """One finding for every action that is or may be refused, one for all that are allowed."""
    if isinstance(queue.attributes, Silence) and queue.attributes.why is not Why.DENIED:
        return  # nothing was there to refuse anything
    policy = "" if isinstance(queue.attributes, Silence) else queue.attributes.get("Policy", "")
    permits = Permits(denied=queue.denied, decisions=queue.decisions)
    allows = allows_account(policy, caller.account, caller.arn)
    yield from judge_permits(queue.name, "queue", actions_of(queue.role), permits, caller, own_policy_may=allows)
    if isinstance(queue.key, KeyFacts) and isinstance(queue.key.decisions, Mapping):
        used = Permits(decisions=queue.key.decisions)
        yield from judge_permits(queue.name, "key", key_actions_of(queue.role), used, caller)


def judge_permits(
    name: str, what: str, actions: Sequence[str], permits: Permits, caller: Caller, *, own_policy_may: bool = True
) -> Iterator[Finding]:
    """The same of anything (`what` says which), whose own policy may allow what the role's do not, or may not."""
    decisions = permits.decisions if isinstance(permits.decisions, Mapping) else {}
    simulated: list[str] = []
    open_: list[str] = []
    for action in actions:
        decision = decisions.get(action, "")
        if refusal := permits.denied.get(action):
            advice = _grant(action, what)
            if "kms" in f"{refusal.code} {refusal.message}".lower():
                advice = f"allow kms:Decrypt and kms:GenerateDataKey on the {what}'s key, and look at the key's policy"
            yield error(_CHECK, name, f"{action} is refused: {refusal.message or refusal.code}", advice)
        elif action in permits.allowed:
            continue
        elif decision == "explicitDeny":
            yield error(_CHECK, name, f"a policy of the role denies {action} (IAM simulation)", _grant(action, what))
        elif decision == "implicitDeny" and not own_policy_may:
            yield error(_CHECK, name, f"no policy of the role allows {action} (IAM simulation)", _grant(action, what))
        elif decision == "implicitDeny":
            yield warning(
                _CHECK,
                name,
                f"the role's own policies do not allow {action} (IAM simulation); only the {what}'s policy may",
                f"allow {action} on the {what} in the role's policy",
            )
        elif decision == "allowed":
            simulated.append(action)
        else:
            open_.append(action)
    if tried := [action for action in actions if action in permits.allowed]:
        yield fine(_CHECK, name, f"{', '.join(tried)} allowed (tried without a trace)")
    if simulated:
        yield fine(_CHECK, name, f"{', '.join(simulated)} allowed (IAM simulation)")
    if open_ and caller.emulator:
        yield fine(_CHECK, name, "nothing was refused")
    elif open_:
        message = f"{', '.join(open_)}: not refused so far, but only IAM knows for sure"
        yield unknown(_CHECK, name, message, _ask_iam(permits.decisions))


def _ask_iam(decisions: Mapping[str, str] | Silence | None) -> str:
    if isinstance(decisions, Silence) and decisions.code == "NoSuchEntity":
        # A session's ARN tells the name of its role, but not the path before it, as roles of IAM Identity Center have.
        return (
            "its role has a path, which its session does not tell: allow iam:GetRole on it, or ask aws iam "
            "simulate-principal-policy with the role's whole ARN"
        )
    if isinstance(decisions, Silence) and decisions.why is not Why.DENIED:
        return f"IAM's simulation gave no answer: {decisions.code}: {decisions.message}"
    return (
        "let this role ask iam:SimulatePrincipalPolicy (and iam:GetRole, if it has a path) about itself, or run the "
        "doctor as somebody who may"
    )


def _grant(action: str, what: str) -> str:
    return f"allow {action} on this {what} in the role's policy, and look for a deny in the {what}'s"
