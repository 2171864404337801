"""`python -m tests.chaos.soak`: one worker, many messages, now and then a fault; its memory must stay flat.

The queues are the in-memory ones behind HTTP, in this process; the worker is a process of its own, whose resident
memory is sampled. No journal is kept here, only a count per event and target, so that this side stays small as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.chaos.load import DEAD, SOURCE, TARGETS
from tests.chaos.upstream import Document, MemoryUpstream, Outcome
from tests.chaos.wire import RESET, Answer, Request, serve
from tests.chaos.workers import open_workers

from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory import MemorySqs

__all__ = ["Soak", "soak"]

_PATHS = (("crm",), ("archive",), ("crm", "audit"), ("ledger",), ("nobody",), ("crm", "broken"))
"""Where events go, in turn."""

_WAITING = 2_000
"""So many messages lie in the source at a time, at most."""

_SAMPLE_SECONDS = 0.5
_FAULT_EVERY, _LOST_ANSWER_EVERY = 53, 97
"""Of all calls, and of the sends that went well: to standard queues and to FIFO queues each for themselves."""
_DENIED = Outcome(403, {"__type": "com.amazonaws.sqs#AccessDenied", "message": "This failure was planned."})
_UNAVAILABLE = Outcome(503, {"__type": "com.amazonaws.sqs#ServiceUnavailable", "message": "This failure was planned."})
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Soak:
    """What a soak did and found."""

    messages: int
    seconds: float = 0.0
    delivered: Counter[str] = field(default_factory=Counter)
    """Messages found, by queue."""
    lost: int = 0
    duplicates: int = 0
    """Copies beyond the first."""
    untold: int = 0
    """Copies that a lost answer explains."""
    misplaced: int = 0
    calls: int = 0
    faults: int = 0
    problems: list[str] = field(default_factory=list)
    rss_mib: list[tuple[int, float]] = field(default_factory=list)
    """Messages published so far, and the worker's resident memory in MiB."""

    def growth_mib(self) -> float:
        """How much more memory the worker had in the last fifth of the messages than in the second (medians)."""
        fifth = self.messages / 5
        early = [rss for count, rss in self.rss_mib if fifth <= count < 2 * fifth]
        late = [rss for count, rss in self.rss_mib if count >= 4 * fifth]
        return median(late) - median(early)


async def soak(messages: int) -> Soak:
    """Send so many messages through one worker."""
    result = Soak(messages)
    sqs = MemorySqs()
    for name in (SOURCE, DEAD, *TARGETS.values()):
        sqs.create_queue(name)
    upstream = MemoryUpstream(sqs)
    tally = _Tally(messages, sqs, result)
    sends_done: Counter[bool] = Counter()  # by whether they went to a FIFO queue
    started = time.monotonic()

    async def answer(request: Request) -> Answer:
        document: Document = json.loads(request.body)
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        sends = operation == "SendMessageBatch"
        result.calls += 1
        if sends and document["QueueUrl"].endswith(TARGETS["broken"]):
            outcome = _DENIED
        elif result.calls % _FAULT_EVERY == 0:
            result.faults += 1
            outcome = _UNAVAILABLE
        else:
            outcome = await upstream.call(operation, document)
            if sends:
                fifo = document["QueueUrl"].endswith(".fifo")
                sends_done[fifo] += 1
                if sends_done[fifo] % _LOST_ANSWER_EVERY == 0:
                    result.faults += 1
                    result.untold += 0 if fifo else len(document["Entries"])
                    return RESET
        said = json.dumps(outcome.document).encode()
        return Answer(outcome.status, said, {"Content-Type": "application/x-amz-json-1.0"})

    async with serve(answer) as port:
        with open_workers(f"http://127.0.0.1:{port}", [SOURCE], "drop") as workers:
            workers.settings["TURNOUT_LOG_LEVEL"] = "error"
            async with workers.running() as process:
                sampling = asyncio.create_task(_sample(process.pid, tally), name="sample")
                await tally.feed(process)
                sampling.cancel()
                result.problems += await workers.stop(process)
            result.problems += workers.complaints()
    await tally.empty()
    tally.close()
    result.seconds = time.monotonic() - started
    return result


class _Tally:
    """Publishes the events, empties the targets, and counts how often each event is where."""

    def __init__(self, messages: int, sqs: MemorySqs, result: Soak) -> None:
        self._messages = messages
        self._sqs = sqs
        self.result = result
        self._found = {queue: bytearray(messages) for queue in (*TARGETS.values(), DEAD)}
        self.published = 0

    async def feed(self, process: asyncio.subprocess.Process) -> None:
        """Publish everything, never more at a time than the source is to hold, and wait until it is empty."""
        while process.returncode is None:
            waiting = await self._waiting()
            if self.published == self._messages and not waiting:
                return
            while self.published < self._messages and waiting < _WAITING:
                numbers = range(self.published, min(self.published + 10, self._messages))
                await self._sqs.send(SOURCE, [OutgoingMessage(_body(number)) for number in numbers])
                self.published += len(numbers)
                waiting += len(numbers)
            await self.empty()
            await asyncio.sleep(0.01)

    async def empty(self) -> None:
        """Take everything out of the targets and count it."""
        for queue, found in self._found.items():
            while received := await self._sqs.receive(queue, wait_seconds=0):
                await self._sqs.delete(queue, [message.handle for message in received])
                self.result.delivered[queue] += len(received)
                for message in received:
                    number = json.loads(message.body)["number"]
                    found[number] = min(255, found[number] + 1)

    def close(self) -> None:
        """Hold the counts against what had to be there."""
        result = self.result
        for queue, found in self._found.items():
            for number, count in enumerate(found):
                expected = queue in _queues(number)
                result.lost += expected and not count
                result.misplaced += bool(count) and not expected
                result.duplicates += max(0, count - 1)

    async def _waiting(self) -> int:
        attributes = await self._sqs.queue_attributes(SOURCE)
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(attributes[name]) for name in names)


def _queues(number: int) -> list[str]:
    """The queues in which an event ends."""
    targets = _PATHS[number % len(_PATHS)]
    if "nobody" in targets:
        return []
    return [DEAD if target == "broken" else TARGETS[target] for target in targets]


def _body(number: int) -> str:
    targets = list(_PATHS[number % len(_PATHS)])
    detail = {"to": targets, "group": f"group-{number % 50}", "pad": "x" * 700}
    return json.dumps({"id": f"event-{number}", "number": number, "detail": detail})


async def _sample(pid: int, tally: _Tally) -> None:
    statm = Path(f"/proc/{pid}/statm")
    while True:
        pages = int(statm.read_text().split()[1])
        tally.result.rss_mib.append((tally.published, pages * _PAGE / 1024 / 1024))
        await asyncio.sleep(_SAMPLE_SECONDS)


def main() -> None:
    """Run a soak and print what it did; exit code 1 when something was lost, misplaced or unexplained, or grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--messages", type=int, default=300_000, help="how many messages (default: 300,000)")
    parser.add_argument("--growth-mib", type=float, default=8.0, help="growth of memory that is flat (default: 8)")
    options = parser.parse_args()
    result = asyncio.run(soak(options.messages))
    print(f"{result.messages} messages in {result.seconds:.0f} s, {result.messages / result.seconds:.0f} a second")
    print(f"calls: {result.calls}, faults: {result.faults}")
    for queue, count in result.delivered.items():
        print(f"{count:>10}  in {queue}")
    print(f"lost: {result.lost}, misplaced: {result.misplaced}")
    print(f"duplicates: {result.duplicates}, of {result.untold} sends whose answer was lost")
    step = max(1, len(result.rss_mib) // 20)
    print("resident memory of the worker:")
    for count, rss in result.rss_mib[::step]:
        print(f"{count:>10} messages  {rss:6.1f} MiB")
    growth = result.growth_mib()
    print(f"growth from the second fifth to the last: {growth:+.1f} MiB")
    for problem in result.problems:
        print(problem)
    wrong = result.problems or result.lost or result.misplaced or result.duplicates > result.untold
    sys.exit(1 if wrong or growth > options.growth_mib else 0)


if __name__ == "__main__":
    main()
