"""The router function's metrics: what one call counted, as CloudWatch reads it from the log."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.unit.pipeline.yard import SOURCE, Yard, event
from tests.unit.serverless.mapping import poll, sqs_event
from tests.unit.serverless.test_routing import Function
from tests.unit.telemetry.test_emf import read

from turnout.message import Message
from turnout.pipeline.books import Books
from turnout.serverless import router
from turnout.serverless.measuring import batch_lines, counted_lines, print_lines


def counted(*bodies: str) -> list[dict[str, Any]]:
    """What a call with these bodies says."""

    async def call() -> Books:
        yard = Yard()
        await yard.publish(*bodies)
        function = Function(yard)
        await poll(yard.sqs, SOURCE, function)
        return function.routed[-1].books

    books = asyncio.run(asyncio.wait_for(call(), 20))
    return [read(line) for line in batch_lines(books, {"AWS_LAMBDA_FUNCTION_NAME": "turnout-router"})]


def value(documents: list[dict[str, Any]], name: str, **dimensions: str) -> Any:
    wanted = {"FunctionName": "turnout-router", **dimensions}
    (found,) = [
        document[name]
        for document in documents
        for directive in document["_aws"]["CloudWatchMetrics"]
        if name in [metric["Name"] for metric in directive["Metrics"]]
        and {key: document[key] for key in directive["Dimensions"][0]} == wanted
    ]
    return found


def test_a_call_says_what_it_received_where_it_went_and_how_long_it_took() -> None:
    documents = counted(event("one"), event("three", 2), event("nobody", 3), "certainly not JSON")
    assert value(documents, "turnout.messages.received") == 4
    assert value(documents, "turnout.messages.unmatched") == 1
    assert value(documents, "turnout.messages.settled", outcome="delivered") == 2
    assert value(documents, "turnout.messages.settled", outcome="dead_lettered") == 1
    assert value(documents, "turnout.letters", reason="INVALID_JSON") == 1
    assert value(documents, "turnout.target.sent", target="crm") == 2
    assert value(documents, "turnout.target.sent", target="archive") == 1
    assert len(value(documents, "messaging.process.duration")) == 4
    assert {document["_aws"]["CloudWatchMetrics"][0]["Namespace"] for document in documents} == {"Turnout"}


def test_rules_are_told_for_queries_and_are_no_dimension() -> None:
    documents = counted(event("one"), event("three", 2))
    names = {name for document in documents for name in document["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]}
    assert names <= {"FunctionName", "outcome", "reason", "target"}
    assert documents[0]["rules"]
    assert "turnout.rule.matches" not in json.dumps(documents)


def test_a_query_that_adds_up_the_matches_of_a_rule_counts_each_once() -> None:
    documents = counted(event("one"), event("three", 2))
    assert len(documents) > 1
    totals = Counter[str]()
    for document in documents:
        totals.update(document.get("rules", {}))
    assert totals == {"one": 1, "three": 1}


def test_what_nobody_counted_is_no_metric_that_would_be_paid_for() -> None:
    told = [
        (metric["Name"], document[metric["Name"]])
        for document in counted(event("one"))
        for directive in document["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    ]
    assert ("turnout.target.sent", 1) in told
    assert [name for name, count in told if count in (0, [])] == []


def test_what_the_store_said_and_what_was_left_behind_are_counted() -> None:
    books = Books()
    books.received, books.suppressed, books.store_errors, books.attributes_dropped = 4, 3, 2, 1
    documents = [read(line) for line in batch_lines(books, {"AWS_LAMBDA_FUNCTION_NAME": "turnout-router"})]
    assert value(documents, "turnout.idempotency.suppressed") == 3
    assert value(documents, "turnout.idempotency.errors") == 2
    assert value(documents, "turnout.attributes.dropped") == 1


def test_a_call_that_brought_nothing_says_nothing() -> None:
    assert list(batch_lines(Books())) == []


def test_a_counter_of_its_own_is_told_apart_by_one_dimension() -> None:
    (line,) = counted_lines("turnout.recovered", "outcome", {"delivered": 2, "parked": 0}, {})
    document = read(line)
    assert document["turnout.recovered"] == 2
    assert document["outcome"] == "delivered"
    assert "FunctionName" not in document, "it is not known"
    (line,) = counted_lines("turnout.recovered", "outcome", {"delivered": 2}, {"AWS_LAMBDA_FUNCTION_NAME": "f"})
    assert read(line)["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["FunctionName", "outcome"]]
    assert list(counted_lines("turnout.recovered", "outcome", {})) == []


def test_what_is_printed_is_written_before_the_process_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written))
    print_lines(["{}", "[]"])
    assert written.getvalue() == b"{}\n[]\n"


def test_the_handler_prints_every_line_by_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def call(work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        yard = Yard()
        await yard.publish(event("one"))
        return await work(router.Opened(Function(yard).router, 1.0))

    class Opened:
        """Stands for the container, open on queues in memory."""

        def run(self, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
            return asyncio.run(call(work))

    class Plenty:
        def get_remaining_time_in_millis(self) -> int:
            return 10_000

    message = Message("m-1", "h-1", event("one"), SOURCE)
    monkeypatch.setattr(router, "_container", Opened())
    router.handler(sqs_event(message), Plenty())
    printed = capsys.readouterr().out.splitlines()
    assert {name for line in printed for name in read(line)} >= {"turnout.messages.received", "turnout.target.sent"}
