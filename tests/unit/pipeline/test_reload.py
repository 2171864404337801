"""New rules that change what is said of a target while messages wait for it. In virtual time."""

import asyncio
import json

import pytest
from tests.unit.pipeline.virtual_time import run
from tests.unit.pipeline.yard import Yard, ruleset

from turnout.errors import Fault, TargetError
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.breaker import BreakerConfig
from turnout.rules import Target
from turnout.targets.api import Destination

RULES = """
targets:
  crm: {queue: crm.fifo, priority: 1}
unmatched: drop
rules:
  - {id: all, when: exists(detail), send: [crm], group: detail.group}
"""


def event(number: int, group: str = "a") -> str:
    return json.dumps({"id": f"event-{number}", "detail": {"group": group}})


def yard(rules: str = RULES, **config: object) -> Yard:
    return Yard(
        rules, fifo=["crm.fifo"], clock=lambda: asyncio.get_running_loop().time(), drain_seconds=300.0, **config
    )


async def settled(yard: Yard, count: int) -> None:
    """Wait, for minutes if need be, until so many messages are settled."""
    while len(yard.watch.accounts) < count:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("change", ["priority: 2", "priority: 1, per_second: 50", "priority: 1, description: The CRM."])
def test_what_comes_after_a_reload_does_not_overtake_what_waits_for_the_same_target(change: str) -> None:
    async def main() -> None:
        waiting = yard(backoff=Backoff(60.0, 60.0, 12))
        waiting.sqs.fail_calls("crm.fifo", "SendMessageBatch", "ServiceUnavailable", times=1)
        async with waiting.running(seconds=1_000):
            await waiting.publish(event(1))
            while not len(waiting.worker.senders["crm"]):
                await asyncio.sleep(0.01)
            waiting.worker.use(ruleset(RULES.replace("priority: 1", change)))
            await waiting.publish(event(2))
            await settled(waiting, 2)
        assert waiting.bodies("crm.fifo") == [event(1), event(2)]

    run(main())


def test_a_target_that_is_left_alone_is_so_after_a_reload_that_leaves_it_where_it_is() -> None:
    async def main() -> None:
        failing = yard(
            breaker=BreakerConfig(failures=1, probe_seconds=60.0, probe_cap_seconds=60.0), hold_seconds=600.0
        )
        failing.sqs.fail_calls("crm.fifo", "SendMessageBatch", "ServiceUnavailable", times=1)
        async with failing.running(seconds=1_000):
            await failing.publish(event(1))
            while not len(failing.worker.senders["crm"]):
                await asyncio.sleep(0.01)
            failing.worker.use(ruleset(RULES.replace("priority: 1", "priority: 1, per_second: 50")))
            await failing.publish(event(2, group="b"))
            await asyncio.sleep(50)
            assert failing.bodies("crm.fifo") == []
            await settled(failing, 2)

    run(main())


def test_rules_of_which_one_target_has_no_way_change_nothing_for_the_others() -> None:
    async def main() -> None:
        working = yard()
        before = working.worker.ruleset

        def no_way(target: Target) -> Destination:
            raise TargetError("no way", code="NoWay", fault=Fault.CONFIG, retryable=False)

        async with working.running(seconds=1_000):
            working.worker._destinations = no_way
            more = RULES.replace("priority: 1}", "priority: 1, per_second: 1}\n  new: {queue: archive}")
            with pytest.raises(TargetError):
                working.worker.use(ruleset(more.replace("[crm]", "[crm, new]")))
            assert working.worker.ruleset is before
            began = asyncio.get_running_loop().time()
            await working.publish(*(event(number, group=str(number)) for number in range(50)))
            await settled(working, 50)
            assert asyncio.get_running_loop().time() - began < 5, "the rate is that of the old rules"

    run(main())


@pytest.mark.parametrize(("new", "least", "most"), [(", per_second: 2", 95, 100), ("", 0, 2)])
def test_what_waits_for_a_target_goes_by_the_rate_that_new_rules_give_it(new: str, least: int, most: int) -> None:
    async def main() -> None:
        slow = yard(RULES.replace("priority: 1", "priority: 1, per_second: 1"), max_in_flight=300)
        async with slow.running(seconds=1_000):
            await slow.publish(*(event(number, group=str(number)) for number in range(210)))
            while len(slow.bodies("crm.fifo")) < 10:
                await asyncio.sleep(0.01)
            began = asyncio.get_running_loop().time()
            slow.worker.use(ruleset(RULES.replace("priority: 1", f"priority: 1{new}")))
            await slow.publish(*(event(number, group=str(number)) for number in range(210, 220)))
            await settled(slow, 220)
            assert least <= asyncio.get_running_loop().time() - began <= most

    run(main())
