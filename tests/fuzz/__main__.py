"""`python -m tests.fuzz`: let atheris look for text that breaks the rule language, and tell what was tried.

Exit code 0 when nothing was found, 1 when something was, 2 when atheris is not installed or did not run.
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

from tests.fuzz.fuzzing import INSTALLED, Outcome, fuzz
from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz what the command line asks for, or try one input again."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=[*TARGETS], metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=240, help="for all of them together (default: 240)")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer's random choices (default: 1)")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="for inputs and findings")
    parser.add_argument("--try", type=Path, dest="again", metavar="FILE", help="try this input on the targets, no more")
    options = parser.parse_args()
    unknown = [name for name in options.targets if name not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]!r}; they are {', '.join(TARGETS)}")
    if options.again:
        for name in options.targets:
            TARGETS[name](options.again.read_bytes())
            print(f"{name}: holds")
        return
    if not INSTALLED:
        print("atheris is not installed here, so nothing was fuzzed; it has wheels for CPython on Linux, x86_64")
        sys.exit(2)
    sys.exit(_run(options.targets, max(1, options.seconds // len(options.targets)), options.folder, options.seed))


def _run(targets: list[str], seconds: int, folder: Path, seed: int) -> int:
    print(f"atheris {version('atheris')}, {seconds} s for each target; inputs and findings are kept in {folder}\n")
    print("target        seconds     inputs   covered   kept   found")
    code = 0
    for name in targets:
        outcome = fuzz(
            f"{TARGETS[name].__module__}:{TARGETS[name].__name__}", folder / name, seconds, grammar=name, seed=seed
        )
        print(
            f"{name:12} {outcome.seconds:8} {outcome.inputs:10,} {outcome.covered:9,} {outcome.kept:6,}   "
            f"{outcome.finding.name if outcome.finding else 'nothing' if outcome.inputs else 'did not run'}",
            flush=True,
        )
        code = max(code, _told(name, outcome))
    return code


def _told(name: str, outcome: Outcome) -> int:
    """Show what was found; the exit code."""
    if outcome.finding is None and outcome.inputs:
        return 0
    print(_exception(outcome.text))
    if outcome.finding is None:
        return 2
    print(f"\nThe input: {outcome.finding.read_bytes()!r}")
    print(f"Try it again: python -m tests.fuzz {name} --try {outcome.finding}\n")
    return 1


def _exception(text: str) -> str:
    """The exception that ended the run, or the last lines when there was none (a hang, too much memory)."""
    _, found, rest = text.partition("=== Uncaught Python exception: ===")
    return rest.partition("==")[0].strip() if found else "\n".join(text.splitlines()[-15:])


if __name__ == "__main__":
    main()
