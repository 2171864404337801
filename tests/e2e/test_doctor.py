"""`turnout doctor` and `turnout queues create` as an operator runs them, on emulators."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.turnout import AWS, SOURCE, TURNOUT
from tests.servers.emulators import ministack, moto
from tests.servers.processes import Server, free_port

RULES = Path(__file__).parents[2] / "rules"


@pytest.fixture(scope="module", params=[ministack, moto], ids=["ministack", "moto"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with request.param() as started:
        yield started


def turnout(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TURNOUT, *arguments],
        check=False,
        env={"PATH": "/usr/bin:/bin", "TURNOUT_RULES": str(RULES), **SOURCE, **AWS, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def made(server: Server, prefix: str, *arguments: str) -> dict[str, str]:
    """The environment that `turnout queues create` prints."""
    done = turnout("queues", "create", "--prefix", prefix, *arguments, AWS_ENDPOINT_URL=server.url)
    assert done.returncode == 0, done.stderr
    lines = [line.removeprefix("export ").split("=", 1) for line in done.stdout.splitlines()]
    return {"AWS_ENDPOINT_URL": server.url, **dict(lines)}


def findings(done: subprocess.CompletedProcess[str]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["severity"], one["subject"]): one for one in json.loads(done.stdout)["findings"]}


def test_queues_are_made_once_and_the_doctor_finds_them_well(server: Server) -> None:
    first, again = made(server, "well"), made(server, "well")
    assert first == again
    assert set(first) >= {"TURNOUT_SOURCE_QUEUE_URL", "TURNOUT_DEAD_LETTER_QUEUE_URL", "CRITICAL_QUEUE_URL"}
    done = turnout("doctor", "--json", **first)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["errors"] == 0
    assert report["emulator"] is True
    redrive = [one for one in report["findings"] if one["check"] == "redrive"]
    assert [(one["severity"], one["subject"]) for one in redrive] == [("ok", "well-events")]


def test_a_misspelt_setting_of_recovery_is_a_warning(server: Server) -> None:
    done = turnout("doctor", "--json", **made(server, "spelt"), TURNOUT_DLQ_LEGDER="dynamodb:turnout-ledger")
    assert done.returncode == 0, done.stdout + done.stderr
    found = findings(done)["warning", "environment"]
    assert found["message"].endswith("did you mean TURNOUT_DLQ_LEDGER?")


def test_without_credentials_that_is_the_one_thing_said_of_aws(server: Server, tmp_path: Path) -> None:
    environment = made(server, "nobody")
    unset = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    home = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    done = turnout("doctor", "--json", **environment, **unset, **home)
    assert done.returncode == 1, done.stdout + done.stderr
    wrong = [one for one in json.loads(done.stdout)["findings"] if one["severity"] == "error"]
    assert [one["check"] for one in wrong] == ["credentials"]
    assert "allow " not in done.stdout


def test_looking_changes_nothing(server: Server) -> None:
    import boto3

    environment = made(server, "still")
    client: Any = boto3.client("sqs", endpoint_url=server.url, region_name="us-east-1",
                               aws_access_key_id="x", aws_secret_access_key="x")  # fmt: skip
    urls = [value for name, value in environment.items() if name.endswith("_URL") and name != "AWS_ENDPOINT_URL"]
    for url in urls:
        client.send_message(QueueUrl=url, MessageBody="{}")
    assert turnout("doctor", **environment).returncode == 0
    for url in urls:
        taken = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
        assert [one["Attributes"]["ApproximateReceiveCount"] for one in taken] == ["1"], url


def test_a_fifo_target_is_made_on_demand(server: Server) -> None:
    environment = made(server, "fifo", "--fifo", "critical")
    assert environment["CRITICAL_QUEUE_URL"].endswith("/fifo-critical.fifo")
    assert turnout("doctor", **environment).returncode == 0


def test_a_missing_queue_is_an_error_that_says_what_to_do(server: Server) -> None:
    environment = made(server, "gone")
    environment["HIGH_QUEUE_URL"] += "-not-there"
    done = turnout("doctor", **environment)
    assert done.returncode == 1
    assert "✗ gone-high-not-there: the target high does not exist" in done.stdout
    assert "→ create it" in done.stdout


def test_a_table_that_is_missing_is_found(server: Server) -> None:
    environment = made(server, "table") | {"TURNOUT_IDEMPOTENCY": "dynamodb", "TURNOUT_IDEMPOTENCY_TABLE": "nowhere"}
    found = findings(turnout("doctor", "--json", **environment))
    assert "does not exist" in found["error", "nowhere"]["message"]


def test_what_recovery_stands_on_is_looked_at(server: Server) -> None:
    import boto3

    environment = made(server, "dlq") | {
        "TURNOUT_DLQ_LEDGER": "dynamodb:ledger-x",
        "TURNOUT_DLQ_ARCHIVE_BUCKET": "archive-x",
    }
    found = findings(turnout("doctor", "--json", **environment))
    assert "does not exist" in found["error", "ledger-x"]["message"]
    assert "does not exist" in found["error", "archive-x"]["message"]
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=server.url, **keys)
    dynamodb.create_table(
        TableName="ledger-x",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    boto3.client("s3", endpoint_url=server.url, **keys).create_bucket(Bucket="archive-x")
    done = turnout("doctor", "--json", **environment)
    errors = [one for one in json.loads(done.stdout)["findings"] if one["severity"] == "error"]
    assert [(one["subject"], "no index shelves" in one["message"]) for one in errors] == [("ledger-x", True)]


def test_tables_and_the_archive_may_be_written_to_and_nothing_is_left_in_them(server: Server) -> None:
    import boto3

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=server.url, **keys)
    s3: Any = boto3.client("s3", endpoint_url=server.url, **keys)
    for table, schema in (("seen-w", {"key": "HASH"}), ("ledger-w", {"pk": "HASH", "sk": "RANGE"})):
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in schema.items()],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in schema],
        )
    s3.create_bucket(Bucket="archive-w")
    environment = made(server, "write") | {
        "TURNOUT_IDEMPOTENCY": "dynamodb",
        "TURNOUT_IDEMPOTENCY_TABLE": "seen-w",
        "TURNOUT_DLQ_LEDGER": "dynamodb:ledger-w",
        "TURNOUT_DLQ_ARCHIVE_BUCKET": "archive-w",
    }
    report = json.loads(turnout("doctor", "--json", **environment).stdout)
    permissions = [one for one in report["findings"] if one["check"] == "permission"]
    assert {one["severity"] for one in permissions} == {"ok"}
    said = {one["subject"]: one["message"] for one in permissions if "allowed" in one["message"]}
    assert said["seen-w"].startswith("dynamodb:GetItem, dynamodb:UpdateItem allowed")
    assert "dynamodb:PutItem" in said["ledger-w"]
    assert {one["subject"] for one in permissions} > {"seen-w", "ledger-w", "archive-w"}
    for table in ("seen-w", "ledger-w"):
        assert dynamodb.scan(TableName=table)["Count"] == 0
    assert "Contents" not in s3.list_objects_v2(Bucket="archive-w")
    assert not s3.list_multipart_uploads(Bucket="archive-w").get("Uploads")


def test_warnings_fail_a_strict_examination_only(server: Server) -> None:
    environment = made(server, "strict")
    assert turnout("doctor", **environment).returncode == 0
    assert turnout("doctor", "--strict", **environment).returncode == 3


def test_nothing_that_answers_is_said_once_and_not_per_queue() -> None:
    port = free_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        **{
            name: f"http://127.0.0.1:{port}/000000000000/{name.lower()}"
            for name in (
                "TURNOUT_SOURCE_QUEUE_URL", "TURNOUT_DEAD_LETTER_QUEUE_URL", "CRITICAL_QUEUE_URL", "HIGH_QUEUE_URL",
                "STANDARD_QUEUE_URL",
            )
        },
    }  # fmt: skip
    done = turnout("doctor", **environment)
    assert done.returncode == 1
    assert done.stdout.count("look at network, endpoint and region") == 1


def test_wrong_settings_are_exit_code_2() -> None:
    done = turnout("doctor")
    assert done.returncode == 2
    assert "TURNOUT_SOURCE_QUEUE_URL" in done.stderr


def test_a_real_account_is_not_touched_without_being_asked() -> None:
    done = turnout("queues", "create")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert "https://sqs.us-east-1.amazonaws.com" in done.stderr


def test_an_unknown_fifo_target_is_refused() -> None:
    done = turnout("queues", "create", "--fifo", "crticial")
    assert done.returncode == 2
    assert "critical, high, standard" in done.stderr


@contextmanager
def refusing(*operations: str) -> Iterator[str]:
    """An SQS that refuses these operations for want of permission, and answers GetQueueAttributes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers.get("X-Amz-Target", "").partition(".")[2]
            if operation == "GetQueueAttributes" and operation not in operations:
                status = 200
                answer: dict[str, Any] = {"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:q"}}
            elif operation in operations:
                status = 403
                answer = {"__type": "com.amazon.coral.service#AccessDenied", "message": "not authorized"}
            else:
                status = 400
                answer = {"__type": "com.amazonaws.sqs#EmptyBatchRequest", "message": "There should be at least one"}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def queues_at(url: str) -> dict[str, str]:
    names = ("TURNOUT_SOURCE_QUEUE_URL", "TURNOUT_DEAD_LETTER_QUEUE_URL", "CRITICAL_QUEUE_URL", "HIGH_QUEUE_URL")
    urls = {name: f"{url}/000000000000/{name.lower()}" for name in (*names, "STANDARD_QUEUE_URL")}
    return {"AWS_ENDPOINT_URL": url, **urls}


def test_a_send_that_is_refused_is_found_without_sending() -> None:
    with refusing("SendMessageBatch") as url:
        found = findings(turnout("doctor", "--json", **queues_at(url)))
    assert "sqs:SendMessage is refused" in found["error", "critical_queue_url"]["message"]
    assert ("error", "turnout_source_queue_url") not in found


def test_settings_that_may_not_be_read_are_unknown_and_stop_nothing() -> None:
    with refusing("GetQueueAttributes") as url:
        done = turnout("doctor", "--json", **queues_at(url))
    found = findings(done)
    assert done.returncode == 0
    assert "sqs:GetQueueAttributes" in found["unknown", "turnout_source_queue_url"]["advice"]
