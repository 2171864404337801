"""A real Jaeger: one that runs already, or one that is started here, with the configuration of docker-compose.yml.

`JAEGER_QUERY_URL` and `JAEGER_OTLP_ENDPOINT` name one that runs (`http://127.0.0.1:16686`, `http://127.0.0.1:4317`).
Otherwise the program `jaeger` (version 2) is taken that `make jaeger` has built, or that on PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from tests.servers.processes import free_port, start_server

__all__ = ["ABSENT", "Jaeger", "JaegerSpan", "JaegerTrace", "jaeger"]

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "compose" / "jaeger.yaml"
PROGRAM = shutil.which("jaeger", path=str(Path(sys.executable).parent)) or shutil.which("jaeger")
ABSENT = "no Jaeger: JAEGER_QUERY_URL is not set, no program jaeger is on PATH, and `make jaeger` has built none"


class JaegerSpan(NamedTuple):
    """A span as Jaeger's query API tells it. `parent` and `links` are span ids, links with their trace."""

    name: str
    id: str
    parent: str
    links: tuple[tuple[str, str], ...]
    tags: Mapping[str, Any]
    logs: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]
    start_us: int


class JaegerTrace(NamedTuple):
    """A trace as Jaeger's query API tells it, its spans in the order of their start."""

    id: str
    spans: tuple[JaegerSpan, ...]

    def one(self, name: str) -> JaegerSpan:
        """The only span of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def outline(self) -> str:
        """The tree: names, indented; `!` when failed. Siblings in the order of their start, then of their names."""
        known = {span.id for span in self.spans}
        lines: list[str] = []

        def draw(parent: str, depth: int) -> None:
            for span in sorted(self.spans, key=lambda span: (span.start_us, span.name)):
                if (span.parent if span.parent in known else "") == parent:
                    lines.append("  " * depth + span.name + ("!" if span.tags.get("error") is True else ""))
                    draw(span.id, depth + 1)

        draw("", 0)
        return "\n".join(lines)


class Jaeger(NamedTuple):
    """Where it answers questions, and where it takes spans."""

    query_url: str
    otlp_endpoint: str

    def find(self, service: str, tags: Mapping[str, str] | None = None) -> list[JaegerTrace]:
        """The traces of a service with a span that has all these tags, the oldest first."""
        wanted = json.dumps(dict(tags or {}))
        query = urllib.parse.urlencode({"service": service, "tags": wanted, "limit": 100, "lookback": "1h"})
        traces = [_trace(found) for found in self._get(f"traces?{query}")]
        return sorted(traces, key=lambda trace: trace.spans[0].start_us)

    def wait_for(
        self, service: str, tags: Mapping[str, str], enough: Callable[[list[JaegerTrace]], bool], seconds: float = 20
    ) -> list[JaegerTrace]:
        """`find` again and again until what it finds is enough."""
        deadline = time.monotonic() + seconds
        while not enough(found := self.find(service, tags)):
            assert time.monotonic() < deadline, "Jaeger has only:\n" + "\n\n".join(trace.outline() for trace in found)
            time.sleep(0.2)
        return found

    def trace(self, trace_id: str) -> JaegerTrace:
        """One trace by its id."""
        return _trace(self._get(f"traces/{trace_id}")[0])

    def _get(self, path: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.query_url}/api/{path}", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"] or []
        return found


@contextmanager
def jaeger() -> Iterator[Jaeger]:
    """The one that runs, or one that runs until the end of the context."""
    url = os.environ.get("JAEGER_QUERY_URL", "")
    if url:
        yield Jaeger(url.rstrip("/"), os.environ.get("JAEGER_OTLP_ENDPOINT", "http://127.0.0.1:4317"))
        return
    assert PROGRAM, ABSENT
    otlp = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "jaeger.yaml")

        def command(port: int) -> list[str]:
            file.write_text(yaml.safe_dump(_configuration(port, otlp)))
            return [str(PROGRAM), "--config", str(file)]

        with start_server("jaeger", command) as server:
            yield Jaeger(server.url, f"http://127.0.0.1:{otlp}")


def available() -> bool:
    """Whether there is one to test with."""
    return bool(os.environ.get("JAEGER_QUERY_URL") or PROGRAM)


def _configuration(query: int, otlp: int) -> dict[str, Any]:
    """That of docker-compose.yml, on ports of this machine that are free."""
    configuration: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text())
    configuration["service"]["telemetry"]["metrics"] = {"level": "none"}  # it has a port of its own, always the same
    extensions = configuration["extensions"]
    extensions["jaeger_query"]["http"]["endpoint"] = f"127.0.0.1:{query}"
    extensions["jaeger_query"]["grpc"] = {"endpoint": f"127.0.0.1:{free_port()}"}
    extensions["healthcheckv2"]["http"]["endpoint"] = f"127.0.0.1:{free_port()}"
    protocols = configuration["receivers"]["otlp"]["protocols"]
    protocols["grpc"]["endpoint"] = f"127.0.0.1:{otlp}"
    protocols["http"]["endpoint"] = f"127.0.0.1:{free_port()}"
    return configuration


def _trace(found: dict[str, Any]) -> JaegerTrace:
    spans = sorted((_span(span) for span in found["spans"]), key=lambda span: span.start_us)
    return JaegerTrace(found["traceID"], tuple(spans))


def _span(span: dict[str, Any]) -> JaegerSpan:
    references = [(each["refType"], each["traceID"], each["spanID"]) for each in span["references"]]
    return JaegerSpan(
        span["operationName"],
        span["spanID"],
        next((there for kind, trace, there in references if kind == "CHILD_OF" and trace == span["traceID"]), ""),
        tuple((trace, there) for kind, trace, there in references if kind == "FOLLOWS_FROM"),
        {tag["key"]: tag["value"] for tag in span["tags"]},
        tuple({field["key"]: field["value"] for field in log["fields"]} for log in span["logs"]),
        tuple(span["warnings"] or ()),
        span["startTime"],
    )
