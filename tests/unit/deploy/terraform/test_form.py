"""deploy/terraform: formatted, complete in itself, described, and its examples fit it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.deploy.terraform.module import EXAMPLES, FOLDER, all_resources, named, parse, text

needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform is installed")
FOLDERS = [FOLDER, *EXAMPLES]
IDS = [folder.name for folder in FOLDERS]


@needs_terraform
def test_terraform_finds_nothing_to_format() -> None:
    command = ["terraform", "fmt", "-check", "-recursive", "-list=true", str(FOLDER)]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "TF_CLI_CONFIG_FILE": "/dev/null", "CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_every_variable_is_typed_described_and_used(folder: Path) -> None:
    source = text(folder)
    for name, body in named("variable", folder).items():
        assert body["type"], name
        assert body["description"], name
        assert re.search(rf"\bvar\.{name}\b", re.sub(rf'variable "{name}".*?\n}}', "", source, flags=re.DOTALL)), name


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_every_output_is_described(folder: Path) -> None:
    assert all(body["description"] for body in named("output", folder).values())


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_everything_that_is_referred_to_is_declared(folder: Path) -> None:
    source = text(folder)
    declared = parse(folder)
    assert set(re.findall(r"\bvar\.(\w+)", source)) <= named("variable", folder).keys()
    locals_ = {name for block in declared.get("locals", []) for name in block}
    assert set(re.findall(r"\blocal\.(\w+)", source)) <= locals_
    for kind, prefix in (("resource", r"(?<!data\.)\b"), ("data", r"\bdata\.")):
        known = {(t, name) for block in declared.get(kind, []) for t, by_name in block.items() for name in by_name}
        assert set(re.findall(prefix + r"(aws_\w+)\.(\w+)", source)) <= known


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_terraform_and_provider_versions_are_bounded(folder: Path) -> None:
    (terraform,) = parse(folder)["terraform"]
    assert terraform["required_version"] == ">= 1.9"
    (providers,) = terraform["required_providers"]
    assert providers["aws"]["version"] == ">= 6.0, < 7.0"


@pytest.mark.parametrize("folder", EXAMPLES, ids=[folder.name for folder in EXAMPLES])
def test_examples_give_the_module_what_it_asks_for(folder: Path) -> None:
    module = named("module", folder)["turnout"]
    assert (folder / module.pop("source")).resolve() == FOLDER
    variables = named("variable")
    assert module.keys() <= variables.keys()
    assert {name for name, body in variables.items() if "default" not in body} <= module.keys()
    assert len(module.keys() & {"partner_event_source", "event_bus_name"}) == 1
    worker = module.get("worker", {"image": "", "repository_arn": "", "vpc_id": "", "subnet_ids": []})
    required = {"image", "repository_arn", "vpc_id", "subnet_ids"}
    optional = set(re.findall(r"(\w+) = optional", variables["worker"]["type"]))
    assert required <= worker.keys() <= required | optional


def test_names_are_prefixed_so_that_two_may_live_in_one_account() -> None:
    for type_, resource, body in all_resources():
        for attribute in ("name", "function_name", "family", "alarm_name", "bucket", "dashboard_name"):
            value = str(body.get(attribute, ""))
            in_a_parent = value.startswith("${") or resource in ("backlog", "age") or type_ == "aws_iam_role_policy"
            if value and not in_a_parent and (type_, resource) != ("aws_ecs_service", "worker"):
                assert "${var.name}" in value, f"{type_}.{resource}"
