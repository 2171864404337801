"""Judges whether we may do with a queue what Turnout does with it, from two kinds of evidence.

- An empty batch (SendMessageBatch, DeleteMessageBatch, ChangeMessageVisibilityBatch without entries) cannot do
  anything, so it is safe to try. That AWS refuses it for want of permission is proof. That AWS refuses it for being
  empty is none: it may look at the request first.
- IAM's simulation (`iam:SimulatePrincipalPolicy`) reads the role's own policies. It does not see what the queue's
  policy grants, nor what an organisation forbids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from turnout.doctor.facts import Caller, QueueFacts, Role, Silence, Why
from turnout.doctor.findings import Finding, error, fine, unknown, warning
from turnout.doctor.policies import allows_account

__all__ = ["actions_of", "judge_permissions"]

_ACTIONS: Mapping[Role, tuple[str, ...]] = {
    Role.SOURCE: ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
    Role.DEAD_LETTER: ("sqs:SendMessage",),
    Role.TARGET: ("sqs:SendMessage",),
}

_CHECK = "permission"


def actions_of(role: Role) -> tuple[str, ...]:
    """The IAM actions that the worker needs on a queue. The actions of single calls cover the batch calls."""
    return _ACTIONS[role]


def judge_permissions(queue: QueueFacts, caller: Caller) -> Iterator[Finding]:
    """One finding for every action that is or may be refused, one for all that are allowed."""
    if isinstance(queue.attributes, Silence) and queue.attributes.why is not Why.DENIED:
        return  # nothing was there to refuse anything
    decisions = queue.decisions if isinstance(queue.decisions, Mapping) else {}
    policy = "" if isinstance(queue.attributes, Silence) else queue.attributes.get("Policy", "")
    open_: list[str] = []
    allowed: list[str] = []
    for action in actions_of(queue.role):
        decision = decisions.get(action, "")
        if refusal := queue.denied.get(action):
            yield error(_CHECK, queue.name, f"{action} is refused: {refusal.message or refusal.code}", _grant(action))
        elif decision == "explicitDeny":
            yield error(_CHECK, queue.name, f"a policy of the role denies {action} (IAM simulation)", _grant(action))
        elif decision == "implicitDeny" and allows_account(policy, caller.account, caller.arn):
            yield warning(
                _CHECK,
                queue.name,
                f"the role's own policies do not allow {action}; only the queue's policy may",
                f"allow {action} on the queue in the role's policy, too",
            )
        elif decision == "implicitDeny":
            yield error(_CHECK, queue.name, f"no policy of the role allows {action} (IAM simulation)", _grant(action))
        elif decision == "allowed":
            allowed.append(action)
        else:
            open_.append(action)
    if allowed:
        yield fine(_CHECK, queue.name, f"{', '.join(allowed)} allowed (IAM simulation)")
    if open_ and caller.emulator:
        yield fine(_CHECK, queue.name, "nothing was refused")
    elif open_:
        yield unknown(
            _CHECK,
            queue.name,
            f"{', '.join(open_)}: not refused so far, but only IAM knows for sure",
            _ask_iam(queue.decisions),
        )


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


def _grant(action: str) -> str:
    return f"allow {action} on this queue in the role's policy, and look for a deny in the queue's"
