"""What recovery stands on: each service is opened when it is first asked for, and all are closed together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.dlq.settings import DlqSettings, variable
from turnout.errors import RulesError, SettingsError
from turnout.recovery.causes import CauseTable, default_causes, load_causes
from turnout.recovery.ledger.api import Ledger
from turnout.sqs.api import Sqs
from turnout.words import count

if TYPE_CHECKING:
    from turnout.genesys.session import Genesys
    from turnout.recovery.archive.store import ArchiveStore
    from turnout.rules import Ruleset
    from turnout.rules.files.signature import Signature
    from turnout.targets.destinations import Destinations

__all__ = ["Services", "open_services"]

log = logging.getLogger(__name__)

# Libraries are imported on demand: who looks into a file needs no AWS client, who looks into a queue no Genesys.


@contextlib.asynccontextmanager
async def open_services(settings: DlqSettings, environ: Mapping[str, str] | None = None) -> AsyncIterator[Services]:
    """Services that are closed on leaving."""
    async with contextlib.AsyncExitStack() as stack:
        yield Services(settings, os.environ if environ is None else environ, stack)


class Services:
    """Make them with `open_services`. Not for use by several tasks while they are being opened."""

    def __init__(self, settings: DlqSettings, environ: Mapping[str, str], stack: contextlib.AsyncExitStack) -> None:
        self.settings = settings
        self.environ = environ
        self._stack = stack
        self._sqs: Sqs | None = None
        self._ledger: Ledger | None = None
        self._genesys: Genesys | None = None
        self._destinations: Destinations | None = None
        self._rules: Ruleset | None = None
        self._rules_seen: Signature = ()
        self._archive: ArchiveStore | None = None
        self._causes: CauseTable | None = None

    def causes(self) -> CauseTable:
        """The table to classify by. Raises `CausesError`, `SettingsError`."""
        if self._causes is None:
            self._causes = self._read_causes()
        return self._causes

    async def sqs(self) -> Sqs:
        """SQS. Raises `SqsError`."""
        if self._sqs is None:
            from turnout.sqs.clients import open_sqs

            self._sqs = await self._stack.enter_async_context(open_sqs(self.settings.sqs_client))
        return self._sqs

    async def destinations(self, beside: str) -> Destinations:
        """Where things are sent. `beside` is a queue's URL, for the bare names of others. Raises `SqsError`."""
        if self._destinations is None:
            from turnout.targets.destinations import open_destinations

            opening = open_destinations(await self.sqs(), beside=beside, environ=self.environ)
            self._destinations = await self._stack.enter_async_context(opening)
        return self._destinations

    def rules(self) -> Ruleset:
        """The rules: what the owed targets are. Raises `RulesError`."""
        if self._rules is None:
            from turnout.rules.files.signature import signature

            # First: what is written while they are read is a change.
            self._rules_seen = signature(Path(self.settings.rules))
            self._rules = self._read_rules()
        return self._rules

    async def renew_rules(self) -> None:
        """Read the rules again when their files have changed since. When they cannot be used, the old ones stay."""
        if self._rules is None:
            return  # nobody has needed them yet: whoever does reads them as they are then
        from turnout.rules.files.signature import signature

        seen = await asyncio.to_thread(signature, Path(self.settings.rules))
        if seen == self._rules_seen:
            return
        self._rules_seen = seen
        try:
            ruleset = await asyncio.to_thread(self._read_rules)
        except RulesError as error:
            from turnout.rules.reload import refusal

            problems, all_of_them = refusal(error.problems, self.settings.rules)
            for problem in problems:
                log.error("rules not reloaded: %s", problem)
            active = {"ruleset": self._rules.fingerprint}
            log.error("rules not reloaded, the old ones stay active%s", all_of_them, extra=active)
            return
        except Exception:  # a bug of ours in loading must not end a processor that has rules to work by
            log.exception("rules not reloaded, please report this; the old ones stay active")
            return
        before, self._rules = self._rules.fingerprint, ruleset
        if ruleset.fingerprint != before:
            extra = {"ruleset": ruleset.fingerprint, "was": before}
            log.info("rules reloaded: %s", count(len(ruleset.rules), "rule"), extra=extra)

    async def ledger(self) -> Ledger:
        """The ledger. Raises `SettingsError`, `LedgerUnavailable`."""
        if self._ledger is None:
            from turnout.recovery.ledger.opening import DYNAMODB, open_ledger

            if self.settings.ledger.startswith(DYNAMODB):
                _see_to_aws("DYNAMODB", also=f"{variable('ledger')}={self.settings.ledger}")
            opening = open_ledger(self.settings.ledger, ttl_days=self.settings.ledger_days)
            self._ledger = await self._stack.enter_async_context(opening)
        return self._ledger

    async def archive(self) -> ArchiveStore:
        """The archive. Raises `SettingsError`, `ArchiveError`."""
        if self._archive is None:
            bucket = self.settings.archive_bucket
            if not bucket:
                raise SettingsError(
                    [f"which bucket? Set {variable('archive_bucket')} (what writes into it takes --bucket, too)"]
                )
            from turnout.recovery.archive.s3 import open_s3_archive

            _see_to_aws("S3")
            opening = open_s3_archive(bucket, kms_key=self.settings.archive_kms_key)
            self._archive = await self._stack.enter_async_context(opening)
        return self._archive

    @property
    def writes_back(self) -> bool:
        """Whether conversations are told what becomes of their letters."""
        return self.environ.get("TURNOUT_GENESYS_WRITE_BACK", "").strip() not in ("", "none")

    async def genesys(self, *, failed_events: bool = False) -> Genesys:
        """Genesys, or what stands for it; `failed_events`: to be asked for those. Raises `SettingsError`."""
        if self._genesys is None:
            from turnout.genesys.config import load_genesys_config
            from turnout.genesys.session import open_genesys

            config = load_genesys_config(self.environ, failed_events=failed_events)
            self._genesys = await self._stack.enter_async_context(open_genesys(config))
        return self._genesys

    def _read_rules(self) -> Ruleset:
        from turnout.rules import load_rules

        return load_rules(self.settings.rules, environ=self.environ)

    def _read_causes(self) -> CauseTable:
        path = self.settings.causes
        if not path:
            return default_causes()
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError([f"{variable('causes')}: {path} cannot be read: {error}"]) from error
        return load_causes(text, path)


def _see_to_aws(service: str, *, also: str = "") -> None:
    """Raise `SettingsError` when AWS's own settings keep everybody from this service: no request could tell that."""
    from turnout.sqs.aws_settings import aws_problems

    if problems := aws_problems((), also=also, services=(service,)):
        raise SettingsError(problems)
