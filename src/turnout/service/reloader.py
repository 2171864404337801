"""Notices changed rule files and puts the new rules to work, or keeps the old ones and says why.

Changes are noticed by inotify where the mount has it, and in any case by looking at names, times and links every few
seconds; a SIGHUP asks as well. Loading happens in a thread, so that no message waits for it; the swap itself is one
assignment in the worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from watchfiles import awatch

from turnout.errors import RulesError, TargetError
from turnout.rules import Ruleset
from turnout.rules.files.signature import Signature, signature
from turnout.rules.reload import refusal
from turnout.words import count

__all__ = ["Reloader"]

log = logging.getLogger(__name__)

# Editors and ConfigMap updates touch several files, and copies are written piece by piece: what comes with shorter
# pauses than this is one change, unless it goes on for ever.
_SETTLE_SECONDS = 0.1
_LONGEST_SETTLE_SECONDS = 5.0
_LOOK_SECONDS = 2.0


class Reloader:
    """Keeps a worker's rules equal to their files. `load` makes rules ready, `use` puts them to work.

    `seen` is what was at the path before the active rules were read: what changed since then is noticed as well.
    `success`, `error` and `loaded_at` (seconds since the epoch) speak of the last attempt and the last success.
    """

    def __init__(
        self,
        path: Path,
        *,
        load: Callable[[], Ruleset],
        use: Callable[[Ruleset], None],
        active: str,
        seen: Signature,
        look_seconds: float = _LOOK_SECONDS,
        settle_seconds: float = _SETTLE_SECONDS,
    ) -> None:
        self._path = path
        self._load = load
        self._use = use
        self._look_seconds = look_seconds
        self._settle_seconds = settle_seconds
        self._asked = asyncio.Event()
        self._seen = seen
        self._doubted = ""
        """What was read last while the files changed: the fingerprint of the rules, or what was wrong with them."""
        self.fingerprint = active
        self.success = True
        self.error = ""
        """Why the last attempt failed: the first problem, with its place."""
        self.loaded_at = time.time()
        self.attempts = 0

    def ask(self) -> None:
        """Reload soon, whether or not a change was noticed."""
        self._asked.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(), name="rules-watch")
            tasks.create_task(self._look(), name="rules-look")
            while True:
                await self._asked.wait()
                await self.reload(await self._settled())

    async def _settled(self) -> Signature:
        """What is there once nothing more changed for a moment: what is being written is not read by halves.

        inotify tells of a change a while after it, and some mounts of none: so what is there is looked at as well.
        """
        loop = asyncio.get_running_loop()
        latest = loop.time() + _LONGEST_SETTLE_SECONDS
        found = await asyncio.to_thread(signature, self._path)
        while self._asked.is_set() and loop.time() < latest:
            self._asked.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settle_seconds):
                    await self._asked.wait()
            before, found = found, await asyncio.to_thread(signature, self._path)
            if found != before:
                self._asked.set()
        return found

    async def reload(self, seen: Signature | None = None) -> bool:
        """Load aside; on success swap, on failure keep what is active. True when the files' rules are active now.

        What was read while it changed is neither used nor told of, but read again. `seen` is what was there before, if
        that is known.
        """
        self.attempts += 1
        self._seen = await asyncio.to_thread(signature, self._path) if seen is None else seen
        try:
            ruleset = await asyncio.to_thread(self._load)
            if await self._is_doubtful(ruleset.fingerprint):
                return False
            if ruleset.fingerprint != self.fingerprint:
                self._use(ruleset)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end a worker that has rules to work by
            if not (isinstance(error, RulesError) and await self._is_doubtful(str(error))):
                self.success, self.error = False, self._refuse(error)
            return False
        self.success, self.error = True, ""
        self.loaded_at = time.time()
        if ruleset.fingerprint == self.fingerprint:
            log.info("rules unchanged", extra={"ruleset": self.fingerprint})
            return True
        before, self.fingerprint = self.fingerprint, ruleset.fingerprint
        extra = {"ruleset": ruleset.fingerprint, "was": before}
        log.info("rules reloaded: %s", count(len(ruleset.rules), "rule"), extra=extra)
        return True

    def _refuse(self, error: Exception) -> str:
        """Log why the rules from before stay active; the same in short."""
        extra = {"ruleset": self.fingerprint}
        if isinstance(error, RulesError):
            problems, all_of_them = refusal(error.problems, self._path)
            for problem in problems:
                log.error("rules not reloaded: %s", problem)
            log.error("rules not reloaded, the old ones stay active%s", all_of_them, extra=extra)
            more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
            return f"{error.problems[0]}{more}"
        if isinstance(error, TargetError):  # a certificate, say, that was there when the rules were loaded
            advice = "(repair this, then send SIGHUP)"
            log.error("rules not reloaded, the old ones stay active %s: %s", advice, error, extra=extra)
            return str(error)
        log.error("rules not reloaded, please report this; the old ones stay active", exc_info=error)
        return "an error of Turnout's own, see the log"

    async def _is_doubtful(self, found: str) -> bool:
        """Whether the files changed while `found` was read, which may be half of one: then they are read again soon.

        What is found twice is believed: a file beside those of the rules may change all the time.
        """
        doubted, self._doubted = self._doubted, ""
        if found in (self.fingerprint, doubted) or await asyncio.to_thread(signature, self._path) == self._seen:
            return False
        self._doubted = found
        self.ask()
        return True

    async def _watch(self) -> None:
        while True:
            try:
                # A file's directory, because editors replace files.
                watched = self._path if self._path.is_dir() else self._path.parent
                async for _ in awatch(watched, debounce=50, recursive=False):
                    self.ask()
            except (OSError, RuntimeError) as error:
                # No such directory, or no inotify: `_look` sees to it meanwhile.
                log.debug("rules cannot be watched at the moment: %s", error)
            await asyncio.sleep(self._look_seconds)

    async def _look(self) -> None:
        told = self._seen
        while True:
            found = await asyncio.to_thread(signature, self._path)
            if found not in (self._seen, told):  # once for each change: asking on and on would put the reload off
                self.ask()
            told = found
            await asyncio.sleep(self._look_seconds)
