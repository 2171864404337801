"""deploy/Dockerfile, checked without an engine: what it copies exists and is sent, and the image runs as it should."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.image.dockerfile import DOCKERFILE, ROOT, copied_from_here, health_check, read_stages, sent

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD, FINAL = read_stages()


def test_hadolint_finds_no_fault() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_there_are_two_stages_on_the_same_pinned_slim_base() -> None:
    assert BUILD.base == FINAL.base, "the virtual environment moves from one to the other"
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-[a-z]+", FINAL.base)


def test_the_image_names_the_base_that_it_was_built_on() -> None:
    assert "BASE" in [each.rest for each in FINAL.all("ARG")], "a stage does not know what stands before all stages"
    assert FINAL.one("LABEL").pairs()["org.opencontainers.image.base.name"] == "$BASE"


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    assert copied_from_here()
    for path in copied_from_here():
        assert (ROOT / path).exists(), path
        assert sent(path), path


def test_nothing_else_is_sent() -> None:
    ignore = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == copied_from_here()
    for path in (".git", ".venv", "tests", "docker-compose.yml", "src/turnout.egg-info", "src/turnout/__pycache__"):
        assert not sent(path), path


def test_everything_the_wheel_needs_is_there_when_it_is_built() -> None:
    copied = {word for each in BUILD.all("COPY") for word in each.words()[:-1]}
    assert {"pyproject.toml", "README.md", "LICENSE", "src/", "rules/", "constraints.txt"} <= copied


def test_what_is_installed_is_our_own_wheel_pinned_and_needs_no_compiler() -> None:
    (install,) = [each.rest for each in BUILD.all("RUN") if "--constraint" in each.rest]
    assert "--constraint constraints.txt" in install
    assert "--only-binary=:all:" in install
    # By its file: a name would be asked for at the index, where somebody else's package may have it.
    assert install.endswith("wheels/turnout-*.whl")
    (setuptools,) = [each.words()[-1] for each in BUILD.all("RUN") if "setuptools" in each.rest]
    assert re.fullmatch(r"setuptools==[\d.]+", setuptools)


def test_the_bill_of_materials_is_written_from_what_is_installed() -> None:
    assert BUILD.all("RUN")[-1].words() == ["/opt/turnout/bin/python", "sbom.py", "/opt/turnout/sbom.cdx.json"]


def test_no_shell_stands_between_docker_and_the_worker() -> None:
    assert FINAL.one("ENTRYPOINT").words() == ["turnout"]
    assert FINAL.one("CMD").words() == ["run"]
    assert not FINAL.all("RUN")


def test_the_image_does_not_run_as_root() -> None:
    user = FINAL.one("USER")
    uid, _, gid = user.rest.partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert FINAL.instructions.index(user) > max(FINAL.instructions.index(each) for each in FINAL.all("COPY"))


def test_the_rules_are_where_the_worker_looks_for_them() -> None:
    assert FINAL.one("ENV").pairs()["TURNOUT_RULES"] == "/etc/turnout/rules"
    assert "rules/ /etc/turnout/rules/" in [each.rest for each in FINAL.all("COPY")]


def test_the_labels_say_what_the_project_says() -> None:
    labels = {name.rpartition(".")[2]: value for name, value in FINAL.one("LABEL").pairs().items()}
    assert labels["title"] == PROJECT["name"]
    assert labels["version"] == PROJECT["version"]
    assert labels["licenses"] == PROJECT["license"]
    assert labels["revision"] == "$REVISION"
    assert "REVISION=unknown" in [each.rest for each in FINAL.all("ARG")]


def test_the_health_check_asks_for_liveness_where_the_worker_listens() -> None:
    check = " ".join(health_check())
    assert "/livez" in check
    assert "TURNOUT_HTTP_PORT" in check
    assert int(FINAL.one("ENV").pairs()["TURNOUT_HTTP_PORT"]) > 1024


@pytest.mark.parametrize(
    ("environ", "healthy"),
    [
        ({"TURNOUT_HTTP_PORT": ""}, True),
        ({"TURNOUT_HTTP_PORT": "0"}, True),
        ({}, True),
        ({"TURNOUT_HTTP_PORT": "9"}, False),
    ],
)
def test_without_a_port_that_is_known_nobody_is_asked_and_the_worker_is_not_called_unhealthy(
    environ: dict[str, str], healthy: bool
) -> None:
    _, *arguments = health_check()
    done = subprocess.run([sys.executable, *arguments], env=environ, capture_output=True, timeout=30, check=False)
    assert (done.returncode == 0) is healthy, done.stderr


@pytest.mark.parametrize("flag", ["interval", "timeout", "start-period", "retries"])
def test_the_health_check_is_bounded(flag: str) -> None:
    assert any(each.startswith(f"--{flag}=") for each in FINAL.one("HEALTHCHECK").flags)
