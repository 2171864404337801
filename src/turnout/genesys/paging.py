"""Lists that come in pages, as asynchronous iterators. How one page is asked for and read is the caller's.

Pages shift while data arrives, so the same item may come twice: it is yielded once. What leaves a list while it is read
can hide another item from this reading, but not from the next; who must have every item lists again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from turnout.errors import GenesysUnsupported
from turnout.genesys.answers import Answer, JsonObject
from turnout.genesys.errors import unreadable

__all__ = ["Page", "each_item", "listed"]

T = TypeVar("T")

_STANDSTILL = 3
"""Pages in a row that bring nothing new. One may be due to shifting; three mean that the position is ignored."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """What is on one page, and the position of the next (an offset, a number), None after the last."""

    items: Sequence[T]
    next: int | None


async def each_item(
    fetch: Callable[[int], Awaitable[Page[T]]],
    first: int,
    *,
    identity: Callable[[T], str],
    operation: str,
    most_pages: int = 10_000,
) -> AsyncIterator[T]:
    """Every item once, in the order of the pages. One page is held at a time, and the identities of all items.

    Raises what `fetch` raises, and `GenesysUnsupported` when the pages do not come to an end: a list is never cut
    silently.
    """
    seen: set[str] = set()
    position: int | None = first
    pages = standstill = 0
    while position is not None:
        if pages == most_pages or standstill == _STANDSTILL:
            raise GenesysUnsupported(
                f"the list does not end after {pages} pages: check the profile, the service seems to ignore its paging",
                code="ENDLESS_PAGES",
                operation=operation,
            )
        page = await fetch(position)
        pages += 1
        known = len(seen)
        for item in page.items:
            key = identity(item)
            if key not in seen:
                seen.add(key)
                yield item
        standstill = 0 if len(seen) > known else standstill + 1
        position = page.next


def listed(document: JsonObject, name: str, operation: str) -> list[JsonObject]:
    """The objects in a list of an answer. Without items, the list may be missing or null.

    Raises `GenesysUnavailable` when something else than a list of objects stands there.
    """
    value = document.get(name)
    if value is None:
        return []
    objects = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(objects) < len(value):
        raise unreadable(Answer(200, {}, b""), operation, f"{name} is no list of objects")
    return objects
