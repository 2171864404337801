"""What the doctor says of the settings themselves, before it asks anybody."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
from tests.servers.certificates import make_certificates
from tests.servers.processes import free_port

from turnout.doctor.examine import examine_telemetry, settings_without_effect
from turnout.doctor.findings import Severity
from turnout.settings import load_settings

QUEUES = "https://sqs.eu-west-1.amazonaws.com/123456789012/"


def test_settings_that_do_nothing_are_warnings_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_IDEMPOTENCY", "")
    settings = load_settings(
        {
            "source_queue_url": f"{QUEUES}events",
            "dead_letter_queue_url": f"{QUEUES}events-dead",
            "idempotency_table": "turnout-idempotency",
        }
    )
    odd = {"TURNOUT_POLERS": "2", "AWS_ENDPOINT_URL_S3": "foo"}
    misspelt, unusable, idle = settings_without_effect(settings, odd)
    assert unusable.message.startswith("AWS_ENDPOINT_URL_S3: 'foo' is no endpoint")
    assert misspelt.message.startswith("TURNOUT_POLERS is not a setting")
    assert idle.message == "TURNOUT_IDEMPOTENCY_TABLE has no effect"
    assert idle.advice.startswith("set TURNOUT_IDEMPOTENCY=dynamodb to use the table")
    assert misspelt.severity is unusable.severity is idle.severity is Severity.WARNING


def test_a_collector_of_metrics_alone_that_is_away_is_found_beside_one_of_traces_that_is_there() -> None:
    away = f"http://127.0.0.1:{free_port()}"
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as collector:
        there = f"http://127.0.0.1:{collector.getsockname()[1]}"
        both = {"OTEL_EXPORTER_OTLP_ENDPOINT": there, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": away}
        found = asyncio.run(examine_telemetry(both))
        assert [(each.severity, each.message.partition(" ")[0]) for each in found] == [
            (Severity.OK, there),
            (Severity.WARNING, away),
        ]
        assert len(asyncio.run(examine_telemetry({"OTEL_EXPORTER_OTLP_ENDPOINT": there}))) == 1
        assert len(asyncio.run(examine_telemetry(both | {"OTEL_METRICS_EXPORTER": "none"}))) == 1


def test_a_collector_whose_authority_is_named_is_trusted_as_the_exporter_trusts_it(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)

    async def main() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificates.server)
        async with server:
            there = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://localhost:{server.sockets[0].getsockname()[1]}"}
            for more, severity, said in (
                ({}, Severity.WARNING, "certificate"),
                ({"OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificates.ca)}, Severity.OK, "takes connections"),
                ({"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": str(certificates.ca)}, Severity.OK, "takes connections"),
                (
                    {"OTEL_EXPORTER_OTLP_CERTIFICATE": "nowhere.pem"},
                    Severity.WARNING,
                    "No such file or directory: 'nowhere.pem'",
                ),
            ):
                (finding,) = await examine_telemetry({**there, **more})
                assert finding.severity is severity, more
                assert said in finding.message

    asyncio.run(main())


@pytest.mark.parametrize("endpoint", ["http://[x", "http://host:99999", "http://", "[x"])
def test_a_collectors_address_that_is_none_is_a_warning_that_says_so(endpoint: str) -> None:
    (finding,) = asyncio.run(examine_telemetry({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}))
    assert finding.severity is Severity.WARNING
    assert "takes no connections" in finding.message


@pytest.mark.parametrize(("name", "value"), [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_SDK_DISABLED", "true")])
@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9"])
def test_traces_that_are_switched_off_are_not_missed(name: str, value: str, endpoint: str) -> None:
    found = asyncio.run(examine_telemetry({name: value, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint}))
    assert [(each.severity, each.message) for each in found] == [(Severity.OK, "traces are switched off")]
