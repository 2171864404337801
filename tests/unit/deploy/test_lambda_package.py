"""The zip file for Lambda: what is in it, that nothing is missing, and that the handlers work from it alone.

What `install` would download is taken from this environment instead, by the same list of dependencies.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from importlib.metadata import PathDistribution, distribution
from pathlib import Path
from typing import Any

import boto3
import pytest
from packaging.requirements import Requirement
from tests.servers.emulators import ministack
from tests.servers.otlp import Collector, silent_endpoint

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "deploy" / "lambda" / "package.py"

DRIVER = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
class Context:
    def get_remaining_time_in_millis(self):
        return 20_000
module, _, name = sys.argv[2].rpartition(".")
handler = getattr(__import__(module, fromlist=[name]), name)
print(json.dumps([handler(event, Context()) for event in json.load(sys.stdin)]), flush=True)
os._exit(0)  # as Lambda ends a process: nothing is tidied up
"""


def load() -> Any:
    spec = importlib.util.spec_from_file_location("lambda_package", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


package = load()


def needed(name: str, extras: frozenset[str] = frozenset(), seen: dict[str, None] | None = None) -> dict[str, None]:
    """Every distribution that a distribution needs, itself included."""
    seen = {} if seen is None else seen
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        environments = [{"extra": extra} for extra in extras or {""}]
        if requirement.marker is not None and not any(map(requirement.marker.evaluate, environments)):
            continue
        if requirement.name.lower() not in seen:
            seen[requirement.name.lower()] = None
            needed(requirement.name, frozenset(requirement.extras), seen)
    return seen


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `install` makes."""
    folder = tmp_path_factory.mktemp("lambda") / "content"
    folder.mkdir()
    for name in needed("turnout"):
        found = distribution(name)
        for file in found.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target)
    shutil.copytree(ROOT / "src" / "turnout", folder / "turnout", ignore=shutil.ignore_patterns("__pycache__"))
    own = distribution("turnout")
    assert isinstance(own, PathDistribution)
    information = folder / "turnout-0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(own.read_text("METADATA") or own.read_text("PKG-INFO") or "")
    return folder


@pytest.fixture(scope="module")
def unpacked(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip file's content, as Lambda unpacks it."""
    package.strip(content)
    package.add_rules(content, ROOT / "rules")
    folder = tmp_path_factory.mktemp("unpacked")
    package.pack(content, folder / "it.zip")
    with zipfile.ZipFile(folder / "it.zip") as archive:
        archive.extractall(folder / "task")
    return folder / "task"


def call(unpacked: Path, handler: str, *events: object, **environment: str) -> Any:
    """Call a handler in an interpreter that sees nothing but the unpacked zip file."""
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-B", "-c", DRIVER, str(unpacked), handler],
        input=json.dumps(events),
        cwd=unpacked,
        env={"PATH": "/usr/bin:/bin", **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    # What comes before are metrics.
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def queues() -> Iterator[tuple[Any, dict[str, str]]]:
    """Queues on an emulator: a client, and the environment that names them."""
    with ministack() as server:
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        client: Any = boto3.client("sqs", endpoint_url=server.url, region_name="us-east-1", **keys)
        names = {
            "TURNOUT_SOURCE_QUEUE_URL": "events",
            "TURNOUT_DEAD_LETTER_QUEUE_URL": "letters",
            "CRITICAL_QUEUE_URL": "critical",
            "HIGH_QUEUE_URL": "high",
            "STANDARD_QUEUE_URL": "standard",
        }
        urls = {variable: client.create_queue(QueueName=name)["QueueUrl"] for variable, name in names.items()}
        yield (
            client,
            {
                "AWS_ENDPOINT_URL": server.url,
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "x",
                "AWS_SECRET_ACCESS_KEY": "x",
                "TURNOUT_IDEMPOTENCY": "memory",
                **urls,
            },
        )


@pytest.fixture(scope="module")
def ledger(queues: tuple[Any, dict[str, str]]) -> str:
    """The address of a ledger on the same emulator."""
    _, environment = queues
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=environment["AWS_ENDPOINT_URL"], **keys)
    dynamodb.create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in (("pk", "S"), ("sk", "S"), ("shelf", "S"), ("changed", "N"))
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "shelves",
                "KeySchema": [
                    {"AttributeName": "shelf", "KeyType": "HASH"},
                    {"AttributeName": "changed", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return "dynamodb:ledger"


def bodies(client: Any, url: str) -> list[str]:
    answer = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return sorted(message["Body"] for message in answer.get("Messages", ()))


def record(number: int, body: str) -> dict[str, Any]:
    return {
        "messageId": f"m{number}",
        "receiptHandle": f"h{number}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1765552590101"},
        "messageAttributes": {},
        "md5OfBody": "x",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:events",
        "awsRegion": "us-east-1",
    }


def test_the_router_works_from_the_zip_file_alone(unpacked: Path, queues: tuple[Any, dict[str, str]]) -> None:
    client, environment = queues
    critical = json.dumps({"id": "1", "detail": {"tags": {"priority": "critical"}}})
    nobody = json.dumps({"id": "2", "detail": {"tags": {"priority": "none"}}})
    first = {"Records": [record(1, critical), record(2, "not json"), record(3, nobody)]}
    again = {"Records": [record(4, critical)]}  # redelivered: remembered by the container
    answers = call(unpacked, "turnout.serverless.router.handler", first, again, **environment)
    assert answers == [{"batchItemFailures": []}] * 2
    assert bodies(client, environment["CRITICAL_QUEUE_URL"]) == [critical]
    assert bodies(client, environment["TURNOUT_DEAD_LETTER_QUEUE_URL"]) == ["not json"]


def test_the_traces_of_a_call_have_left_when_it_answers(unpacked: Path, queues: tuple[Any, dict[str, str]]) -> None:
    _, environment = queues
    with Collector().running() as collector:
        nobody = json.dumps({"id": "7", "detail": {"tags": {"priority": "none"}}})
        call(
            unpacked,
            "turnout.serverless.router.handler",
            {"Records": [record(31, nobody)]},
            {"Records": [record(32, nobody)]},
            **environment,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint("http/protobuf"),
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_TRACES_SAMPLER="always_on",
            OTEL_BSP_SCHEDULE_DELAY="600000",
        )
        assert len(collector.named("process events")) == 2


def test_a_collector_that_never_answers_holds_a_call_for_a_bounded_time(
    unpacked: Path, queues: tuple[Any, dict[str, str]]
) -> None:
    _, environment = queues
    nobody = {"Records": [record(41, json.dumps({"id": "8", "detail": {"tags": {"priority": "none"}}}))]}
    started = time.monotonic()
    with silent_endpoint() as endpoint:
        answers = call(
            unpacked,
            "turnout.serverless.router.handler",
            nobody,
            **environment,
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_TRACES_SAMPLER="always_on",
            OTEL_EXPORTER_OTLP_TIMEOUT="60",
            TURNOUT_TELEMETRY_SECONDS="0.5",
        )
    assert answers == [{"batchItemFailures": []}]
    assert time.monotonic() - started < 18, "the function's own time is 20 s, of which telemetry may have half of one"


def dead_letter(number: int, code: str, target: str) -> dict[str, Any]:
    """A record of a dead letter that EventBridge wrote."""
    attributes = {
        "RULE_ARN": "arn:aws:events:us-east-1:000000000000:rule/all",
        "TARGET_ARN": f"arn:aws:sqs:us-east-1:000000000000:{target}",
        "ERROR_CODE": code,
        "ERROR_MESSAGE": "said so",
    }
    event = {"id": f"e{number}", "detail-type": "x", "source": "y", "detail": {}}
    return record(number, json.dumps(event)) | {
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:letters",
        "messageAttributes": {name: {"dataType": "String", "stringValue": text} for name, text in attributes.items()},
    }


def test_recovery_works_from_the_zip_file_alone(
    unpacked: Path, queues: tuple[Any, dict[str, str]], ledger: str
) -> None:
    client, environment = queues
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    s3: Any = boto3.client("s3", endpoint_url=environment["AWS_ENDPOINT_URL"], **keys)
    s3.create_bucket(Bucket="archive")
    crm = client.create_queue(QueueName="crm")["QueueUrl"]
    letters = [
        dead_letter(11, "THROTTLING", "crm"),
        dead_letter(12, "INVALID_JSON", "crm"),
        dead_letter(13, "NO_PERMISSIONS", "crm"),
        dead_letter(14, "THROTTLING", "not-there"),
    ]
    environment = environment | {"TURNOUT_DLQ_LEDGER": ledger, "TURNOUT_DLQ_ARCHIVE_BUCKET": "archive"}
    handler = "turnout.serverless.recovery.handler"
    first, again = call(unpacked, handler, {"Records": letters}, {"Records": letters[:2]}, **environment)
    assert first == {"batchItemFailures": [{"itemIdentifier": "m13"}, {"itemIdentifier": "m14"}]}
    assert again == {"batchItemFailures": []}
    assert bodies(client, crm) == [letters[0]["body"]]
    assert [found["Key"].rpartition("/")[0] for found in s3.list_objects_v2(Bucket="archive")["Contents"]] == [
        "dlq/archives/x/INVALID_JSON"
    ]


def test_the_steps_work_from_the_zip_file_alone(
    unpacked: Path, queues: tuple[Any, dict[str, str]], ledger: str
) -> None:
    client, environment = queues
    environment = environment | {"TURNOUT_DLQ_LEDGER": ledger}
    client.create_queue(QueueName="crm")
    step: dict[str, Any] = {"record": dead_letter(21, "THROTTLING", "crm")}
    (answer,) = call(unpacked, "turnout.serverless.steps.classify", step, **environment)
    assert (answer["course"], answer["aims"]) == ("deliver", ["arn:aws:sqs:us-east-1:000000000000:crm"])
    delivered, again = call(unpacked, "turnout.serverless.steps.deliver", step, step, **environment)
    assert delivered["reached"] == again["reached"] == answer["aims"]
    parked = client.create_queue(QueueName="parked")["QueueUrl"]
    broken = dead_letter(22, "NO_PERMISSIONS", "crm")
    step = {"record": broken, "why": "a role is missing"}
    call(unpacked, "turnout.serverless.steps.park", step, **environment, TURNOUT_PARKED_QUEUE_URL=parked)
    (found,) = client.receive_message(QueueUrl=parked, MessageAttributeNames=["All"])["Messages"]
    assert found["Body"] == broken["body"]
    assert found["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


def test_following_conversations_works_from_the_zip_file_alone(unpacked: Path) -> None:
    genesys = {
        "TURNOUT_GENESYS_REGION": "eu-west-1",
        "TURNOUT_GENESYS_CLIENT_ID": "x",
        "TURNOUT_GENESYS_CLIENT_SECRET": "y",
    }
    unknown = record(1, json.dumps({"detail-type": "nobody's", "detail": {}}))
    answers = call(unpacked, "turnout.serverless.conversations.handler", {"Records": [unknown]}, **genesys)
    assert answers == [{"batchItemFailures": []}]


def test_nothing_in_it_is_read_by_nobody(unpacked: Path) -> None:
    useless = {"tests", "__pycache__", "RECORD"}
    assert [path for path in unpacked.rglob("*") if path.name in useless] == []
    assert not (unpacked / "bin").exists()
    services = {path.name for path in (unpacked / "botocore" / "data").iterdir() if path.is_dir()}
    assert services <= package.SERVICES


def test_every_service_that_turnout_calls_is_described_in_it(unpacked: Path) -> None:
    called = {"sts"}
    for path in (ROOT / "src" / "turnout").rglob("*.py"):
        if "demo" not in path.parts:
            called |= set(
                re.findall(r"(?:client|\.get)\(\s*\"([a-z0-9-]+)\", (?:region|config|caller|place)", path.read_text())
            )
            called |= set(re.findall(r"^    service = \"([a-z]+)\"", path.read_text(), re.MULTILINE))
    assert {"sqs", "dynamodb", "sns", "events", "stepfunctions"} <= called | {"sqs"}
    assert called <= package.SERVICES
    described = {path.name for path in (unpacked / "botocore" / "data").iterdir() if path.is_dir()}
    assert described >= package.SERVICES


def test_it_fits_into_lambda(unpacked: Path) -> None:
    size = sum(path.stat().st_size for path in unpacked.rglob("*") if path.is_file())
    assert size < package.UNZIPPED_LIMIT


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for number in (1, 2):
        content = tmp_path / str(number)
        (content / "a").mkdir(parents=True)
        # Made in another order, at another time, with other permissions.
        for name in ("a/x.py", "b.py", "c.so")[:: 1 if number == 1 else -1]:
            (content / name).write_text(name)
            os.utime(content / name, (number * 1e9, number * 1e9))
            (content / name).chmod(0o600 if number == 1 else 0o755)
        package.pack(content, tmp_path / f"{number}.zip")
        digests.append(hashlib.sha256((tmp_path / f"{number}.zip").read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def test_lambdas_user_may_read_every_file(tmp_path: Path) -> None:
    (tmp_path / "content").mkdir()
    for name in ("module.py", "native.cpython-313-x86_64-linux-gnu.so"):
        (tmp_path / "content" / name).write_text("")
        (tmp_path / "content" / name).chmod(0o600)
    package.pack(tmp_path / "content", tmp_path / "it.zip")
    with zipfile.ZipFile(tmp_path / "it.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes == {"module.py": 0o644, "native.cpython-313-x86_64-linux-gnu.so": 0o755}


def test_compiled_files_are_used_whatever_the_times_of_their_sources(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("print('compiled')")
    package.compile_all(tmp_path)
    (compiled,) = (tmp_path / "__pycache__").iterdir()
    flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
    assert flags == 0b01, "PEP 552: by hash, and the hash is not checked"


def test_wheels_of_every_dependency_are_asked_for_by_the_pinned_version() -> None:
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    assert {name.replace("_", "-") for name in needed("turnout")} <= pinned


def test_what_is_installed_beside_pip_is_not_told_of_as_a_conflict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def pip(*arguments: str) -> None:
        asked.append(arguments)
        (tmp_path / "turnout-0-py3-none-any.whl").touch()

    monkeypatch.setattr(package, "_pip", pip)
    package.install(tmp_path / "content", tmp_path, "arm64", "3.13")
    assert [arguments[0] for arguments in asked] == ["wheel", "install"]
    assert "--no-warn-conflicts" in asked[1]


def test_wrong_options_are_refused() -> None:
    for wrong in (["--architecture", "mips"], ["--rules", "/nowhere"], ["--out", "/tmp"]):
        done = subprocess.run([sys.executable, str(SCRIPT), *wrong], check=False, capture_output=True, text=True)
        assert done.returncode == 2
        assert wrong[1] in done.stderr
