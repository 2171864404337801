"""Which queues `turnout queues create` plans."""

import re

import pytest

from turnout.errors import SettingsError
from turnout.provision.plan import plan_queues
from turnout.rules.model import Kind, Target

TARGETS = {
    "critical": Target("critical", "${CRITICAL_QUEUE_URL}", unresolved=("CRITICAL_QUEUE_URL",)),
    "topic": Target("topic", "arn:aws:sns:eu-west-1:1:t", kind=Kind.TOPIC),
}
VARIABLES = {"critical": ("CRITICAL_QUEUE_URL",)}


def names(**environ: str) -> dict[str, str]:
    plans = plan_queues(TARGETS, VARIABLES, environ=environ, prefix="dev")
    return {plan.name: plan.redrive_to for plan in plans}


def test_every_queue_that_receives_has_one_that_takes_what_it_cannot_use() -> None:
    assert names() == {
        "dev-dead-letters": "",
        "dev-events": "dev-dead-letters",
        "dev-critical-dlq": "",
        "dev-critical": "dev-critical-dlq",
    }


def test_a_queue_comes_after_the_one_it_redrives_to() -> None:
    plans = plan_queues(TARGETS, VARIABLES, environ={}, prefix="dev")
    for index, plan in enumerate(plans):
        assert not plan.redrive_to or plan.redrive_to in [before.name for before in plans[:index]]


def test_dead_letter_queues_keep_messages_for_longer_than_the_source() -> None:
    plans = {plan.name: plan for plan in plan_queues(TARGETS, VARIABLES, environ={}, prefix="dev")}
    kept = {name: int(plan.attributes.get("MessageRetentionPeriod", "345600")) for name, plan in plans.items()}
    assert all(kept[plan.redrive_to] > kept[name] for name, plan in plans.items() if plan.redrive_to)


def test_names_that_the_environment_gives_are_kept() -> None:
    given = {
        "TURNOUT_SOURCE_QUEUE_URL": "http://localhost:1/0/in,http://localhost:1/0/second",
        "TURNOUT_DEAD_LETTER_QUEUE_URL": "http://localhost:1/0/dead",
    }
    assert names(**given)["in"] == names(**given)["second"] == "dead"


def test_names_that_other_tools_give_their_own_variables_are_kept_too() -> None:
    given = {
        "GENESYS_SOURCE_QUEUE_URL": "http://localhost:1/0/in",
        "GENESYS_DLQ_URL": "http://localhost:1/0/dead",
    }
    assert names(**given)["in"] == "dead"


def test_a_source_that_is_also_a_target_stays_a_source_and_keeps_the_variables_of_both() -> None:
    url = "http://localhost:1/0/in"
    known = {"critical": Target("critical", url)}
    plans = plan_queues(known, VARIABLES, environ={"TURNOUT_SOURCE_QUEUE_URL": url}, prefix="dev")
    (source,) = [plan for plan in plans if plan.name == "in"]
    assert source.redrive_to == "dev-dead-letters"
    assert source.variables == ("TURNOUT_SOURCE_QUEUE_URL", "CRITICAL_QUEUE_URL")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("http://localhost:1/0/dead", "is also a source queue"),
        ("arn:aws:sqs:us-east-1:000000000000:in", "'arn:aws:sqs:us-east-1:000000000000:in' names no queue"),
        ("http://me:secret@localhost:1/0/i n", "'http://\\*\\*\\*@localhost:1/0/i n' names no queue"),
    ],
)
def test_queues_that_no_worker_could_use_are_refused(source: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        names(TURNOUT_SOURCE_QUEUE_URL=source, TURNOUT_DEAD_LETTER_QUEUE_URL="http://localhost:1/0/dead")


def test_a_fifo_target_gets_fifo_queues_on_both_sides() -> None:
    plans = plan_queues(TARGETS, VARIABLES, environ={}, prefix="dev", fifo=["critical"])
    (queue,) = [plan for plan in plans if plan.variables == ("CRITICAL_QUEUE_URL",)]
    assert queue.name == "dev-critical.fifo"
    assert queue.redrive_to == "dev-critical-dlq.fifo"
    assert queue.attributes["FifoQueue"] == "true"


def test_a_target_whose_queue_is_known_keeps_its_name() -> None:
    known = {"critical": Target("critical", "https://sqs.eu-west-1.amazonaws.com/1/urgent.fifo")}
    plans = plan_queues(known, VARIABLES, environ={}, prefix="dev")
    assert [plan.name for plan in plans[2:]] == ["urgent-dlq.fifo", "urgent.fifo"]


def test_an_address_made_of_several_variables_is_not_exported() -> None:
    plans = plan_queues(TARGETS, {"critical": ("BASE", "NAME")}, environ={}, prefix="dev")
    assert [plan.variables for plan in plans if plan.name == "dev-critical"] == [()]


def test_targets_whose_names_are_long_or_alike_have_queues_of_their_own_with_names_that_sqs_takes() -> None:
    targets = ["orders.eu", "orders-eu", "x" * 99 + "1", "x" * 99 + "2"]
    known = {name: Target(name, f"${{URL_{n}}}", unresolved=(f"URL_{n}",)) for n, name in enumerate(targets)}
    variables = {target.name: target.unresolved for target in known.values()}
    plans = plan_queues(known, variables, environ={}, prefix="d" * 40, fifo=targets)
    assert len(plans) == 2 + 2 * len(targets)
    assert {variable for plan in plans[2:] for variable in plan.variables} == {f"URL_{n}" for n in range(4)}
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+(\.fifo)?", plan.name) and len(plan.name) <= 80 for plan in plans)


def test_a_queue_with_the_longest_name_has_a_dead_letter_queue_that_can_be_made() -> None:
    known = {"critical": Target("critical", f"https://sqs.eu-west-1.amazonaws.com/1/{'q' * 75}.fifo")}
    dead, queue = plan_queues(known, VARIABLES, environ={}, prefix="dev")[2:]
    assert queue.name == "q" * 75 + ".fifo"
    assert dead.name.startswith("q" * 60)
    assert dead.name.endswith("-dlq.fifo")
    assert len(dead.name) <= 80
