"""`turnout rules list`, with and without a running worker."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.rules.language import write

from turnout import load_rules
from turnout.cli.rules import rules

RULES = """targets:
  high: {queue: high, priority: 1}
  hook: {url: "https://user:hidden-1@example.com:8443/hidden-3?token=hidden-2"}
unmatched: drop
rules:
  - {id: equal, when: x == 1, send: [high], owner: us, tags: [a], description: d, stop: true}
  - {id: scanned, when: x != 1, send: [high, hook], mode: shadow}
  - {id: "off", when: x == 1, send: [hook], enabled: false}
"""


def run(tmp_path: Path, *arguments: str) -> Result:
    path = write(tmp_path, RULES)
    return CliRunner().invoke(rules, ["list", "--rules", str(path), *arguments], env={"COLUMNS": "200"})


@contextmanager
def worker(text: str, status: int = 200) -> Iterator[str]:
    """Something that answers at /metrics; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="metrics")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_rules_are_listed_with_mode_targets_and_index(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    rows = {
        row[0]: row[1:]
        for line in result.stdout.splitlines()
        if (row := [cell.strip() for cell in line.split("│")[1:-1]])
    }
    assert rows["equal"] == ["active, stop", "high", "equality of x"]
    assert rows["scanned"] == ["shadow", "high, hook", "none: nearly every value of x is another one than those named"]
    assert rows["off"] == ["disabled", "hook", ""]
    assert rows["high"] == ["1", "high"]
    assert "unmatched: drop" in result.stdout


def test_secrets_in_a_url_are_not_listed(tmp_path: Path) -> None:
    for arguments in ([], ["--json"]):
        output = run(tmp_path, *arguments).stdout
        assert "https://example.com:8443/..." in output
        assert "hidden-" not in output


def test_json_has_everything_about_a_rule(tmp_path: Path) -> None:
    record = json.loads(run(tmp_path, "--json").stdout)
    assert record["rules"][0] == {
        "id": "equal",
        "place": f"{tmp_path}/rules.yaml:6:10",
        "description": "d",
        "mode": "active",
        "stop": True,
        "send": ["high"],
        "index": "equality of x",
        "scanned": None,
        "owner": "us",
        "tags": ["a"],
    }
    assert [target["priority"] for target in record["targets"]] == [1, 5]


def test_a_running_worker_is_asked_how_often_each_rule_matched(tmp_path: Path) -> None:
    fingerprint = load_rules(write(tmp_path, RULES), require=["detail"]).fingerprint
    text = (
        'turnout_rule_matches_total{rule="equal"} 1200\nturnout_rule_matches_total{rule="scanned"} 0\n'
        f'turnout_rules_info{{fingerprint="{fingerprint}"}} 1\n'
    )
    with worker(text) as address:
        result = run(tmp_path, "--address", address)
        record = json.loads(run(tmp_path, "--address", address.removeprefix("http://"), "--json").stdout)
    assert "1,200" in result.stdout
    assert result.stderr == ""
    assert [rule["matches"] for rule in record["rules"]] == [1200, 0, None]


def test_a_worker_with_other_rules_is_pointed_out(tmp_path: Path) -> None:
    with worker('turnout_rules_info{fingerprint="other"} 1\n') as address:
        result = run(tmp_path, "--address", address)
    assert result.exit_code == 0
    assert "note: the worker's rules have the fingerprint other" in result.stderr


def test_a_worker_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with worker("", status=503) as address:
        refused = run(tmp_path, "--address", address)
    gone = run(tmp_path, "--address", address)
    for result, said in ((refused, f"{address.rstrip('/')}: Service Unavailable\n"), (gone, "no answer from http")):
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {said}")


def test_a_worker_of_this_machine_is_asked_without_the_proxy_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with worker("turnout_rule_matches_total 1\n") as address:
        result = run(tmp_path, "--address", address)
    assert result.exit_code == 0, result.output


def test_a_proxy_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "x://y")
    result = run(tmp_path, "--address", "http://turnout.example:8080")
    assert result.exit_code == 1
    assert "Error: http://turnout.example:8080 cannot be asked with the proxy and SSL_CERT_* variables" in result.stderr


@pytest.mark.parametrize("address", ["http://a..b", "ftp://x", "http://[::1", "http://127.0.0.1:8080/\x01"])
def test_what_is_no_address_is_wrong_usage(tmp_path: Path, address: str) -> None:
    result = run(tmp_path, "--address", address)
    assert result.exit_code == 2
    assert "the address of a worker looks like http://127.0.0.1:8080" in result.stderr


def test_a_port_alone_is_one_of_this_machine(tmp_path: Path) -> None:
    with worker("turnout_rule_matches_total 1\n") as url:
        result = run(tmp_path, "--address", url.rstrip("/").rpartition(":")[2])
    assert result.exit_code == 0, result.output
