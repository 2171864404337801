"""docker-compose.yml, checked without an engine: Compose itself accepts it, and what it names exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from opentelemetry.sdk import environment_variables
from tests.image.dockerfile import health_check, read_stages

from turnout.dlq.settings import DlqSettings, load_dlq_settings
from turnout.dlq.settings import variable as dlq_variable
from turnout.dlq.work_settings import WorkSettings, load_work_settings, work_variable
from turnout.fleet import stop_seconds
from turnout.queues import queue_name
from turnout.settings import Settings, load_settings, variable

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKER = SERVICES["worker"]
RECOVERY = SERVICES["recovery"]
OURS = ("worker", "recovery")
ENVIRONMENT: dict[str, str] = WORKER["environment"]
QUEUES = (ROOT / "deploy" / "compose" / "elasticmq.conf").read_text()
JAEGER = (ROOT / "deploy" / "compose" / "jaeger.yaml").read_text()


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def test_compose_accepts_the_file() -> None:
    compose = Path(sys.executable).with_name("docker-compose")
    command = [str(compose), "-f", str(FILE), "--profile", "metrics", "--profile", "recovery", "config", "-q"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr


def test_every_turnout_variable_is_a_setting() -> None:
    known = {variable(field) for field in Settings.model_fields}
    assert {name for name in ENVIRONMENT if name.startswith("TURNOUT_")} <= known


def test_every_turnout_variable_of_recovery_is_a_setting() -> None:
    fields = msgspec.structs.fields
    known = {dlq_variable(field.name) for field in fields(DlqSettings)}
    known |= {work_variable(field.name) for field in fields(WorkSettings)}
    given = {name: value for name, value in RECOVERY["environment"].items() if name.startswith("TURNOUT_")}
    assert given.keys() <= known
    load_dlq_settings(given)
    load_work_settings(given)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_opentelemetry_is_one_that_it_knows(name: str) -> None:
    given = {name for name in SERVICES[name]["environment"] if name.startswith("OTEL_")}
    assert given
    # The SDK leaves OTEL_METRICS_EXPORTER to whoever sets it up; here that is turnout.telemetry.setup.
    assert given <= {*vars(environment_variables), "OTEL_METRICS_EXPORTER"}


def test_every_required_setting_is_given() -> None:
    required = {variable(name) for name, field in Settings.model_fields.items() if field.is_required()}
    assert required <= set(ENVIRONMENT)


def test_every_queue_that_the_worker_is_given_is_created_by_the_server() -> None:
    created = set(re.findall(r"^\s+(turnout-[a-z-]+) \{", QUEUES, re.MULTILINE))
    given = {queue_name(url) for name, url in ENVIRONMENT.items() if name.endswith("_QUEUE_URL")}
    assert given == created


def test_the_worker_has_longer_to_stop_than_it_takes_to_drain_and_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    # What a supervisor grants its workers: with --processes it must still be there to end the last of them itself.
    assert seconds(WORKER["stop_grace_period"]) == 45 > stop_seconds(load_settings())
    assert WORKER["init"] is True


def test_rules_are_mounted_read_only_where_the_worker_looks_for_them() -> None:
    assert f"./rules:{ENVIRONMENT['TURNOUT_RULES']}:ro" in WORKER["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_everything_mounted_from_here_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, *_, mode = volume.split(":")
        if not source.startswith("."):
            assert source in COMPOSE["volumes"], source
            continue
        assert (ROOT / source).exists(), source
        assert mode == "ro"


@pytest.mark.parametrize("name", OURS)
def test_the_image_is_built_from_the_dockerfile_in_deploy(name: str) -> None:
    build = SERVICES[name]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {*OURS}))
def test_images_of_others_are_pinned_and_checked_for_health(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].rpartition(":")
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_runs_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert re.fullmatch(r"\d+m", service["mem_limit"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_is_told_is_mounted_because_compose_writes_nothing_into_a_read_only_one(name: str) -> None:
    # Compose copies inline `content` into the container, and refuses that where its root is read-only.
    assert "configs" not in SERVICES[name]
    assert "secrets" not in SERVICES[name]


def test_a_temporary_folder_belongs_to_the_user_that_writes_to_it() -> None:
    # Prometheus runs as nobody. Docker gives a tmpfs to root, with the mode of the folder under it, 0775.
    assert SERVICES["prometheus"]["tmpfs"] == ["/prometheus:uid=65534,gid=65534,mode=0700"]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_the_port_that_is_published_is_the_one_that_the_image_listens_on() -> None:
    port = read_stages()[-1].one("ENV").pairs()["TURNOUT_HTTP_PORT"]
    assert WORKER["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert health_check(), "the worker has no health check but the image's"


def test_the_worker_has_memory_for_the_bodies_that_it_may_hold() -> None:
    # Measured, see docs/deployment.md: 110 MiB, and about two bytes for each that is held.
    assert int(WORKER["mem_limit"].removesuffix("m")) >= 110 + 2.1 * int(ENVIRONMENT["TURNOUT_MAX_IN_FLIGHT_MIB"])


def test_others_are_asked_for_their_health_where_they_listen() -> None:
    ports = {
        name: SERVICES[name]["healthcheck"]["test"][-1].split(":")[2].split("/")[0]
        for name in SERVICES
        if name not in OURS
    }
    assert ports == {"sqs": "9324", "jaeger": "13133", "prometheus": "9090", "grafana": "3000"}
    for name, port in ports.items():
        published = {each.rpartition(":")[2] for each in SERVICES[name]["ports"]}
        assert port in published or f":{port}" in JAEGER


def test_jaeger_is_told_where_to_listen_and_how_much_to_keep() -> None:
    config = yaml.safe_load(JAEGER)
    extensions, pipeline = config["extensions"], config["service"]["pipelines"]["traces"]
    assert config["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"] == "0.0.0.0:4317"
    assert extensions["jaeger_query"]["http"]["endpoint"] == "0.0.0.0:16686"
    assert set(config["service"]["extensions"]) == extensions.keys()
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == config[kind].keys()
    (store,) = extensions["jaeger_storage"]["backends"]
    assert extensions["jaeger_query"]["storage"]["traces"] == store
    assert config["exporters"]["jaeger_storage_exporter"]["trace_storage"] == store
    limit = int(SERVICES["jaeger"]["mem_limit"].removesuffix("m"))
    soft = int(SERVICES["jaeger"]["environment"]["GOMEMLIMIT"].removesuffix("MiB"))
    assert config["processors"]["memory_limiter"]["limit_mib"] < soft < limit


def test_recovery_comes_with_a_profile_and_reads_the_letters_of_the_worker() -> None:
    assert RECOVERY["profiles"] == ["recovery"]
    image = read_stages()[-1]
    assert image.one("ENTRYPOINT").words() + RECOVERY["command"] == ["turnout", "dlq", "work"]
    environment = RECOVERY["environment"]
    for name in ("TURNOUT_DEAD_LETTER_QUEUE_URL", "TURNOUT_SOURCE_QUEUE_URL", "TURNOUT_RULES"):
        assert environment[name] == ENVIRONMENT[name]
    assert (
        set(re.findall(r"\$\{(\w+_QUEUE_URL)\}", (ROOT / "rules" / "00-targets.yaml").read_text()))
        <= environment.keys()
    )
    port = image.one("ENV").pairs()["TURNOUT_HTTP_PORT"]
    assert RECOVERY["ports"] == [f"127.0.0.1:8081:{port}"]
    assert RECOVERY["mem_limit"] == "256m"


def test_the_ledger_outlives_the_container_in_a_directory_that_the_image_has_for_its_user() -> None:
    directory = str(Path(RECOVERY["environment"]["TURNOUT_DLQ_LEDGER"]).parent)
    assert f"ledger:{directory}" in RECOVERY["volumes"]
    image = read_stages()[-1]
    (copy,) = [each for each in image.all("COPY") if each.words()[-1] == directory]
    assert f"--chown={image.one('USER').rest}" in copy.flags


def test_recovery_has_longer_to_stop_than_it_takes_to_drain_and_flush() -> None:
    work = load_work_settings({name: str(value) for name, value in RECOVERY["environment"].items()})
    closing_and_report = 15
    needed = work.drain_seconds + 2 * work.telemetry_seconds + closing_and_report
    assert seconds(RECOVERY["stop_grace_period"]) > needed
    assert RECOVERY["init"] is True


def test_metrics_come_with_a_profile_and_show_the_dashboard_and_the_alerts() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["metrics"]} == {
        "prometheus",
        "grafana",
    }
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yaml").read_text())
    assert [(ROOT / "deploy/prometheus" / name).is_file() for name in prometheus["rule_files"]] == [True]
    scraped = {each["job_name"]: each for each in prometheus["scrape_configs"]}
    assert scraped.keys() == {"turnout", "turnout-recovery"}, "as with the PodMonitor of Kubernetes"
    assert scraped["turnout"]["static_configs"] == [{"targets": ["worker:8080"]}]
    (asked,) = scraped["turnout-recovery"]["dns_sd_configs"]
    assert (asked["names"], asked["type"], asked["port"]) == (["recovery"], "A", 8080)
    provisioning = ROOT / "deploy/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards/turnout.yaml").read_text())["providers"]
    dashboard = f"{provider['options']['path']}/turnout.json"
    assert f"./deploy/grafana/turnout.json:{dashboard}:ro" in SERVICES["grafana"]["volumes"]
    assert SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == dashboard


def test_tracing_goes_to_jaeger_and_does_not_gate_the_start() -> None:
    assert ENVIRONMENT["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4317"
    assert WORKER["depends_on"]["jaeger"]["condition"] == "service_started"
