"""deploy/Dockerfile, built by hand and used: another user, a root that cannot be written to, a real worker."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from tests.e2e.turnout import Process, Queues, wait_until
from tests.image.building import Image, build, impossible
from tests.image.dockerfile import ROOT, health_check
from tests.servers.processes import free_port

pytestmark = [
    pytest.mark.skipif(bool(impossible()), reason=impossible() or "it can be built"),
    # Building takes half a minute of CPU time, which on a busy machine is more than two.
    pytest.mark.timeout(300),
]

USER = 10001


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return build(tmp_path_factory.mktemp("image"))


@pytest.fixture
def environment(queues: Queues) -> dict[str, str]:
    given = queues.environment()
    names = ("AWS_", "TURNOUT_", "CRITICAL_", "HIGH_", "STANDARD_")
    return {name: value for name, value in given.items() if name.startswith(names)}


def run(
    image: Image, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    arguments, variables = image.command(command, environment or {})
    return subprocess.run(arguments, env=variables, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def worker(image: Image, environment: dict[str, str], tmp_path: Path) -> Iterator[Process]:
    command = image.stage.one("ENTRYPOINT").words() + image.stage.one("CMD").words()
    arguments, variables = image.command(command, environment | {"TURNOUT_HTTP_PORT": str(free_port())})
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield Process(process, log, books=True)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_the_rules_that_come_along_are_sound(image: Image, environment: dict[str, str]) -> None:
    done = run(image, ["turnout", "check"], environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/etc/turnout/rules: ok" in done.stdout


def test_the_bill_of_materials_names_what_is_installed_and_nothing_comes_unpinned(image: Image) -> None:
    bill = json.loads((image.root / "opt/turnout/sbom.cdx.json").read_text())
    assert bill["metadata"]["component"]["name"] == "turnout"
    listed = {each["name"].lower().replace("_", "-"): each["version"] for each in bill["components"]}
    installed = {
        match[1].lower().replace("_", "-"): match[2]
        for path in (image.root / "opt/turnout").glob("lib/python*/site-packages/*.dist-info")
        if (match := re.fullmatch(r"(.+?)-([^-]+)\.dist-info", path.name))
    }
    del installed["turnout"]
    assert listed == installed
    lines = (ROOT / "constraints.txt").read_text().lower().replace("_", "-").splitlines()
    pinned = {tuple(line.partition(";")[0].strip().split("==")) for line in lines}
    assert installed.items() <= pinned
    assert not {"pip", "setuptools", "pytest", "ministack"} & installed.keys()


def test_nothing_can_be_written_and_no_privilege_is_left(image: Image) -> None:
    for path in ("/tmp/x", "/etc/turnout/rules/x", "/opt/turnout/x"):
        done = run(image, ["python", "-c", f"open({path!r}, 'w')"])
        assert "Read-only file system" in done.stderr, done.stderr
    status = run(image, ["python", "-c", "print(open('/proc/self/status').read())"]).stdout
    assert re.search(rf"^Uid:(\s+{USER}){{4}}$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)


def test_the_worker_routes_is_found_healthy_and_stops_cleanly(image: Image, queues: Queues, worker: Process) -> None:
    port = {"TURNOUT_HTTP_PORT": read_port(worker)}
    queues.publish([json.dumps({"id": str(n), "detail": {"tags": {"priority": "critical"}}}) for n in range(50)])
    queues.wait_until_empty()
    assert queues.count("critical") == 50
    healthy = run(image, health_check(), port)
    assert healthy.returncode == 0, healthy.stderr
    page = urllib.request.urlopen(f"http://127.0.0.1:{port['TURNOUT_HTTP_PORT']}/", timeout=5).read()
    assert b"Turnout" in page
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0, worker.log
    assert run(image, health_check(), port).returncode != 0


def test_recovery_remembers_in_a_volume_what_it_has_parked(
    image: Image, environment: dict[str, str], queues: Queues, tmp_path: Path
) -> None:
    # A new volume takes over the owner of the image's directory.
    owner = (image.root / "var/lib/turnout").stat()
    volume = tmp_path / "volume"
    volume.mkdir()
    os.chown(volume, owner.st_uid, owner.st_gid)
    queues.client.send_message(QueueUrl=queues.urls["events-dead"], MessageBody='{"id": "1"}')
    given = environment | {"TURNOUT_DLQ_LEDGER": "/var/lib/turnout/ledger.sqlite", "TURNOUT_HTTP_PORT": "0"}

    def recover() -> str:
        command = [*image.stage.one("ENTRYPOINT").words(), "dlq", "work", "--once"]
        arguments, variables = image.command(command, given, volumes={str(volume): "/var/lib/turnout"})
        done = subprocess.run(arguments, env=variables, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "events-dead: 1 parked" in recover()
    assert (volume / "ledger.sqlite").stat().st_uid == USER
    again = recover()
    assert "events-dead: 1 waiting" in again, "it is left alone"
    assert "The ledger knows 1 letter" in again
    assert queues.count("events-dead") == 1, "what is parked stays for people"


def read_port(worker: Process) -> str:
    """The port that the worker says it listens on."""
    found: list[str] = []

    def said() -> bool:
        found[:] = re.findall(r"at http://127\.0\.0\.1:(\d+)", worker.log)
        return bool(found)

    wait_until(said, "the worker to listen")
    return found[0]
