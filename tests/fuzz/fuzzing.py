"""Runs atheris on one function for a while, and reads from what it prints what it did and what it found."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.seeds import WORDS, seeds

__all__ = ["INSTALLED", "Outcome", "fuzz"]

INSTALLED = find_spec("atheris") is not None

LONGEST = 4_096
"""Bytes of one input."""
PATIENCE = 20
"""Seconds that one input may take; a rule that takes longer would hang a worker."""
MEMORY = 2_048
"""MB that the process may take."""


class Outcome(NamedTuple):
    """What one run did. `covered` counts edges of the instrumented code, `kept` the inputs that reached new ones."""

    inputs: int
    seconds: int
    covered: int
    kept: int
    finding: Path | None
    """The input that broke something, written to a file."""
    text: str
    """What the fuzzer said, for when something was found, or when it did not run at all."""


def fuzz(function: str, folder: Path, seconds: int, *, grammar: str, beginnings: int = 300, seed: int = 1) -> Outcome:
    """Fuzz `module:function` for some seconds. `folder` keeps what is worth trying again the next time, and findings.

    `grammar` names the seeds, so many `beginnings` of them. The run ends at the first finding.
    """
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    words = folder / "words"
    words.write_text("".join(f"{_quoted(word)}\n" for word in WORDS))
    for number, found in enumerate(seeds(grammar, beginnings)):
        (corpus / f"seed-{number}").write_bytes(found)
    command = [
        *(sys.executable, "-m", "tests.fuzz.one", function, str(corpus), f"-dict={words}"),
        *(
            f"-max_total_time={seconds}",
            f"-artifact_prefix={folder}/",
            f"-seed={seed}",
            f"-max_len={LONGEST}",
            "-len_control=20",
        ),
        *(f"-timeout={PATIENCE}", f"-rss_limit_mb={MEMORY}", "-print_final_stats=1"),
    ]
    done = subprocess.run(command, capture_output=True, timeout=seconds + 120, check=False)
    text = done.stderr.decode(errors="replace") + done.stdout.decode(errors="replace")
    written = re.search(r"Test unit written to (\S+)", text)
    coverage = re.findall(r"cov: (\d+) ft: \d+ corp: (\d+)/", text) or [("0", "0")]
    ended = re.search(r"Done (\d+) runs in (\d+) second", text)
    return Outcome(
        inputs=int(ended[1]) if ended else _units(text),
        seconds=int(ended[2]) if ended else seconds,
        covered=int(coverage[-1][0]),
        kept=int(coverage[-1][1]),
        finding=Path(written[1]) if written else None,
        text=text,
    )


def _units(text: str) -> int:
    counted = re.search(r"stat::number_of_executed_units: (\d+)", text)
    return int(counted[1]) if counted else 0


def _quoted(word: str) -> str:
    """A line of libFuzzer's dictionary."""
    raw = word.encode("utf-8", "replace")
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02X}" for byte in raw)
    return f'"{"".join(plain)}"'
