"""The whole examination: asks everything at once, judges what comes back. Each check stands by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from turnout.dlq.settings import load_dlq_settings
from turnout.doctor.account import judge_caller, judge_clock, proxy_in_the_way
from turnout.doctor.asking.genesys import ask_genesys
from turnout.doctor.asking.iam import Iam
from turnout.doctor.asking.queues import QueueAsker, not_asked
from turnout.doctor.asking.stores import ask_bucket, ask_table
from turnout.doctor.asking.targets import ask_endpoint, ask_target, connect
from turnout.doctor.asking.using import ask_use_of_bucket, ask_use_of_table
from turnout.doctor.facts import Caller, Role, Silence, Why
from turnout.doctor.findings import Finding, Severity, error, fine, warning
from turnout.doctor.permissions import judge_permissions, judge_permits
from turnout.doctor.queues import judge_queue
from turnout.doctor.services import judge_genesys, judge_otlp, judge_target
from turnout.doctor.stores import ARCHIVE_ACTIONS, IDEMPOTENCY, LEDGER, TablePlan, judge_bucket, judge_table
from turnout.doctor.together import judge_together
from turnout.errors import SettingsError, SqsError
from turnout.genesys.config import load_genesys_config
from turnout.queues import queue_url
from turnout.recovery.ledger.opening import DYNAMODB
from turnout.rules.addresses import address_problem
from turnout.rules.files.load import Reading, read_rules
from turnout.rules.model import Kind, Target
from turnout.settings import Settings
from turnout.sqs.session import foreign_errors
from turnout.targets.aws import AwsClients
from turnout.telemetry.setup.environment import read_endpoint
from turnout.variables import idle_settings, misspelt_settings, settings_without_port, unusable_variables
from turnout.words import count

__all__ = ["Examination", "examine", "examine_telemetry", "settings_without_effect"]

_AT_ONCE = 8
"""Questions under way at a time, each about one thing: AWS's describing calls are throttled early."""

T = TypeVar("T")


class Examination(msgspec.Struct, frozen=True):
    """Who was asked, and everything that was found, the worst first."""

    caller: Caller
    findings: tuple[Finding, ...]


class _Queue(msgspec.Struct, frozen=True):
    url: str
    role: Role
    targets: tuple[str, ...] = ()


async def examine(settings: Settings, environ: Mapping[str, str]) -> Examination:
    """Examine everything that these settings name. Raises nothing: what goes wrong is a finding."""
    reading = read_rules(settings.rules, environ=environ, require=settings.require)
    # An address that is none is a problem of the rules; whatever is asked about it would be said of something else.
    usable = [
        target
        for target in reading.targets.values()
        if not target.unresolved and not address_problem(target.kind, target.address)
    ]
    findings: list[Finding] = [*settings_without_effect(settings, environ), *_rules(reading)]
    slots = asyncio.Semaphore(_AT_ONCE)
    caller, of_aws = await _aws(settings, environ, reading, usable, slots)
    findings += of_aws
    endpoints = [target for target in usable if target.kind is Kind.URL]
    answers = await _each(slots, [ask_endpoint(each, environ) for each in endpoints])
    for target, answer in zip(endpoints, answers, strict=True):
        findings += judge_target(target, answer or {}, environ)
    findings += await examine_telemetry(environ)
    findings += await _genesys(environ)
    worst_first = list(Severity)
    return Examination(caller, tuple(sorted(findings, key=lambda each: worst_first.index(each.severity))))


async def _aws(
    settings: Settings,
    environ: Mapping[str, str],
    reading: Reading,
    targets: Sequence[Target],
    slots: asyncio.Semaphore,
) -> tuple[Caller, list[Finding]]:
    """Who is asking, and what is found about everything in AWS."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            clients, queues = await stack.enter_async_context(_asking())
        except SqsError as problem:  # no such profile, or a file that is none
            caller = not_asked(problem)
            return caller, [*judge_caller(caller)]
        caller = await queues.caller(settings.source_queue_url[0])
        findings = [*judge_caller(caller), *judge_clock(caller)]
        if settings.sqs_client == "wire" and queues.proxied(caller.endpoint):
            findings.append(proxy_in_the_way())
        if not caller.endpoint or (caller.silence is not None and caller.silence.why is Why.UNKNOWN_CALLER):
            return caller, findings
        iam = Iam(clients, caller)
        asked_of = _queues(settings, targets)
        facts = await _each(slots, [queues.facts(each.url, each.role, each.targets, caller, iam) for each in asked_of])
        for queue in facts:
            findings += (*judge_queue(queue, settings, caller), *judge_permissions(queue, caller))
        findings += judge_together(facts, reading.rules)
        # Tables, buckets and whatever has no ARN are where AWS's own settings say, in whichever region the queues are.
        elsewhere = msgspec.structs.replace(caller, region=clients.region)
        findings += await _stores(settings, environ, clients, elsewhere, iam)
        asked = [target for target in targets if target.kind not in (Kind.QUEUE, Kind.URL)]
        answers = await _each(slots, [ask_target(clients, elsewhere.region, each) for each in asked])
        for target, answer in zip(asked, answers, strict=True):
            findings += judge_target(target, answer, environ)
        return caller, findings


def settings_without_effect(settings: Settings, environ: Mapping[str, str]) -> Iterable[Finding]:
    """What is set and changes nothing, or cannot be used."""
    for sentence in misspelt_settings(environ):
        yield warning("settings", "environment", sentence, "correct the name, or remove it")
    for sentence in unusable_variables(environ):
        yield warning("settings", "environment", sentence, "correct it, or remove it")
    for sentence in (*idle_settings(settings), *settings_without_port(settings, environ)):
        fact, _, advice = sentence.partition(": ")
        yield warning("settings", "environment", fact, advice)


def _rules(reading: Reading) -> Iterable[Finding]:
    problems = [*reading.problems, *reading.unresolved]
    if problems:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        yield error("rules", "rules", f"{problems[0]}{more}", "run turnout check, which shows all with their place")
    else:
        yield fine("rules", "rules", f"{count(len(reading.rules), 'rule')}, {count(len(reading.targets), 'target')}")


def _queues(settings: Settings, targets: Sequence[Target]) -> list[_Queue]:
    found = [_Queue(url, Role.SOURCE) for url in settings.source_queue_url]
    found.append(_Queue(settings.dead_letter_queue_url, Role.DEAD_LETTER))
    names: dict[str, list[str]] = {}
    for target in targets:
        if target.kind is Kind.QUEUE:
            url = queue_url(target.address, beside=settings.source_queue_url[0])
            names.setdefault(url, []).append(target.name)
    return found + [_Queue(url, Role.TARGET, tuple(targets)) for url, targets in names.items()]


async def _stores(
    settings: Settings, environ: Mapping[str, str], clients: AwsClients, caller: Caller, iam: Iam
) -> list[Finding]:
    """The idempotency table, and what recovery remembers and archives in, as far as these are in AWS."""
    findings: list[Finding] = []
    if settings.idempotency == "dynamodb":
        findings += await _table(clients, caller, iam, settings.idempotency_table, IDEMPOTENCY)
    try:
        recovery = load_dlq_settings(environ)
    except SettingsError as problem:
        advice = "correct it; turnout dlq needs it"
        return [*findings, *(error("settings", "recovery", each, advice) for each in problem.problems)]
    if recovery.ledger.startswith(DYNAMODB):
        findings += await _table(clients, caller, iam, recovery.ledger.removeprefix(DYNAMODB), LEDGER)
    if name := recovery.archive_bucket:
        bucket = await ask_bucket(clients, caller.region, name)
        findings += judge_bucket(name, bucket, caller)
        if _answers(bucket):
            beginning = recovery.archive_key.partition("{")[0]
            permits = await ask_use_of_bucket(clients, caller, iam, name, beginning, ARCHIVE_ACTIONS)
            findings += judge_permits(name, "bucket", ARCHIVE_ACTIONS, permits, caller)
    return findings


async def _table(clients: AwsClients, caller: Caller, iam: Iam, name: str, plan: TablePlan) -> list[Finding]:
    table = await ask_table(clients, caller.region, name)
    if not _answers(table):
        return [*judge_table(name, table, plan, caller)]
    permits = await ask_use_of_table(clients, caller, iam, name, plan.keys, plan.indexes, plan.actions)
    if isinstance(permits, Silence):  # it may not be looked at, but who uses it learns that it is not there
        return [*judge_table(name, permits, plan, caller)]
    findings = [*judge_table(name, table, plan, caller)]
    return [*findings, *judge_permits(name, "table", plan.actions, permits, caller)]


def _answers(facts: object) -> bool:
    """Whether there is something that can refuse: it told about itself, or refused to."""
    return not isinstance(facts, Silence) or facts.why is Why.DENIED


async def examine_telemetry(environ: Mapping[str, str]) -> list[Finding]:
    """Whether traces and metrics can leave."""
    found: dict[str, Finding] = {}
    off = (("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none"))
    if any(environ.get(name, "").strip().lower() == value for name, value in off):
        found[""] = fine("telemetry", "OTLP", "traces are switched off")  # who wants none is not to be told on and on
    for signal in ("traces", "metrics"):
        endpoint = read_endpoint(environ, signal, []).url
        # Traces are missed where they do not leave; metrics are at /metrics all the same.
        if endpoint not in found and (endpoint or signal == "traces"):
            own = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_CERTIFICATE", "")
            authorities = own or environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE", "")
            answer = await connect(endpoint, authorities=authorities) if endpoint else None
            found[endpoint] = judge_otlp(endpoint, answer)
    return [*found.values()]


async def _genesys(environ: Mapping[str, str]) -> list[Finding]:
    ours = ("TURNOUT_GENESYS_", "GENESYSCLOUD_", "GENESYS_CLIENT_")
    if not any(value.strip() and name.startswith(ours) for name, value in environ.items()):
        return []  # only recovery needs it
    try:
        config = load_genesys_config(environ)
    except SettingsError as problem:
        advice = "set it, or unset what else names Genesys"
        return [error("genesys", "Genesys", each, advice) for each in problem.problems]
    return list(judge_genesys(await ask_genesys(config)))


async def _each(slots: asyncio.Semaphore, questions: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    async def one(question: Coroutine[Any, Any, T]) -> T:
        async with slots:
            return await question

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(one(question), name="doctor-question") for question in questions]
    return [task.result() for task in asked]


@contextlib.asynccontextmanager
async def _asking() -> AsyncIterator[tuple[AwsClients, QueueAsker]]:
    with foreign_errors("Connect"):
        clients = AwsClients()
        queues = QueueAsker(clients)
    try:
        yield clients, queues
    finally:
        await queues.aclose()
        await clients.aclose()
