"""The fault proxy: it stands between workers and SQS, spoils calls by a plan, and journals what it did.

A fault is always consistent: what an answer says failed did not happen, unless the fault is of the kind "took effect
but answer lost". The kinds are in `faults`, the HTTP side is in `wire`, the queues are behind `upstream`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from email.utils import formatdate
from random import Random
from uuid import uuid4

from tests.chaos.credentials import CREDENTIALS_PATH, Credentials
from tests.chaos.faults import EFFECT_WITHOUT_ANSWER, Fault, Kind, Plan
from tests.chaos.journal import Journal
from tests.chaos.upstream import Document, Outcome, Upstream
from tests.chaos.wire import RESET, Answer, Request, serve

from turnout.queues import queue_name

__all__ = ["FaultProxy", "open_proxy"]

STALL_SECONDS = 40.0
"""How long an answer that never comes is withheld: longer than any client waits for a batch call."""

_REMEMBERED = 200  # messages that were deleted and may be handed out again
_SKEW_SECONDS = 1200

_REFUSALS = {
    # kind: choices of (HTTP status, error code, further headers)
    Kind.INTERNAL_ERROR: ((500, "InternalError", {}), (500, "InternalFailure", {})),
    Kind.UNAVAILABLE: ((503, "ServiceUnavailable", {}), (503, "ServiceUnavailable", {"Retry-After": "1"})),
    Kind.THROTTLED: (
        (400, "ThrottlingException", {}),
        (400, "RequestThrottled", {"x-amz-retry-after": "150"}),
        (400, "OverLimit", {}),
        (429, "TooManyRequestsException", {}),
        (400, "KmsThrottled", {}),
    ),
    Kind.THROTTLED_403: ((403, "RequestThrottled", {}),),
    Kind.CLOCK_SKEW: ((403, "RequestTimeTooSkewed", {}), (400, "RequestExpired", {})),
    Kind.EXPIRED_TOKEN: ((403, "ExpiredTokenException", {}), (400, "ExpiredToken", {})),
    Kind.ERROR_AFTER: ((500, "InternalError", {}), (503, "ServiceUnavailable", {})),
}

_NOT_JSON = (
    b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    b"\x00\xff\xfe",
    b"upstream connect error",
    b"{'a': 1}",
)


@asynccontextmanager
async def open_proxy(
    upstream: Upstream,
    journal: Journal,
    plan: Plan,
    *,
    sources: Iterable[str],
    visibility_seconds: int = 30,
    credentials: Credentials | None = None,
) -> AsyncIterator[FaultProxy]:
    """A proxy that serves until the end of the context.

    `sources` are the names of the queues that workers read, `visibility_seconds` is the workers' setting.
    """
    async with asyncio.TaskGroup() as tasks:
        proxy = FaultProxy(upstream, journal, plan, frozenset(sources), visibility_seconds, credentials, tasks)
        async with serve(proxy.answer) as port:
            proxy.port = port
            yield proxy
        proxy.close()


class FaultProxy:
    """See the module. Everything happens in one event loop; effect and journal entry are one step."""

    port = 0

    def __init__(
        self,
        upstream: Upstream,
        journal: Journal,
        plan: Plan,
        sources: frozenset[str],
        visibility_seconds: int,
        credentials: Credentials | None,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._upstream = upstream
        self._journal = journal
        self._plan = plan
        self._sources = sources
        self._visibility_seconds = visibility_seconds
        self._credentials = credentials
        self._tasks = tasks
        self._pending: set[asyncio.Task[None]] = set()
        self._given_out: dict[str, Document] = {}
        self._deleted: deque[str] = deque(maxlen=_REMEMBERED)
        self._effect = asyncio.Event()
        self.denied: set[str] = set()
        """Names of queues that refuse every send (AccessDenied)."""

    @property
    def url(self) -> str:
        """The endpoint to give to clients."""
        return f"http://127.0.0.1:{self.port}"

    def queue_url(self, name: str) -> str:
        """The URL of a queue, as seen through the proxy."""
        return f"{self.url}/000000000000/{name}"

    def close(self) -> None:
        """Drop what was planned for later."""
        for task in self._pending:
            task.cancel()

    async def after_call(self, number: int) -> None:
        """Wait until the `number`-th call of the run has had its effect; its caller may not know yet."""
        while self._journal.calls.total() < number:
            self._effect.clear()
            await self._effect.wait()

    async def answer(self, request: Request) -> Answer:
        """Answer one request of a worker."""
        if self._credentials is not None and request.path == CREDENTIALS_PATH:
            return Answer(200, self._credentials.issue(), {"Content-Type": "application/json"})
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        document = json.loads(request.body)
        queue = queue_name(document["QueueUrl"])
        self._journal.calls[operation] += 1
        if operation == "DeleteMessageBatch" and queue in self._sources:
            self._journal.asked_to_delete(_handles(document))
        if operation == "ChangeMessageVisibilityBatch" and queue in self._sources:
            # Before it takes effect: a poll that waits may bring the message before the answer is there. And whatever
            # becomes of the call, the worker is rid of the message, which comes again at the latest by itself.
            self._journal.released(self._released(document["Entries"]))
        if self._credentials is not None and not self._credentials.accepts(request.headers.get("authorization", "")):
            return self._refuse(Kind.EXPIRED_TOKEN, Random(0), operation, queue, document)
        if operation == "SendMessageBatch" and queue in self.denied:
            return _refusal(403, "AccessDenied")
        fault = self._plan.draw(operation, queue)
        if fault is None:
            return _json(await self._forward(operation, queue, document))
        if fault.kind is Kind.RESET_BEFORE or fault.kind in _REFUSALS.keys() - EFFECT_WITHOUT_ANSWER:
            return self._refuse(fault.kind, fault.random, operation, queue, document)
        if fault.kind in EFFECT_WITHOUT_ANSWER:
            return await self._spoil(fault, operation, queue, document)
        if fault.kind in (Kind.DUPLICATE, Kind.GHOST):
            return await self._duplicate(fault, operation, queue, document)
        if fault.kind is Kind.SLOW:
            return await self._slow(fault, operation, queue, document)
        return await self._partly(fault, operation, queue, document)

    # Whole calls

    def _refuse(self, kind: Kind, random: Random, operation: str, queue: str, document: Document) -> Answer:
        """The call has no effect."""
        self._journal.injected(kind, operation, queue, self._bodies(operation, document))
        if operation == "ChangeMessageVisibilityBatch":
            self._change_refused(document["Entries"])
        if kind is Kind.RESET_BEFORE:
            return RESET
        status, code, headers = random.choice(_REFUSALS[kind])
        skew = random.choice([-_SKEW_SECONDS, _SKEW_SECONDS]) if kind is Kind.CLOCK_SKEW else 0
        return _refusal(status, code, headers, skew)

    async def _spoil(self, fault: Fault, operation: str, queue: str, document: Document) -> Answer:
        """The call has its effect; its answer is lost."""
        kind, random = fault
        outcome = await self._forward(operation, queue, document, untold=kind)
        bodies = self._bodies(operation, document)
        if operation == "ReceiveMessage":
            bodies = tuple(message["Body"] for message in outcome.document.get("Messages") or ())
        if operation == "ChangeMessageVisibilityBatch":
            self._change_refused(document["Entries"])
        self._journal.injected(kind, operation, queue, bodies)
        said = json.dumps(outcome.document).encode()
        match kind:
            case Kind.ERROR_AFTER:
                return _refusal(*random.choice(_REFUSALS[kind]))
            case Kind.RESET_AFTER:
                return RESET
            case Kind.STALLED:
                await asyncio.sleep(STALL_SECONDS)
                return RESET
            case Kind.TRUNCATED:
                return Answer(200, said, _headers(), cut=random.randrange(len(said)))
            case Kind.CUT_JSON:
                return Answer(200, said[: random.randrange(1, len(said))], _headers())
            case Kind.NOT_JSON:
                return Answer(200, random.choice(_NOT_JSON), _headers())
            case _:
                return Answer(200, b"", _headers())

    async def _slow(self, fault: Fault, operation: str, queue: str, document: Document) -> Answer:
        """The call has its effect; its answer comes late, and may find that nobody waits for it any more."""
        receives = operation == "ReceiveMessage" and queue in self._sources
        outcome = await self._forward(operation, queue, document, untold=fault.kind if receives else None)
        self._journal.injected(fault.kind, operation, queue, self._bodies(operation, document))
        messages = outcome.document.get("Messages") or []
        with self._journal.on_the_way(messages if receives else []):
            await asyncio.sleep(fault.random.uniform(0.05, 1.0))
        if receives:
            self._journal.handed_out(messages, arrived=True)
        return _json(outcome)

    async def _forward(self, operation: str, queue: str, document: Document, untold: Kind | None = None) -> Outcome:
        """Let the call have its effect, and journal that. `untold`: the caller will not learn of it."""
        outcome = await self._upstream.call(operation, document)
        if outcome.status == 200:
            self._took_effect(operation, queue, document, outcome.document, untold)
        self._effect.set()
        return outcome

    def _took_effect(
        self, operation: str, queue: str, document: Document, said: Document, untold: Kind | None = None
    ) -> None:
        journal = self._journal
        if operation == "SendMessageBatch":
            done = {entry["Id"] for entry in said.get("Successful") or ()}
            journal.accepted(queue, [entry for entry in document["Entries"] if entry["Id"] in done], untold)
        elif queue not in self._sources:
            return
        elif operation == "ReceiveMessage":
            messages = said.get("Messages") or []
            self._given_out.update((message["MessageId"], message) for message in messages)
            journal.handed_out(messages, arrived=untold is None)
        elif operation == "DeleteMessageBatch":
            handles = _handles(document, said)
            journal.deleted_from_source(handles)
            # A delete with an outdated handle succeeds as well, and deletes nothing.
            gone = journal.deleted.intersection(journal.message_id(handle) for handle in handles)
            self._deleted.extend(sorted(gone.difference(self._deleted)))
        elif operation == "ChangeMessageVisibilityBatch":
            released = self._released(document["Entries"])
            if untold is None:
                journal.extended(handle for handle in _handles(document, said) if handle not in released)

    def _released(self, entries: Iterable[Document]) -> set[str]:
        """The handles of which the worker wants to be rid: it extends by its own visibility timeout and no other."""
        return {e["ReceiptHandle"] for e in entries if e["VisibilityTimeout"] != self._visibility_seconds}

    def _change_refused(self, entries: list[Document]) -> None:
        released = self._released(entries)
        self._journal.extension_refused(e["ReceiptHandle"] for e in entries if e["ReceiptHandle"] not in released)

    # Some entries of a batch

    async def _partly(self, fault: Fault, operation: str, queue: str, document: Document) -> Answer:
        kind, random = fault
        entries: list[Document] = document["Entries"]
        hit = _some(random, entries)
        spared = [entry for entry in entries if entry not in hit]
        if kind is Kind.UNMENTIONED:
            return await self._unmentioned(hit, operation, queue, document)
        said: Document = {"Successful": [], "Failed": []}
        # Journalled before anything is awaited: nothing may happen to these entries unexplained.
        self._journal.injected(kind, operation, queue, self._bodies(operation, {"Entries": hit}))
        if operation == "ChangeMessageVisibilityBatch":
            self._change_refused(hit)
        if spared:
            outcome = await self._forward(operation, queue, document | {"Entries": spared})
            if outcome.status != 200:
                return _json(outcome)
            said = {name: list(outcome.document.get(name) or ()) for name in ("Successful", "Failed")}
        for entry in hit:
            if kind is Kind.EXPIRED_HANDLE:
                failure = await self._expire(random, queue, entry["ReceiptHandle"])
            elif kind is Kind.PARTIAL_SENDER:
                failure = {
                    "Code": random.choice(["InvalidMessageContents", "InvalidParameterValue"]),
                    "SenderFault": True,
                }
            else:
                code = random.choice(["InternalError", "ServiceUnavailable", "ThrottlingException", "Unheard.Of"])
                failure = {"Code": code, "SenderFault": False}
            if failure is None:
                said["Successful"].append({"Id": entry["Id"]})
            else:
                said["Failed"].append({"Id": entry["Id"], "Message": "This failure was planned.", **failure})
        random.shuffle(said["Successful"])
        return _json(Outcome(200, {name: found for name, found in said.items() if found}))

    async def _unmentioned(self, hit: list[Document], operation: str, queue: str, document: Document) -> Answer:
        """Every entry has its effect; the answer does not mention those in `hit`."""
        outcome = await self._upstream.call(operation, document)
        if outcome.status != 200:
            return _json(outcome)
        silent = {entry["Id"] for entry in hit}
        succeeded = outcome.document.get("Successful") or []
        told = outcome.document | {"Successful": [entry for entry in succeeded if entry["Id"] not in silent]}
        untold = {"Successful": [entry for entry in succeeded if entry["Id"] in silent]}
        self._took_effect(operation, queue, document, told)
        self._took_effect(operation, queue, document, untold, Kind.UNMENTIONED)
        self._journal.injected(Kind.UNMENTIONED, operation, queue, self._bodies(operation, {"Entries": hit}))
        return _json(Outcome(200, told))

    async def _expire(self, random: Random, queue: str, handle: str) -> Document | None:
        """The handle expired, so the message is visible again. A standard queue may not even say so."""
        self._journal.visible_again(self._journal.message_id(handle), Kind.EXPIRED_HANDLE)
        await self._make_visible(queue, handle)
        if queue.endswith(".fifo"):
            return {"Code": "InvalidParameterValue", "SenderFault": True, "Message": "The receipt handle has expired."}
        return random.choice([None, {"Code": "ReceiptHandleIsInvalid", "SenderFault": True}])

    # Duplicates

    async def _duplicate(self, fault: Fault, operation: str, queue: str, document: Document) -> Answer:
        kind, random = fault
        if kind is Kind.GHOST and self._deleted:
            limit = int(document.get("MaxNumberOfMessages", 1))
            deleted = [self._given_out[message_id] for message_id in self._deleted]
            ghosts = _some(random, [ghost for ghost in deleted if _came_from(ghost, queue)])[:limit]
            messages = [_handed_out_again(ghost) for ghost in ghosts]
            for message in messages:
                self._journal.visible_again(message["MessageId"], kind)
            if messages:
                self._journal.injected(kind, operation, queue, (message["Body"] for message in messages))
                self._journal.handed_out(messages, arrived=True)
                return _json(Outcome(200, {"Messages": messages}))
        outcome = await self._forward(operation, queue, document)
        messages = outcome.document.get("Messages") or []
        if messages and kind is Kind.DUPLICATE:
            chosen = _some(random, messages)
            self._journal.injected(kind, operation, queue, (message["Body"] for message in chosen))
            for message in chosen:
                self._later(random.choice([0.0, 0.02, 0.3]), queue, message)
        return _json(outcome)

    def _later(self, seconds: float, queue: str, message: Document) -> None:
        async def become_visible() -> None:
            await asyncio.sleep(seconds)
            if message["MessageId"] not in self._journal.deleted:
                self._journal.visible_again(message["MessageId"], Kind.DUPLICATE)
                await self._make_visible(queue, message["ReceiptHandle"])

        task = self._tasks.create_task(become_visible(), name="duplicate")
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _make_visible(self, queue: str, handle: str) -> None:
        entry = {"Id": "0", "ReceiptHandle": handle, "VisibilityTimeout": 0}
        url = f"http://localhost/000000000000/{queue}"
        await self._upstream.call("ChangeMessageVisibilityBatch", {"QueueUrl": url, "Entries": [entry]})

    def _bodies(self, operation: str, document: Document) -> tuple[str, ...]:
        """The events that a call is about, as far as its request tells."""
        entries = document.get("Entries") or ()
        if operation == "SendMessageBatch":
            return tuple(entry["MessageBody"] for entry in entries)
        return self._journal.bodies(entry["ReceiptHandle"] for entry in entries)


def _handles(document: Document, said: Document | None = None) -> list[str]:
    """The receipt handles of a batch; with `said`, those of the entries that succeeded."""
    done = None if said is None else {entry["Id"] for entry in said.get("Successful") or ()}
    return [entry["ReceiptHandle"] for entry in document["Entries"] if done is None or entry["Id"] in done]


def _some(random: Random, choices: Sequence[Document]) -> list[Document]:
    return random.sample(choices, random.randint(1, len(choices))) if choices else []


def _came_from(message: Document, queue: str) -> bool:
    return ("SequenceNumber" in message["Attributes"]) == queue.endswith(".fifo")


def _handed_out_again(message: Document) -> Document:
    count = int(message["Attributes"]["ApproximateReceiveCount"]) + 1
    return message | {"Attributes": message["Attributes"] | {"ApproximateReceiveCount": str(count)}}


def _headers(skew_seconds: float = 0) -> dict[str, str]:
    return {
        "Content-Type": "application/x-amz-json-1.0",
        "x-amzn-RequestId": str(uuid4()),
        "Date": formatdate(time.time() + skew_seconds, usegmt=True),
    }


def _json(outcome: Outcome) -> Answer:
    headers = _headers()
    code = outcome.document.get("__type", "").rpartition("#")[2]
    if code:
        headers["x-amzn-query-error"] = f"{code};{'Sender' if outcome.status < 500 else 'Receiver'}"
    return Answer(outcome.status, json.dumps(outcome.document).encode(), headers)


def _refusal(status: int, code: str, headers: dict[str, str] | None = None, skew_seconds: float = 0) -> Answer:
    body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "This failure was planned."}).encode()
    return Answer(status, body, _headers(skew_seconds) | (headers or {}))
