"""deploy/kubernetes: valid, confined, and agreeing with the image, the settings and the rules.

`kubectl kustomize` builds the example; the single files are checked as they stand, with or without it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.sdk import environment_variables
from tests.image.dockerfile import read_stages

from turnout.dlq.settings import load_dlq_settings
from turnout.dlq.work_settings import load_work_settings
from turnout.fleet import stop_seconds
from turnout.recovery.ledger.opening import DYNAMODB
from turnout.settings import Settings, load_settings
from turnout.variables import known_variables

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
EXAMPLE = FOLDER / "overlays" / "example"
OWN_KINDS = {"ScaledObject", "TriggerAuthentication", "PodMonitor"}
"""Kinds of other projects, which the schemas of Kubernetes do not know."""
VERSIONS = ("1.31", "1.34")

Manifest = dict[str, Any]

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl is installed")


def load(path: str) -> Manifest:
    manifest: Manifest = yaml.safe_load((FOLDER / path).read_text())
    return manifest


DEPLOYMENT = load("base/deployment.yaml")
POD: dict[str, Any] = DEPLOYMENT["spec"]["template"]["spec"]
WORKER: dict[str, Any] = POD["containers"][0]
RECOVERY = load("components/recovery/deployment.yaml")
RECOVERY_POD: dict[str, Any] = RECOVERY["spec"]["template"]["spec"]
RECOVERER: dict[str, Any] = RECOVERY_POD["containers"][0]
WORKERS_AND_RECOVERY = {
    "key": "app.kubernetes.io/name",
    "operator": "In",
    "values": [
        each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] for each in (DEPLOYMENT, RECOVERY)
    ],
}
"""What selects the pods of both."""
MANIFESTS = sorted(
    path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml"
)


def kustomizations() -> Iterator[tuple[Path, Manifest]]:
    for path in [*FOLDER.rglob("kustomization.yaml"), ROOT / "rules" / "Kustomization"]:
        yield path, yaml.safe_load(path.read_text())


def settings() -> dict[str, str]:
    lines = (EXAMPLE / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def validate(version: str, *files: Path) -> None:
    program = Path(sys.executable).with_name("kubernetes-validate")
    command = [str(program), "--strict", "--no-warn", "-k", version, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout + done.stderr


# ---------------------------------------------------------------------------------------------------------- validity


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_to_the_letter(version: str) -> None:
    validate(version, *(FOLDER / path for path in MANIFESTS if load(path)["kind"] not in OWN_KINDS))


@needs_kubectl
def test_the_example_is_built_with_recovery_once_its_line_is_no_comment(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "deploy" / "kubernetes")
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    example = tmp_path / EXAMPLE.relative_to(ROOT)
    file = example / "kustomization.yaml"
    line = "- ../../components/recovery"
    assert f"  # {line}\n" in file.read_text(), "it is off by default"
    file.write_text(file.read_text().replace(f"# {line}", line))
    done = subprocess.run(
        ["kubectl", "kustomize", str(example)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    built = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout)}
    assert all(each["metadata"]["namespace"] == "turnout" for each in built.values())
    worker, recovery = built["Deployment", "turnout"], built["Deployment", "turnout-recovery"]
    assert recovery["spec"]["replicas"] == 1
    (container,) = recovery["spec"]["template"]["spec"]["containers"]
    (beside,) = worker["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["envFrom"]) == (beside["image"], beside["envFrom"])
    roles = [built["ServiceAccount", name]["metadata"]["annotations"] for name in ("turnout", "turnout-recovery")]
    assert [each["eks.amazonaws.com/role-arn"].rpartition("/")[2] for each in roles] == [
        "turnout-kubernetes",
        "turnout-kubernetes-recovery",
    ]
    built_file = tmp_path / "built.yaml"
    built_file.write_text(yaml.safe_dump_all(each for each in built.values() if each["kind"] not in OWN_KINDS))
    validate(VERSIONS[-1], built_file)


@needs_kubectl
def test_the_example_is_built_and_valid(tmp_path: Path) -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(EXAMPLE)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    built = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout)}
    assert {kind for kind, _ in built} == {load(path)["kind"] for path in MANIFESTS} | {"ConfigMap"}
    assert all(each["metadata"]["namespace"] == "turnout" for each in built.values())
    deployment = built["Deployment", "turnout"]
    assert "replicas" not in deployment["spec"], "KEDA decides"
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert ":" in container["image"]
    given = container["envFrom"][0]["configMapRef"]["name"]
    assert given != "turnout-settings", "a change of settings replaces the workers"
    assert built["ConfigMap", given]["data"] == settings()
    rules = built["ConfigMap", "turnout-rules"]["data"]
    assert rules == {path.name: path.read_text() for path in (ROOT / "rules").glob("*.yaml")}
    assert len(str(rules)) < 1_000_000, "a ConfigMap holds 1 MiB"
    assert "role-arn" in str(built["ServiceAccount", "turnout"]["metadata"]["annotations"])
    file = tmp_path / "built.yaml"
    file.write_text(yaml.safe_dump_all(each for each in built.values() if each["kind"] not in OWN_KINDS))
    validate(VERSIONS[-1], file)


def test_everything_that_a_kustomization_names_exists_and_is_named() -> None:
    named: set[Path] = set()
    for path, body in kustomizations():
        here = path.parent
        for each in body.get("resources", []) + body.get("components", []):
            assert (here / each).exists(), f"{path}: {each}"
            named.add((here / each).resolve())
        for generator in body.get("configMapGenerator", []):
            for each in generator.get("files", []) + generator.get("envs", []):
                assert (here / each).is_file(), f"{path}: {each}"
    assert {(FOLDER / path).resolve() for path in MANIFESTS} <= named


def test_all_rules_go_into_the_map_and_its_name_stays_so_that_they_are_loaded_in_place() -> None:
    body = yaml.safe_load((ROOT / "rules" / "Kustomization").read_text())
    (generator,) = body["configMapGenerator"]
    assert generator["files"] == sorted(path.name for path in (ROOT / "rules").glob("*.yaml"))
    assert body["generatorOptions"] == {"disableNameSuffixHash": True}
    (volume,) = POD["volumes"]
    assert volume["configMap"]["name"] == generator["name"]
    (mount,) = WORKER["volumeMounts"]
    assert mount["mountPath"] == read_stages()[-1].one("ENV").pairs()["TURNOUT_RULES"]
    assert "subPath" not in mount, "such a file never changes"


# ------------------------------------------------------------------------------------------------------------ worker


def test_the_worker_runs_confined_as_the_user_of_the_image() -> None:
    uid, _, gid = read_stages()[-1].one("USER").rest.partition(":")
    assert POD["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(uid),
        "runAsGroup": int(gid),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert WORKER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is False


def test_it_has_longer_to_stop_than_it_takes_to_drain_and_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings().items():
        monkeypatch.setenv(name, value)
    # What a supervisor grants its workers: with --processes it must still be there to end the last of them itself.
    assert POD["terminationGracePeriodSeconds"] > stop_seconds(load_settings())


def test_probes_reach_the_port_and_ask_for_what_needs_no_token() -> None:
    ports = {each["name"]: each["containerPort"] for each in WORKER["ports"]}
    assert ports == {"http": int(read_stages()[-1].one("ENV").pairs()["TURNOUT_HTTP_PORT"])}
    paths = {name: WORKER[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert [probe["path"] for probe in paths.values()] == ["/livez", "/livez", "/readyz"]
    assert {probe["port"] for probe in paths.values()} == {"http"}
    variables = {each["name"]: each for each in WORKER["env"]}
    assert variables["TURNOUT_HTTP_HOST"]["value"] == "0.0.0.0"
    assert "secretKeyRef" in variables["TURNOUT_HTTP_TOKEN"]["valueFrom"]
    assert "TURNOUT_HTTP_TOKEN" not in settings()


def test_the_settings_are_settings_and_start_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings()
    assert {name for name in given if name.startswith("TURNOUT_")} <= known_variables()
    otel = {name for name in given if name.startswith("OTEL_")}
    assert otel <= {*vars(environment_variables), "OTEL_METRICS_EXPORTER"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert load_settings().idempotency_table == given["TURNOUT_IDEMPOTENCY_TABLE"]
    asked = set(re.findall(r"\$\{(\w+_QUEUE_URL)\}", (ROOT / "rules" / "00-targets.yaml").read_text()))
    assert asked <= given.keys()


def test_recovery_is_a_processor_by_the_workers_settings_with_a_ledger_that_outlives_it() -> None:
    image = read_stages()[-1]
    assert image.one("ENTRYPOINT").words() + RECOVERER["args"] == ["turnout", "dlq", "work"]
    assert RECOVERER["envFrom"] == WORKER["envFrom"]
    assert RECOVERER["env"] == WORKER["env"]
    assert RECOVERER["volumeMounts"] == WORKER["volumeMounts"], "the rules say what targets are"
    assert RECOVERY_POD["volumes"] == POD["volumes"]
    given = settings()
    found = load_dlq_settings(given)
    assert found.ledger.startswith(DYNAMODB), "a file would go with the pod"
    assert found.archive_bucket
    assert found.queue == given["TURNOUT_DEAD_LETTER_QUEUE_URL"]


def test_recovery_runs_confined_is_probed_and_stops_as_the_worker() -> None:
    alike = ("securityContext", "automountServiceAccountToken", "enableServiceLinks")
    assert {name: RECOVERY_POD[name] for name in alike} == {name: POD[name] for name in alike}
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    same = ("image", "ports", "securityContext", *probes)
    assert {name: RECOVERER[name] for name in same} == {name: WORKER[name] for name in same}
    work = load_work_settings({**settings(), "TURNOUT_HTTP_TOKEN": "token"})
    closing_and_report = 15
    needed = work.drain_seconds + 2 * work.telemetry_seconds + closing_and_report
    assert RECOVERY_POD["terminationGracePeriodSeconds"] > needed


def test_memory_is_enough_for_the_bodies_that_may_be_held() -> None:
    def mib(text: str) -> int:
        return int(text.removesuffix("Mi"))

    held = int(settings().get("TURNOUT_MAX_IN_FLIGHT_MIB", Settings.model_fields["max_in_flight_mib"].default))
    resources = WORKER["resources"]
    # Measured, see docs/deployment.md: 110 MiB, and about two bytes for each that is held.
    assert mib(resources["limits"]["memory"]) >= 110 + 2.1 * held
    assert mib(resources["requests"]["memory"]) > 110
    assert "cpu" in resources["requests"]
    assert "cpu" not in resources["limits"], "a throttled event loop looks like a blocked one"


def test_a_rollout_and_a_drained_node_leave_workers() -> None:
    assert DEPLOYMENT["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert load("base/pod-disruption-budget.yaml")["spec"]["maxUnavailable"] == 1
    assert DEPLOYMENT["spec"]["replicas"] >= 2
    assert load("components/keda/scaled-object.yaml")["spec"]["minReplicaCount"] >= 2


def test_everything_selects_the_same_pods() -> None:
    label = {"app.kubernetes.io/name": "turnout"}
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == label
    assert DEPLOYMENT["spec"]["template"]["metadata"]["labels"] == label
    assert load("base/pod-disruption-budget.yaml")["spec"]["selector"]["matchLabels"] == label
    for each in POD["topologySpreadConstraints"]:
        assert each["labelSelector"]["matchLabels"] == label


def test_recovery_has_a_name_of_its_own_that_nothing_of_the_workers_selects() -> None:
    label = {"app.kubernetes.io/name": "turnout-recovery"}
    assert RECOVERY["spec"]["selector"]["matchLabels"] == label
    assert RECOVERY["spec"]["template"]["metadata"]["labels"] == label
    account = load("components/recovery/service-account.yaml")["metadata"]["name"]
    assert RECOVERY_POD["serviceAccountName"] == account != POD["serviceAccountName"]


def test_of_workers_and_recovery_prometheus_alone_gets_in_and_aws_names_and_traces_alone_are_reached() -> None:
    policy = load("base/network-policy.yaml")["spec"]
    assert policy["podSelector"] == {"matchExpressions": [WORKERS_AND_RECOVERY]}
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (way_in,) = policy["ingress"]
    assert way_in["ports"] == [{"port": "http"}]
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {53, 443, 4317, 4318}


# ---------------------------------------------------------------------------------------- kinds of other projects


def test_keda_counts_what_is_held_too() -> None:
    spec = load("components/keda/scaled-object.yaml")["spec"]
    known = {
        "scaleTargetRef",
        "minReplicaCount",
        "maxReplicaCount",
        "pollingInterval",
        "fallback",
        "advanced",
        "triggers",
    }
    assert spec.keys() <= known
    assert spec["scaleTargetRef"] == {"name": DEPLOYMENT["metadata"]["name"]}
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "aws-sqs-queue"
    metadata = trigger["metadata"]
    assert metadata.keys() <= {"queueURL", "queueLength", "awsRegion", "scaleOnInFlight", "scaleOnDelayed"}
    assert all(isinstance(value, str) for value in metadata.values()), "KEDA takes text only"
    assert metadata["scaleOnInFlight"] == "true"
    authentication = load("components/keda/trigger-authentication.yaml")
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    assert authentication["spec"] == {"podIdentity": {"provider": "aws", "identityOwner": "keda"}}


def test_keda_looks_at_the_queue_that_the_workers_read() -> None:
    body = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())
    (patch,) = [each["patch"] for each in body["patches"] if each["target"]["kind"] == "ScaledObject"]
    values = {each["path"].rpartition("/")[2]: each["value"] for each in yaml.safe_load(patch)}
    assert values == {"queueURL": settings()["TURNOUT_SOURCE_QUEUE_URL"], "awsRegion": settings()["AWS_REGION"]}


def test_prometheus_scrapes_every_worker_as_the_dashboard_expects() -> None:
    spec = load("components/pod-monitor/pod-monitor.yaml")["spec"]
    assert spec.keys() == {"selector", "jobLabel", "podMetricsEndpoints"}
    assert spec["selector"] == {"matchExpressions": [WORKERS_AND_RECOVERY]}
    assert spec["podMetricsEndpoints"] == [{"port": "http", "path": "/metrics", "interval": "15s"}]
