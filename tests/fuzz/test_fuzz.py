"""Coverage-guided fuzzing of the rule language: a slice of it here, as much of it as you like by `make fuzz`."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest
from tests.fuzz.fuzzing import INSTALLED, fuzz
from tests.fuzz.seeds import GRAMMARS, seeds
from tests.fuzz.targets import TARGETS

SECONDS = 5
"""For each target: starting up takes as long again."""
HAS_WHEEL = platform.system() == "Linux" and platform.machine() == "x86_64" and sys.version_info < (3, 15)

needs_atheris = pytest.mark.skipif(
    not (INSTALLED or HAS_WHEEL), reason="atheris is not installed: it has wheels for Linux on x86_64 only"
)


def breaks(data: bytes) -> None:
    """A mistake for the fuzzer to find: in the rules' own parser, behind a word of the dictionary."""
    TARGETS["expression"](data)
    assert not data.startswith(b"wildcard")


def test_every_target_has_a_grammar() -> None:
    assert [*TARGETS] == [*GRAMMARS]


@pytest.mark.parametrize("target", TARGETS)
def test_targets_hold_for_what_their_grammars_make(target: str) -> None:
    made = seeds(target, 60)
    assert len(made) > 30
    assert made == seeds(target, 60), "the seeds are the same ones every time"
    for data in made:
        TARGETS[target](data)


NO_TEXT = (b"", b"\xff\xfe", b"\x00")
REPEATED = (
    *(b"[", b"[[", b"(", b"{", b"a", b"'", b"not ", b"x in [", b"x in [(", b"any(a,", b"lower(", b"a==1 and ", b"a<"),
    *(b"a.", b"a[", b"a['", b"$..", b"a[?(", b"*", b"\\", b"- ", b"- - ", b"a: ", b"&a ", b"*a ", b"\n"),
    *(b'{"a":', b'{"$or":['),
)
NO_GRAMMAR = [*NO_TEXT, *(word * (8_000 // len(word)) for word in REPEATED)]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("data", NO_GRAMMAR, ids=lambda data: repr(data[:12]))
def test_targets_hold_for_what_no_grammar_makes(target: str, data: bytes) -> None:
    TARGETS[target](data)
    TARGETS["engine"](b"detail.x == 1\n\n" + data)
    TARGETS["rule-file"](b"unmatched: drop\ntargets: {a: {queue: a}}\nrules: [{id: a, send: [a], when: " + data)
    TARGETS["rule-file"](b"unmatched: drop\ntargets: {a: {queue: a}}\nrules: [{id: a, send: [a], pattern: " + data)


@needs_atheris
@pytest.mark.parametrize("target", TARGETS)
def test_atheris_finds_nothing_that_breaks_a_target(target: str, tmp_path: Path) -> None:
    outcome = fuzz(f"tests.fuzz.targets:{TARGETS[target].__name__}", tmp_path, SECONDS, grammar=target, beginnings=100)
    assert outcome.finding is None, f"{outcome.text}\nthe input: {outcome.finding.read_bytes()!r}"
    assert outcome.inputs > 100, outcome.text
    assert outcome.covered > 100, f"the rules were not instrumented: {outcome.text}"
    print(f"{target}: {outcome.inputs} inputs, {outcome.covered} edges")


@needs_atheris
def test_atheris_would_find_a_mistake(tmp_path: Path) -> None:
    outcome = fuzz("tests.fuzz.test_fuzz:breaks", tmp_path, 60, grammar="expression", beginnings=100)
    assert outcome.finding is not None
    assert outcome.finding.read_bytes().startswith(b"wildcard")
    assert "AssertionError" in outcome.text
