"""Secrets and contact data are fed in wherever they can come from, and then looked for in everything that comes out.

Out come: the log at its most talkative, spans, metrics, probes, the status page, snapshots, tail, letters (but for the
body, which stays what it was), and what the commands print.
"""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from threading import Thread
from uuid import uuid4

import httpx
import msgspec
import pytest
from tests.e2e.test_observed import port_of
from tests.e2e.turnout import Queues, run_to_the_end, running, wait_until
from tests.servers.otlp import Collector
from tests.servers.processes import Server, free_port

from turnout.cli.tail import line
from turnout.service.routed import Routed

pytestmark = pytest.mark.timeout(240)

# Each is found by a piece that appears nowhere else.
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIleakAWSkey",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEleakAWStoken==",
    "TURNOUT_HTTP_TOKEN": "leakPageToken-correct-horse",
    "GENESYSCLOUD_OAUTHCLIENT_SECRET": "leakGenesysSecret-Ygz",
    "HOOK_SIGNING": "leakSigningKey-0123456789",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=leakCollectorKey-abc",
}
CONTACT = {
    "address": "tel:+4930leakPhone5550100",
    "ani": "+493055501234",
    "mail": "erika.leakmail@example.org",
    "name": "leakPersonName Mustermann",
    "attributes": {"cardNumber": "leakCard4111", "note": "leakFreeText in a participant's attribute"},
}
IN_URLS = ("leakUser", "leakUrlPassword", "leakPathT0K3N", "leakQueryKey")
ELSEWHERE = ("leakAttributeValue", "leakMalformedBody", "leakEchoed", "leakBinary", "leakWrongToken")
PIECES = (
    *(value.rpartition("=")[2] if name.endswith("HEADERS") else value.rstrip("=") for name, value in SECRETS.items()),
    "leakPhone",
    "493055501234",
    "leakmail",
    "leakPersonName",
    "leakCard",
    "leakFreeText",
    *IN_URLS,
    *ELSEWHERE,
)

RULES = """
targets:
  critical: {queue: "${CRITICAL_QUEUE_URL}"}
  hook: {url: "${HOOK_URL}", secret_from: HOOK_SIGNING}
  away: {url: "${AWAY_URL}", secret_from: HOOK_SIGNING}
  gone: {queue: "${GONE_QUEUE_URL}"}
unmatched: dead-letter
rules:
  - {id: fine, when: detail.kind == 'fine', send: [critical]}
  - {id: refused, when: detail.kind == 'refused', send: [hook]}
  - {id: away, when: detail.kind == 'away', send: [critical, away]}
  - {id: gone, when: detail.kind == 'gone', send: [gone]}
"""


@contextmanager
def echo() -> Iterator[str]:
    """An endpoint that refuses everything and says all it was told, as some do."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = self.rfile.read(int(self.headers["content-length"])) + str(self.headers).encode() + b"leakEchoed"
            self.send_response(422, "leakEchoed")
            self.send_header("x-error", "leakEchoed")
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, name="echo")
    thread.start()
    try:
        yield f"http://leakUser:leakUrlPassword@127.0.0.1:{server.server_port}/hooks/leakPathT0K3N?key=leakQueryKey"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bodies() -> list[str]:
    """One body for everything that can happen to it, each with contact data in it."""
    kinds = ("fine", "refused", "away", "gone", "nowhere")
    events = [
        json.dumps({"id": f"event-{kind}", "detail": {"kind": kind, "participants": [CONTACT]}}) for kind in kinds
    ]
    return [
        *events,
        "leakMalformedBody is not JSON, call +493055501234",
        json.dumps(["leakMalformedBody", CONTACT]),
        # As a value: names of members are shown, where a report has this letter for its sample.
        json.dumps({"id": "no-detail", "participants": [CONTACT | {"name": "leakMalformedBody"}]}),
        '{"detail": ' + "[" * 50_000 + '"leakMalformedBody"' + "]" * 50_000 + "}",
        '{"id": "leakMalformedBody"' + ", " * 3,
    ]


def publish(queues: Queues) -> int:
    attributes = {
        "customer": {"DataType": "String", "StringValue": "leakAttributeValue erika.leakmail@example.org"},
        "blob": {"DataType": "Binary", "BinaryValue": b"leakBinary"},
        "baggage": {"DataType": "String", "StringValue": "user=leakAttributeValue"},
        "traceparent": {"DataType": "String", "StringValue": "00-leakAttributeValue-b7ad6b7169203331-01"},
    }
    for body in bodies():
        queues.client.send_message(QueueUrl=queues.urls["events"], MessageBody=body, MessageAttributes=attributes)
    return len(bodies())


def outputs(url: str, token: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Everything that a running worker tells those who ask, by who asked."""
    basic = base64.b64encode(b"x:leakWrongToken").decode()
    told: dict[str, str] = {}
    for path in ("/livez", "/readyz", "/metrics", "/", "/status.json", "/nothing?token=leakQueryKey"):
        told[f"GET {path}"] = httpx.get(url + path, auth=("x", token)).text
        told[f"GET {path} with a wrong token"] = httpx.get(url + path, headers={"authorization": f"Basic {basic}"}).text
    told["top"] = printed(environment, "top", url, "--once")
    told["check"] = printed(environment, "check")
    for command in ("list", "report"):
        told[f"dlq {command}"] = printed(environment, "dlq", command)
    told["dlq report as Markdown"] = printed(environment, "dlq", "report", "--format", "md")
    return told


def printed(environment: Mapping[str, str], *arguments: str) -> str:
    done = run_to_the_end(environment, *arguments)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def story(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All that came out, by where it came out."""
    queues, tmp_path = Queues(server, f"t{uuid4().hex[:8]}"), tmp_path_factory.mktemp("rules")
    (tmp_path / "rules.yaml").write_text(RULES)
    out: dict[str, str] = {}
    with echo() as hook, Collector().running() as collector:
        token = SECRETS["TURNOUT_HTTP_TOKEN"]
        environment = queues.environment() | SECRETS | {
            "TURNOUT_RULES": str(tmp_path),
            "HOOK_URL": hook,
            "AWAY_URL": hook.replace(hook.rpartition(":")[2].partition("/")[0], str(free_port())),
            "GONE_QUEUE_URL": queues.urls["critical"] + "-gone",
            "TURNOUT_HTTP_PORT": str(free_port()),
            "TURNOUT_LOG_LEVEL": "debug",
            "TURNOUT_LOG_FORMAT": "json",
            "TURNOUT_SEND_ATTEMPTS": "2",
            "TURNOUT_BACKOFF_BASE_SECONDS": "0.05",
            "TURNOUT_WAIT_SECONDS": "1",
            "TURNOUT_DLQ_LEDGER": str(tmp_path / "ledger.sqlite"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http_endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }  # fmt: skip
        with running(environment) as turnout:
            url = port_of(turnout)
            wait_until(lambda: httpx.get(url + "/readyz").status_code == 200, "readiness")
            with httpx.stream(
                "GET", url + "/tail", params={"per_second": 1000}, auth=("x", token), timeout=30
            ) as answer:
                count = publish(queues)
                records = list(islice(filter(None, answer.iter_lines()), count))
            queues.wait_until_empty()
            out["tail, as records"] = "\n".join(records)
            out["tail"] = "\n".join(line(msgspec.json.decode(record, type=Routed)).plain for record in records)
            (tmp_path / "rules.yaml").write_text(RULES + "  - {id: wrong, when: detail.kind = 'x', send: [hook]}\n")
            turnout.wait_for_log("rules not reloaded")
            (tmp_path / "rules.yaml").write_text(RULES)
            out |= outputs(url, token, environment)
            turnout.signal(signal.SIGTERM)
            assert turnout.wait() == 0
            out["log"] = turnout.log
        out["spans"] = repr(collector.spans)
        out["metrics over OTLP"] = repr(collector.metrics)
        assert collector.headers[0]["x-api-key"] == "leakCollectorKey-abc", "it was there to be leaked"
    assert len(collector.named(f"process {queues.prefix}-events")) == count
    letters = queues.drain("events-dead")
    assert len(letters) == count - 1
    for number, letter in enumerate(letters):
        told = {
            name: value["StringValue"]
            for name, value in letter["MessageAttributes"].items()
            if "String" in value["DataType"]
        }
        out[f"letter {number}"] = repr({name: told[name] for name in ("ERROR_CODE", "ERROR_MESSAGE", "Turnout.Letter")})
        assert "baggage" not in told
    return out


def test_no_secret_and_no_contact_data_comes_out_anywhere(story: dict[str, str]) -> None:
    assert len(story) > 25
    for where, text in story.items():
        assert text.strip(), f"{where} says nothing"
        for piece in PIECES:
            assert piece not in text, f"{piece} is in {where}: ...{text[max(0, text.find(piece) - 200) :][:400]}"


def test_every_line_of_the_log_is_json_and_those_about_a_message_carry_its_ids(story: dict[str, str]) -> None:
    records = [json.loads(text) for text in story["log"].splitlines()]
    assert all({"time", "level", "logger", "message"} <= record.keys() for record in records)
    beginnings = ("dead-lettered", "send to", "message ", "letter ", "routing failed")
    found = [record for record in records if record["message"].startswith(beginnings)]
    assert {record["message"].partition(":")[0].partition(" failed")[0] for record in found} >= {
        "dead-lettered",
        "send to away",
    }
    for record in found:
        assert {"message_id", "trace_id", "span_id"} <= record.keys(), record
    assert {record["event_id"] for record in found if "event_id" in record} >= {"event-away", "event-gone"}
