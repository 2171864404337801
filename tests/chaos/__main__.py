"""`python -m tests.chaos`: many seeded chaos runs, one long kill run and a run of restarts, with a report."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Coroutine

from tests.chaos.scenario import Result, chaos_run, kill_run, restart_run


def main() -> None:
    """Run what the command line asks for; exit code 1 when any book does not balance."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="chaos runs, each with a seed of its own (default: 50)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default: 1)")
    parser.add_argument("--messages", type=int, default=400, help="messages per chaos run (default: 400)")
    parser.add_argument("--kills", type=int, default=200, help="workers to kill in the kill run (default: 200)")
    parser.add_argument("--restarts", type=int, default=50, help="workers to stop at work (default: 50)")
    parser.add_argument("--jobs", type=int, default=2, help="chaos runs at a time (default: 2)")
    options = parser.parse_args()
    problems = asyncio.run(_run(options))
    sys.exit(1 if problems else 0)


async def _run(options: argparse.Namespace) -> int:
    started = time.monotonic()
    limit = asyncio.Semaphore(options.jobs)
    results: list[Result] = []

    async def one(what: str, run: Coroutine[object, object, Result]) -> None:
        async with limit:
            result = await run
        results.append(result)
        _tell(what, result)

    async with asyncio.TaskGroup() as tasks:
        for seed in range(options.first, options.first + options.seeds):
            tasks.create_task(one("chaos", chaos_run(seed, messages=options.messages)), name=f"chaos {seed}")
        if options.kills:
            tasks.create_task(one("kill", kill_run(options.first, options.kills)), name="kill")
        if options.restarts:
            tasks.create_task(one("restart", restart_run(options.first, options.restarts)), name="restart")
    _summary(results, time.monotonic() - started)
    return sum(len(result.problems()) for result in results)


def _tell(what: str, result: Result) -> None:
    problems = result.problems()
    balance = result.balance
    print(
        f"{what} seed {result.seed}: {balance.published} messages, {result.faults.total()} faults at rate "
        f"{result.rate:.2f}, {result.stops} stops, {balance.delivered.total()} delivered, "
        f"{balance.letters.total()} letters, {balance.duplicates.total()} duplicates, {len(balance.lost)} lost, "
        f"{result.seconds:.1f} s: {'balanced' if not problems else f'{len(problems)} PROBLEMS'}",
        flush=True,
    )
    for problem in problems[:20]:
        print(f"    {problem}", flush=True)


def _summary(results: list[Result], seconds: float) -> None:
    faults: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    delivered: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    duplicates: Counter[str] = Counter()
    for result in results:
        faults.update({str(kind): count for kind, count in result.faults.items()})
        calls.update(result.journal.calls)
        delivered.update(result.balance.delivered)
        letters.update(result.balance.letters)
        duplicates.update(result.balance.duplicates)
    published = sum(result.balance.published for result in results)
    lost = sum(len(result.balance.lost) for result in results)
    problems = sum(len(result.problems()) for result in results)
    stops = sum(result.stops for result in results)
    print(f"\n{len(results)} runs in {seconds:.0f} s, {stops} workers killed or stopped at work")
    print(f"messages published: {published}")
    _table("calls of workers", calls)
    _table("faults injected", faults)
    _table("delivered, by target", delivered)
    _table("letters, by reason", letters)
    _table("duplicates, by the fault that explains them", duplicates)
    print(f"lost: {lost}")
    print(f"problems of any kind: {problems}")


def _table(title: str, counts: Counter[str]) -> None:
    print(f"{title}: {counts.total()}")
    for name, count in counts.most_common():
        print(f"    {count:>8}  {name}")


if __name__ == "__main__":
    main()
