"""Queues that the settings and the rules name for two things at once."""

from __future__ import annotations

from collections.abc import Iterable

from turnout.queues import queue_key, queue_name, queue_url
from turnout.rules.addresses import address_problem
from turnout.rules.model import Kind, Target
from turnout.settings import Settings

__all__ = ["double_roles"]


def double_roles(settings: Settings, targets: Iterable[Target]) -> tuple[str, ...]:
    """One sentence for each target that is also a source queue or the dead-letter queue.

    Not an error: of several source queues one may be another's target, and rules can tell by `@` what comes again.
    """
    found = []
    sources, letters = set(map(queue_key, settings.source_queue_url)), queue_key(settings.dead_letter_queue_url)
    for target in targets:
        if target.kind is not Kind.QUEUE or target.unresolved or address_problem(target.kind, target.address):
            continue
        url = queue_url(target.address, beside=settings.source_queue_url[0])
        if queue_key(url) in sources:
            found.append(
                f"target {target.name} is also a source queue, {queue_name(url)}: what is sent there is routed again, "
                "and without end if the rules send it there again"
            )
        elif queue_key(url) == letters:
            found.append(
                f"target {target.name} is also the dead-letter queue, {queue_name(url)}: events delivered there are "
                "taken for letters that nobody has written"
            )
    return tuple(found)
