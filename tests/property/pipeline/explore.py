"""`python -m tests.property.pipeline.explore`: many random histories through the worker's state machine."""

from __future__ import annotations

import argparse
import logging
import time
from collections import Counter
from random import randrange

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.property.pipeline.test_worker_machine import WorkerMachine

tally: Counter[str] = Counter()


class Tallied(WorkerMachine):
    """Counts what happened, for the report."""

    def teardown(self) -> None:
        begun = bool(self.workers)
        super().teardown()
        if begun:
            tally["histories"] += 1
            tally["events published"] += len(self.events)
            tally["messages received"] += self.sqs.arrivals.total()
            tally["sends whose answer was lost"] += self.sqs.untold.total()
            tally["letters"] += sum(map(len, self.sqs.letters.values()))
            tally["letters put back"] += self.redriven.total()


def main() -> None:
    """Explore; an assertion fails, with the shortest history that makes it fail, when the contract is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.property.pipeline.explore", description=__doc__)
    parser.add_argument("--histories", type=int, default=5_000, help="how many (default: 5,000)")
    parser.add_argument("--seed", type=int, default=randrange(1 << 32), help="for the same histories again")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    started = time.monotonic()
    print(f"seed {options.seed}", flush=True)
    run_state_machine_as_test(
        seed(options.seed)(Tallied),
        settings=settings(
            max_examples=options.histories,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"the contract held in {time.monotonic() - started:.0f} s")
    for what, count in tally.items():
        print(f"{count:>10}  {what}")


if __name__ == "__main__":
    main()
