"""The interface of a place where letters are found, and what places that keep their letters have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Protocol

from turnout.recovery.letter import Letter

__all__ = ["Keeping", "Source"]


class Source(Protocol):
    """A place of letters. To read consumes nothing: what is not deleted stays, or comes back by itself.

    A letter that was read is held until it is given back, deleted or the source is closed: nobody else is handed it in
    the meantime, where the place can prevent that. `give_back`, `delete` and `aclose` take letters in any number.
    """

    @property
    def name(self) -> str:
        """What plans and people call it: a queue's name, a file's, a subscription's id."""
        ...

    @property
    def url(self) -> str:
        """What opens it again: a queue's URL, a file's path, a subscription's id."""
        ...

    @property
    def undeliverable(self) -> str:
        """Why no letter from here may be delivered or archived, such as a redacted export; empty when they may."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What an operator should know about it, in sentences. Complete once the letters were read."""
        ...

    @property
    def keeps(self) -> bool:
        """Whether letters stay there for good: nothing is taken out of a file, an API or an archive."""
        ...

    @property
    def retention_seconds(self) -> float | None:
        """For how long at most it keeps a letter; None when there is no end to that, or none that is sure."""
        ...

    @property
    def unseen(self) -> int:
        """About how many more letters cannot be seen now, because somebody else holds them."""
        ...

    @property
    def unreadable(self) -> int:
        """How much lay among the letters that is none, or none that can be read; `notes` tells what."""
        ...

    def letters(self, limit: int | None = None) -> AsyncIterator[Letter]:
        """The letters that are there now, each once, at most `limit`. Raises `TurnoutError`.

        Another call goes on after what is held; it does not begin anew.
        """
        ...

    async def give_back(self, letters: Collection[Letter]) -> None:
        """Let go of letters: they can be read again at once. Raises nothing: a hold ends by itself at the latest."""
        ...

    async def delete(self, letters: Collection[Letter]) -> Mapping[str, str]:
        """Take letters out for good, whose outcome is durable elsewhere. Raises nothing.

        Returns why, by letter id, for those that could not be taken out. A place that `keeps` letters answers that all
        went well: the ledger remembers.
        """
        ...

    async def aclose(self) -> None:
        """Give back all that is held, and let go of the place."""
        ...


class Keeping:
    """The part of a `Source` that is the same for all that keep their letters: the ledger remembers what is done."""

    keeps = True
    retention_seconds = None
    unseen = 0
    unreadable = 0

    async def give_back(self, letters: Collection[Letter]) -> None:
        """See `Source.give_back`: nothing was taken."""

    async def delete(self, letters: Collection[Letter]) -> Mapping[str, str]:
        """See `Source.delete`: they stay."""
        return {}

    async def aclose(self) -> None:
        """See `Source.aclose`."""
