"""The benchmark itself: it must measure what it says, and notice when the work it measures is wrong."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.benchmarks import bench, parsers
from tests.benchmarks.clocks import cpu_seconds, peak_mebibytes, process_tree
from tests.benchmarks.comparisons.tutorial import RULES, evaluate
from tests.benchmarks.events import SHAPES, events
from tests.benchmarks.instructions import read_counts
from tests.benchmarks.measuring import Measurement, measure
from tests.benchmarks.rows import EVERYTHING, QUICK, Row, Selection
from tests.benchmarks.rulesets import write_rules
from tests.benchmarks.sink import running_sink
from tests.benchmarks.stub.process import running_stub

import turnout

URLS = {f"{name}_QUEUE_URL": f"https://sqs.local/1/{name}" for name in ("CRITICAL", "HIGH", "STANDARD")}


def measured(row: Row) -> Measurement:
    with running_stub() as stub, running_sink() as sink:
        return measure(row, stub, sink, loads=2, seconds=0.05, extra={})


def test_the_worker_is_measured_and_its_spans_are_counted() -> None:
    result = measured(Row(targets=3, tracing=1.0))
    assert len(result.loads) == 2
    for load in result.loads:
        assert 20 < load.cpu_us < 20_000
        assert 0 < load.p50_seconds <= load.p99_seconds < 60
        assert 1 <= load.sent <= 10
        assert load.spans > 4
        assert load.per_second > 10
    assert 20 < result.peak_mebibytes < 500
    assert 0 < result.start_seconds < 60


@pytest.mark.parametrize(
    "row",
    [
        Row("tutorial"),
        Row("bare", targets=3, tls=True),
        Row("bare_wire", client="wire"),
        Row("floor"),
        Row("floor", targets=3, tls=True),
    ],
)
def test_the_programs_to_compare_with_are_measured_and_right(row: Row) -> None:
    result = measured(row)
    assert result.median(lambda load: load.cpu_us) > 0
    assert result.median(lambda load: load.received) <= 10


def test_without_go_its_row_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with running_stub() as stub, running_sink() as sink, pytest.raises(RuntimeError, match="go is not installed"):
        measure(Row("bare_go"), stub, sink, loads=1, seconds=0.05, extra={})


def test_rows_that_need_go_are_measured_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--all", "--list"]) == 0
    assert "bare_go" not in capsys.readouterr().out
    assert bench.main(["--program", "bare_go,floor", "--targets", "1", "--list"]) == 0
    listed = capsys.readouterr().out
    assert listed.count("program='bare_go'") == 2
    assert "program='floor'" in listed


def test_a_program_that_ends_early_is_told_with_what_it_said() -> None:
    with (
        running_stub() as stub,
        running_sink() as sink,
        pytest.raises(RuntimeError, match=r"(?s)ended early.*TURNOUT_POLLERS"),
    ):
        measure(Row(), stub, sink, loads=1, seconds=0.05, extra={"TURNOUT_POLLERS": "many"})


def test_messages_that_go_elsewhere_make_a_row_fail() -> None:
    with (
        running_stub() as stub,
        running_sink() as sink,
        pytest.raises(RuntimeError, match=r"standard got 0 messages of 1000; .* dead-lettered"),
    ):
        measure(Row(), stub, sink, loads=1, seconds=0.05, extra={"TURNOUT_REQUIRE": "detail.missing"})


def test_cpu_time_of_another_process_counts_work_and_not_sleep() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "input()\nfor _ in range(20000000): pass\nprint('done', flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            assert child.pid in process_tree(os.getpid())
            before = cpu_seconds([child.pid])
            child.stdin.write(b"\n")
            child.stdin.flush()
            assert child.stdout.readline() == b"done\n"
            busy = cpu_seconds([child.pid])
            time.sleep(0.5)
            assert busy - before > 0.05
            assert cpu_seconds([child.pid]) - busy < 0.25
            assert 2 < peak_mebibytes([child.pid]) < 200
        finally:
            child.kill()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rules", [3, 200])
def test_the_rules_send_each_shape_to_as_many_targets_however_many_rules_there_are(
    shape: int, rules: int, tmp_path: Path
) -> None:
    ruleset = turnout.load_rules(write_rules(tmp_path, rules), environ=URLS)
    assert len(ruleset.rules) == rules
    for event in events(shape, 50, seed=5):
        match = ruleset.match(event)
        assert len(match.targets) == shape
        assert not [rule for rule in match.rules if rule.startswith("rule-")]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_tutorials_conditions_mean_the_same(shape: int) -> None:
    event = json.loads(next(events(shape, 1, seed=5)))
    assert sum(evaluate(condition, event) for condition, _ in RULES) == shape


def test_rows_are_selected_by_value_and_each_stands_once() -> None:
    assert len(set(EVERYTHING)) == len(EVERYTHING)
    assert len(set(QUICK)) == len(QUICK)
    kept = [row for row in EVERYTHING if row in Selection(client=("wire",), tracing=(None, 0.01), tls=(True,))]
    assert {(row.client, row.tracing, row.tls) for row in kept} == {("wire", None, True), ("wire", 0.01, True)}


def test_the_list_of_rows_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--list", "--program", "bare", "--targets", "3"]) == 0
    assert capsys.readouterr().out.count("Row(") == 1


def test_the_steps_of_a_message_are_told_with_their_shares() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.steps", "--targets", "3", "--tracing", "1", "--events", "4000"]
    told = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=True
    )
    for step in ("decode the event and match the rules", "tracing and histograms", "HTTP: hash the body"):
        assert step in told.stdout
    shares = re.findall(r" (\d+\.\d)%", told.stdout)
    assert sum(map(float, shares)) == pytest.approx(100, abs=1)


def test_both_http_parsers_are_measured_on_an_answer_that_they_read_alike(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsers, "ANSWERS", 20)
    parsers.main()
    ours, other = map(float, re.findall(r"([\d.]+) us an answer", capsys.readouterr().out))
    assert 0 < ours < other


def test_each_load_is_scaled_by_the_machine_as_it_was_just_before() -> None:
    with running_stub() as stub, running_sink() as sink:
        result = measure(Row(client="wire"), stub, sink, loads=2, seconds=0.05, extra={})
    assert all(0.5 < load.json_loads_us < 500 for load in result.loads)
    assert len({load.json_loads_us for load in result.loads}) == 2


def test_instructions_are_read_by_library_and_function_those_of_calls_within_calls_together() -> None:
    report = """
--------------------------------------------------------------------------------
Ir
--------------------------------------------------------------------------------
141,080,000 (40.70%)  PROGRAM TOTALS

 1,200,000 (30.00%)  ???:_PyEval_EvalFrameDefault'2 [/usr/lib/libpython3.11.so.1.0]
   300,000 ( 7.50%)  ???:_PyEval_EvalFrameDefault [/usr/lib/libpython3.11.so.1.0]
    90,000 ( 2.25%)  ./string/memmove.S:__memcpy_avx [/lib/libc.so.6]
     7,000 ( 0.10%)  ???:0x00000000000a1b20 [???]
"""
    assert read_counts(report) == {
        ("libpython3", "_PyEval_EvalFrameDefault"): 1_500_000,
        ("libc", "__memcpy_avx"): 90_000,
        ("???", "0x00000000000a1b20"): 7_000,
    }
