"""What deploy/terraform refuses before anything is made, judged by Terraform itself on the variables alone.

AWS would refuse the same, but in the midst of an apply, or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.unit.deploy.terraform.module import FOLDER

pytestmark = pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform is installed")

LEAST: dict[str, Any] = {"event_bus_name": "default", "package": {"file": "package.zip"}}
WORKER = {"image": "i", "repository_arn": "r", "vpc_id": "v", "subnet_ids": ["s"]}
# ECS developer guide, "Amazon ECS task definition parameters for Fargate": task size.
FARGATE = [(256, 2048), (512, 1024), (2048, 16384), (4096, 30720), (8192, 20480), (16384, 122880)]
NOT_FARGATE = [(256, 1536), (512, 512), (1024, 8704), (300, 1024), (4096, 32768), (8192, 17408)]
GENESYS = {"genesys_environment": {"TURNOUT_GENESYS_REGION": "eu-west-1"}}
MANY_SOURCES: dict[str, Any] = {f"s{number}": {} for number in range(10)}


def planned(folder: Path, values: dict[str, Any]) -> tuple[bool, str]:
    """Whether Terraform accepts these values for the module's variables, and what it says, in one line."""
    for path in FOLDER.glob("variables*.tf"):
        shutil.copy(path, folder)
    (folder / "terraform.tfvars.json").write_text(json.dumps({**LEAST, **values}))
    environment = {"PATH": os.environ["PATH"], "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    command = ["terraform", "plan", "-input=false", "-no-color"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, " ".join(done.stderr.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", "").split())


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"worker": WORKER},
        {"worker": {**WORKER, "environment": {"TURNOUT_DRAIN_SECONDS": "90", "TURNOUT_TELEMETRY_SECONDS": "10"}}},
        {"worker": {**WORKER, "environment": {"TURNOUT_PROCESSES": "2"}}},
        *({"worker": {**WORKER, "cpu": cpu, "memory": memory}} for cpu, memory in FARGATE),
        {"router": {}, "recovery": {}},
        {"router": {"batch_size": 10, "batch_window_seconds": 0}},
        {"recovery": {"by": "state-machine"}},
        {"sources": MANY_SOURCES},
        {"targets": {}},
        {"operator_arns": ["arn:aws:iam::123456789012:role/on-call", "arn:aws-us-gov:iam::123456789012:user/a/b"]},
        {"targets": {"crm": {"visibility_seconds": 60}}, "conversations": {"target": "crm"}, **GENESYS},
    ],
    ids=str,
)
def test_what_can_be_made_is_accepted(values: dict[str, Any], tmp_path: Path) -> None:
    accepted, told = planned(tmp_path, values)
    assert accepted, told


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"targets": {"turnout-source": {}}}, "No target's name begins with turnout-"),
        *(
            ({"worker": {**WORKER, "cpu": cpu, "memory": memory}}, "Fargate has no tasks of this cpu and memory")
            for cpu, memory in NOT_FARGATE
        ),
        ({"alarms": {"quiet_minutes": 1441}}, "alarms.quiet_minutes is 1 to 1440"),
        (
            {"worker": {**WORKER, "environment": {"TURNOUT_DRAIN_SECONDS": "101"}}},
            "TURNOUT_DRAIN_SECONDS plus twice TURNOUT_TELEMETRY_SECONDS is 110 at most",
        ),
        (
            {"worker": {**WORKER, "environment": {"TURNOUT_PROCESSES": "3"}}},
            "memory is at least 256 for each of TURNOUT_PROCESSES",
        ),
        ({"worker": WORKER, "sources": MANY_SOURCES}, "A worker has 9 sources at most"),
        ({"router": {"batch_window_seconds": 0}}, "Lambda takes more than 10 with a batch_window_seconds"),
        ({"router": {"batch_size": 10001}}, "router.batch_size is 1 to 10000"),
        ({"router": {"maximum_concurrency": 1}}, "router.maximum_concurrency is 2 to 1000"),
        ({"recovery": {"batch_size": 11}}, "recovery.batch_size is 1 to 10"),
        ({"recovery": {"maximum_concurrency": 1}}, "recovery.maximum_concurrency is 2 to 1000"),
        (
            {"conversations": {"target": "high", "maximum_concurrency": 1}, **GENESYS},
            "conversations.maximum_concurrency is 2 to 1000",
        ),
        ({"router": {"timeout_seconds": 60}}, "source_visibility_seconds must be at least six times the router's"),
        ({"operator_arns": ["arn:aws:iam::123456789012:role/*"]}, "operator_arns are ARNs of roles and users"),
        ({"router": {}, "worker": WORKER}, "Either the worker or the router function reads the source queues"),
    ],
    ids=str,
)
def test_what_aws_would_refuse_or_would_go_wrong_is_refused_before(
    values: dict[str, Any], why: str, tmp_path: Path
) -> None:
    accepted, told = planned(tmp_path, values)
    assert not accepted
    assert why in told
