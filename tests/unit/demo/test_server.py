"""The embedded server: reachable inside the block, gone after it, and clear about why it did not start."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from turnout.demo.server import DemoServerError, client_environment, embedded_server


def is_listening(endpoint: str) -> bool:
    url = urlsplit(endpoint)
    with socket.socket() as probe:
        return probe.connect_ex((str(url.hostname), int(url.port or 0))) == 0


def test_the_server_answers_on_loopback_inside_the_block_and_is_gone_after_it() -> None:
    with embedded_server() as endpoint:
        assert endpoint.startswith("http://127.0.0.1:")
        assert is_listening(endpoint)
    assert not is_listening(endpoint)


def test_the_server_is_stopped_when_the_block_is_interrupted() -> None:
    endpoints: list[str] = []

    def interrupted() -> None:
        with embedded_server() as endpoint:
            endpoints.append(endpoint)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not is_listening(endpoints[0])


def test_the_server_goes_when_its_starter_is_killed(tmp_path: Path) -> None:
    code = "import sys, time; from turnout.demo.server import embedded_server\n"
    code += "with embedded_server() as endpoint: print(endpoint, flush=True); time.sleep(60)"
    environment = os.environ | {"TMPDIR": str(tmp_path)}  # where the killed one leaves its directory behind
    starter = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    with starter.stdout:
        endpoint = starter.stdout.readline().strip()
    assert is_listening(endpoint)
    starter.kill()
    starter.wait()
    deadline = time.monotonic() + 10
    while is_listening(endpoint):
        assert time.monotonic() < deadline, "the server outlived its starter"
        time.sleep(0.02)


def test_two_servers_run_side_by_side() -> None:
    with embedded_server() as one, embedded_server() as other:
        assert one != other
        assert is_listening(one)
        assert is_listening(other)


def test_without_the_extra_the_message_says_how_a_clone_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DemoServerError, match=r"pip install .* '\.\[demo\]'"), embedded_server():
        pass


def test_a_server_that_dies_shows_what_it_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen

    def dying(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        return real([sys.executable, "-c", "print('no more ports'); raise SystemExit(3)"], **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "Popen", dying)
    with pytest.raises(DemoServerError, match=r"exit code 3(?s:.*)no more ports"), embedded_server():
        pass


def test_a_server_that_never_answers_is_given_up_and_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen
    started: list[subprocess.Popen[bytes]] = []

    def silent(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        started.append(real([sys.executable, "-c", "import time; time.sleep(60)"], **options))  # type: ignore[call-overload]
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", silent)
    with pytest.raises(DemoServerError, match="did not answer within"), embedded_server(ready_seconds=0.2):
        pass
    assert started[0].returncode is not None


def test_the_server_sees_none_of_our_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-the-server")
    real = subprocess.Popen
    environments: list[dict[str, str]] = []

    def watched(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        environments.append(options["env"])  # type: ignore[arg-type]
        return real(command, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "Popen", watched)
    with embedded_server():
        pass
    assert "AWS_SECRET_ACCESS_KEY" in os.environ
    assert not [name for name in environments[0] if name.startswith("AWS_")]


def test_the_settings_of_a_workers_http_server_do_not_reach_the_demonstration() -> None:
    given = {"TURNOUT_HTTP_HOST": "0.0.0.0", "TURNOUT_HTTP_PORT": "8080", "TURNOUT_POLLERS": "2"}
    kept = client_environment("http://127.0.0.1:1", given)
    assert [name for name in kept if name.startswith("TURNOUT_")] == ["TURNOUT_POLLERS"]
