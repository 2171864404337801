"""The `OTEL_*` variables, and collectors that are away, slow, silent or refusing."""

from __future__ import annotations

import ast
import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from tests.servers.otlp import Collector, silent_endpoint
from tests.servers.processes import free_port
from tests.unit.telemetry.stories import Match, Story

import turnout
from turnout.account import Outcome
from turnout.errors import Fault
from turnout.failures import Failure, Reason
from turnout.message import REPLAY, Attribute
from turnout.telemetry.sampling import Sampler
from turnout.telemetry.setup import TraceSettings, start_tracing, telemetry_problems
from turnout.telemetry.setup.environment import resource
from turnout.telemetry.tracing import LateTracing, NoTracing

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}


def settings(**environ: str) -> TraceSettings:
    found = TraceSettings.from_environ(environ)
    assert found.problems == ()
    return found


def test_tracing_is_off_without_an_endpoint() -> None:
    assert settings() == TraceSettings()
    assert settings(OTEL_EXPORTER_OTLP_ENDPOINT=" ").protocol == ""
    assert isinstance(start_tracing(settings()), NoTracing)


@pytest.mark.parametrize(
    "off",
    [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_SDK_DISABLED": "TRUE"}, {"OTEL_TRACES_EXPORTER": "none"}],
)
def test_tracing_can_be_switched_off(off: dict[str, str]) -> None:
    assert settings(**ENDPOINT, **off).protocol == ""


def test_the_endpoint_of_traces_alone_is_enough() -> None:
    assert settings(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://127.0.0.1:4317").protocol == "grpc"


@pytest.mark.parametrize(
    ("environ", "protocol"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "http/protobuf"),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
            "http/protobuf",
        ),
        ({}, "grpc"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318"}, "http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://otel.example/v1/traces"}, "http/protobuf"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "grpc"),
    ],
)
def test_the_protocol_is_said_or_seen_from_the_endpoint(environ: dict[str, str], protocol: str) -> None:
    assert settings(**(ENDPOINT | environ)).protocol == protocol


def test_our_own_defaults_hold_where_the_environment_is_silent() -> None:
    found = settings(**ENDPOINT)
    assert found.timeout_seconds == 2.0
    assert found.queue_size == 16_384
    assert found.batch_size == 512
    assert found.sampler == Sampler()


def test_the_environment_overrides_our_defaults() -> None:
    found = settings(
        **ENDPOINT,
        OTEL_EXPORTER_OTLP_TIMEOUT="7",
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="0.5",
        OTEL_BSP_MAX_QUEUE_SIZE="100",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="500",
        OTEL_TRACES_SAMPLER="traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.25",
    )
    assert found.timeout_seconds == 0.5
    assert found.queue_size == 100
    assert found.batch_size == 100, "a batch cannot be larger than the queue"
    assert found.sampler == Sampler.ratio(0.25, parent_based=False)


def test_what_cannot_be_used_is_reported_and_replaced() -> None:
    found = TraceSettings.from_environ(
        ENDPOINT
        | {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
            "OTEL_BSP_MAX_QUEUE_SIZE": "-5",
            "OTEL_BSP_SCHEDULE_DELAY": "-1",
            "OTEL_TRACES_SAMPLER": "dice",
            "OTEL_TRACES_EXPORTER": "otlp,zipkin",
        }
    )
    assert (found.protocol, found.timeout_seconds, found.queue_size) == ("grpc", 2.0, 16_384)
    assert {problem.partition(":")[0] for problem in found.problems} == {
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_EXPORTER",
    }


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [
        ("grpc", "http://collector:4317"),
        ("grpc", "collector:4317"),
        ("grpc", "unix:/run/collector"),
        ("grpc", "https://[::1]:4317"),
        ("http/protobuf", "https://collector/otlp"),
    ],
)
def test_an_endpoint_that_the_exporter_understands_is_no_problem(protocol: str, endpoint: str) -> None:
    assert settings(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_PROTOCOL=protocol).protocol == protocol


@pytest.mark.parametrize(
    ("protocol", "endpoint", "shown"),
    [
        ("grpc", "notaurl", "notaurl"),
        ("grpc", "http://", "http://"),
        ("grpc", "http://collector:port", "http://collector:port"),
        ("http/protobuf", "collector:4318", "collector:4318"),
        ("http/protobuf", "ftp://user:hunter22@collector", "ftp://***@collector"),
    ],
)
def test_an_endpoint_that_is_none_is_reported_by_the_variable_that_names_it(
    protocol: str, endpoint: str, shown: str
) -> None:
    for variable in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        environ = {variable: endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        assert TraceSettings.from_environ(environ).problems == (
            f"{variable}: {shown!r} is not a URL such as http://localhost:4317.",
        )


def test_a_wrong_sampler_is_reported_before_tracing_is_switched_on() -> None:
    off = TraceSettings.from_environ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "5"})
    assert off.protocol == ""
    assert off.problems == ("OTEL_TRACES_SAMPLER_ARG: '5' is not a number from 0 to 1. Using 1.",)


def test_an_exporter_that_is_asked_for_without_an_endpoint_is_told_to_have_no_effect() -> None:
    asked = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "none"}
    assert telemetry_problems(asked) == (
        "OTEL_TRACES_EXPORTER: otlp has no effect by itself; set OTEL_EXPORTER_OTLP_ENDPOINT as well.",
    )
    assert telemetry_problems(asked | ENDPOINT) == ()
    assert telemetry_problems(asked | {"OTEL_SDK_DISABLED": "true"}) == ()


def test_what_is_wrong_for_traces_and_metrics_is_told_once() -> None:
    assert telemetry_problems(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "notaurl",
            "OTEL_TRACES_SAMPLER": "dice",
            "OTEL_METRIC_EXPORT_INTERVAL": "soon",
        }
    ) == (
        "OTEL_EXPORTER_OTLP_ENDPOINT: 'notaurl' is not a URL such as http://localhost:4317.",
        "OTEL_TRACES_SAMPLER: 'dice' is not known; use always_on, always_off, traceidratio, or one of them after "
        "parentbased_. Using parentbased_always_on.",
        "OTEL_METRIC_EXPORT_INTERVAL: 'soon' is not a number above 0. Using 60000.",
    )
    assert telemetry_problems({}) == ()


def test_problems_are_logged_when_tracing_starts(caplog: pytest.LogCaptureFixture) -> None:
    start_tracing(TraceSettings(problems=("OTEL_TRACES_SAMPLER: no such sampler.",)))
    ours = [record for record in caplog.records if record.name.startswith("turnout")]
    assert [(record.levelno, record.getMessage()) for record in ours] == [
        (logging.WARNING, "OTEL_TRACES_SAMPLER: no such sampler.")
    ]


def test_who_we_are_names_host_and_process_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert resource().attributes["service.instance.id"] == f"{socket.gethostname()}-{os.getpid()}"
    monkeypatch.setenv(
        "OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=router-3,service.name=other,deployment.name=blue"
    )
    monkeypatch.setenv("OTEL_SERVICE_NAME", "router")
    named = resource().attributes
    assert (named["service.name"], named["service.instance.id"]) == ("router", "router-3")
    assert (named["deployment.name"], named["telemetry.sdk.name"]) == ("blue", "opentelemetry")


START_BOTH = """
import logging, os, sys
from turnout.telemetry.setup import MetricSettings, TraceSettings, start_metrics, start_tracing
logging.basicConfig(level=sys.argv[1], format="%(message)s")
start_tracing(TraceSettings.from_environ(os.environ))
start_metrics(MetricSettings.from_environ(os.environ), lambda: None)
"""


def told_of_both(environ: dict[str, str], level: str = "INFO") -> str:
    command = [sys.executable, "-c", START_BOTH, level]
    environ = os.environ | environ
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True).stderr


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("what", ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"])
def test_a_file_of_tls_that_is_not_there_is_told_in_a_line_for_each_signal_where_tls_is_spoken(
    protocol: str, what: str
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, f"OTEL_EXPORTER_OTLP_{what}": "/nowhere.pem"}
    traces, metrics = told_of_both(environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:9"}).splitlines()
    for line in (traces, metrics):
        assert "could not be started" in line
        assert line.endswith("No such file or directory: '/nowhere.pem'")
    assert told_of_both(environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}) == ""


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "abc", "must be a non-negative integer but got abc"),  # at its import
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip", 'Invalid value "zip" for compression envvar'),
    ],
)
def test_a_variable_that_the_library_refuses_is_told_in_a_line_for_each_signal_without_a_traceback(
    variable: str, value: str, why: str
) -> None:
    environ = ENDPOINT | {variable: value}
    traces, metrics = told_of_both(environ).splitlines()
    assert traces.startswith("Tracing is off: the exporter could not be started. Check the OTEL_* variables: ")
    assert metrics.startswith("Metrics are not exported: the exporter could not be started. ")
    for line in (traces, metrics):
        assert why in line
        assert variable in line
    assert "Traceback" in told_of_both(environ, "DEBUG")


@pytest.mark.parametrize("variable", ["COMPRESSION", "TRACES_COMPRESSION", "TIMEOUT", "TRACES_TIMEOUT"])
def test_a_variable_that_is_empty_is_as_one_that_is_not_set(
    variable: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{variable}", "")
    tracing = start_tracing(TraceSettings.from_environ(os.environ | ENDPOINT))
    asyncio.run(tracing.aclose(5))
    assert isinstance(tracing, LateTracing)
    assert caplog.text == ""


def test_a_timeout_of_one_signal_that_is_no_number_is_told_by_its_name_and_ours_is_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon")
    tracing = start_tracing(TraceSettings.from_environ(os.environ | ENDPOINT))
    asyncio.run(tracing.aclose(5))
    assert isinstance(tracing, LateTracing)
    assert caplog.messages == ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: 'soon' is not a number above 0. Using 2."]


def test_what_a_variable_says_holds_for_a_second_start_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0.5")
    for _ in range(2):  # as a function of Lambda may open more than once
        found = TraceSettings.from_environ(os.environ | ENDPOINT)
        assert found.timeout_seconds == 0.5
        asyncio.run(start_tracing(found).aclose(5))


def test_a_protocol_that_is_not_available_is_told_by_the_variable_that_names_it() -> None:
    environ = ENDPOINT | {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}
    assert TraceSettings.from_environ(environ).problems == (
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' is not available here; use grpc or http/protobuf. Using grpc.",
    )


def test_grpc_itself_says_only_errors_unless_the_environment_wants_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted, expected in ((None, "ERROR"), ("DEBUG", "DEBUG")):
        monkeypatch.delenv("GRPC_VERBOSITY", raising=False)
        if wanted:
            monkeypatch.setenv("GRPC_VERBOSITY", wanted)
        with nobody() as endpoint:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            tracing = start_tracing(TraceSettings.from_environ({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}))
            asyncio.run(tracing.aclose(1))
        assert os.environ["GRPC_VERBOSITY"] == expected


@contextmanager
def nobody() -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def collector(mode: str, protocol: str) -> Iterator[str]:
    with Collector(mode=mode, delay_seconds=60).running() as running:
        yield running.endpoint(protocol)


def trouble(kind: str, protocol: str) -> AbstractContextManager[str]:
    if kind == "away":
        return nobody()
    return silent_endpoint() if kind == "silent" else collector(kind, protocol)


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("kind", ["away", "silent", "slow", "refuse"])
def test_a_collector_in_trouble_holds_neither_the_worker_nor_its_end(
    kind: str, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trouble(kind, protocol) as endpoint:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "60",  # for which whoever waits for an answer is held up
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        tracing = start_tracing(TraceSettings.from_environ(environ))
        assert isinstance(tracing, LateTracing)
        story = Story(tracing)
        started = time.monotonic()
        for _ in range(20):
            story.deliver("a", count=10)
        asyncio.run(tracing.aclose(0.3))
        assert time.monotonic() - started < 15
        assert len(story.sent) == 200
        assert tracing.counts.errors == 0
        assert tracing.counts.exported == 0
        assert tracing.counts.messages == 200


def test_spans_that_a_refusing_collector_does_not_take_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector(mode="refuse").running() as refusing:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": refusing.http_endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT": "0.2"}
        environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        tracing = start_tracing(TraceSettings.from_environ(environ))
        assert isinstance(tracing, LateTracing)
        Story(tracing).deliver("a")
        asyncio.run(tracing.aclose(5))
    assert tracing.counts.export_failed == 6


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_contact_data_and_secrets_in_what_services_say_and_in_ids_are_masked_on_spans(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "correct-horse-battery")
    said = "Value sip:erika@example.org for MessageGroupId is invalid, nor is correct-horse-battery."
    with Collector().running() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.endpoint(protocol))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        tracing = start_tracing(TraceSettings.from_environ(os.environ))
        story = Story(tracing)
        (account,) = story.receive(attributes={REPLAY: Attribute("String", "tel:+4930123456")})
        story.route(account, "a", match=Match(("r",), ("a",), "+4930123456", "erika@example.org", "tel:+4930123456"))
        (delivery,) = account.deliveries
        story.send(delivery, last=False, entry_error="InvalidParameterValue")
        story.fail(delivery, Failure(Reason.MESSAGE_REJECTED, Fault.DATA, said, "InvalidParameterValue"))
        story.write_letter(account)
        story.settle(Outcome.DEAD_LETTERED, account)
        asyncio.run(tracing.aclose(5))
    process, create = running.one("process orders"), running.one("create a")
    for piece in ("erika", "4930123456", "correct-horse"):
        assert piece not in repr(running.spans)
    assert process.description == create.description == "Value *** for MessageGroupId is invalid, nor is ***."
    assert process.attributes["turnout.event.id"] == "***"
    assert process.attributes["messaging.message.id"] == "message-0"


@pytest.mark.parametrize("nonsense", ["soon", "-1", "0", "nan"])
def test_times_between_exports_that_make_no_sense_neither_end_tracing_nor_leave_a_traceback(
    nonsense: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environ = ENDPOINT | {"OTEL_BSP_SCHEDULE_DELAY": nonsense, "OTEL_BSP_EXPORT_TIMEOUT": nonsense}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    tracing = start_tracing(TraceSettings.from_environ(environ))
    asyncio.run(tracing.aclose(5))
    assert isinstance(tracing, LateTracing)
    (told,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert told.getMessage() == f"OTEL_BSP_SCHEDULE_DELAY: {nonsense!r} is not a number above 0. Using 5000."
    assert told.exc_info is None


def test_a_flood_of_spans_is_dropped_by_whole_messages_and_every_span_is_accounted_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Collector(mode="slow", delay_seconds=0.05).running() as slow:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": slow.grpc_endpoint,
            "OTEL_BSP_MAX_QUEUE_SIZE": "200",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "50",
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        tracing = start_tracing(TraceSettings.from_environ(environ))
        assert isinstance(tracing, LateTracing)
        story = Story(tracing)
        for _ in range(200):
            story.deliver("a")
        asyncio.run(tracing.aclose(10))
        counts = tracing.counts
        assert counts.spans_dropped > 0
        assert counts.exported == len(slow.spans)
        assert counts.messages + counts.spans_dropped // 4 == 200
        # Every message that was traced at all has arrived whole.
        processes = slow.named("process orders")
        assert len(processes) == counts.messages
        for name in ("evaluate rules", "create a", "send a", "delete orders"):
            assert {span.trace_id for span in slow.named(name)} == {span.trace_id for span in processes}


END_OF_PROCESS = """
import asyncio, os, sys
from tests.unit.telemetry.stories import Story
from turnout.telemetry.setup import TraceSettings, start_tracing

tracing = start_tracing(TraceSettings.from_environ(os.environ))
story = Story(tracing)
for _ in range(100):
    story.deliver("a", count=10)
asyncio.run(tracing.aclose(0.2))
print("closed", flush=True)
"""


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_silent_collector_does_not_hold_the_end_of_the_process(protocol: str) -> None:
    root = Path(__file__).resolve().parents[3]
    with silent_endpoint() as endpoint:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "PATH": ""}
        process = subprocess.Popen(
            [sys.executable, "-c", END_OF_PROCESS], cwd=root, env=environ, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "closed\n"
            assert process.wait(6) == 0  # exporting all of it would take 24 s
        finally:
            process.kill()
            process.communicate()


def test_a_worker_without_an_endpoint_never_loads_the_sdk() -> None:
    program = (
        "import sys\n"
        "from turnout.telemetry.setup import TraceSettings, start_tracing\n"
        "import turnout.telemetry.logs\n"
        "start_tracing(TraceSettings.from_environ({}))\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'grpc', 'google', 'requests'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_sdk_is_imported_in_setup_only() -> None:
    source = Path(turnout.__file__).parent
    guilty = []
    for path in sorted(source.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if any(name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")) for name in names):
                guilty.append(path.relative_to(source).as_posix())
    assert set(guilty) == {f"telemetry/setup/{name}.py" for name in ("environment", "metrics", "traces", "transport")}
