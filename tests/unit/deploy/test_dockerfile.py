"""deploy/Dockerfile, checked without an engine: what it copies exists and is sent, and the image runs as it should."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"

Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """Keyword and arguments of each instruction, continuation lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(keyword, rest.strip()) for keyword, _, rest in (line.partition(" ") for line in joined.splitlines())]


def stages() -> list[list[Instruction]]:
    found: list[list[Instruction]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def arguments(stage: list[Instruction], keyword: str) -> list[str]:
    return [rest for name, rest in stage if name == keyword]


def copied_from_here() -> set[str]:
    sources: set[str] = set()
    for stage in stages():
        for rest in arguments(stage, "COPY"):
            if not rest.startswith("--from="):
                sources.update(path.rstrip("/") for path in rest.split()[:-1])
    return sources


def test_there_are_two_stages_on_the_same_pinned_slim_base() -> None:
    bases = [stage[0][1].split()[0] for stage in stages()]
    assert len(bases) == 2
    assert bases[0] == bases[1], "the virtual environment moves from one to the other"
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", bases[0])


def test_everything_that_is_copied_exists() -> None:
    assert copied_from_here()
    for path in copied_from_here():
        assert (ROOT / path).exists(), path


def test_everything_that_is_copied_is_sent_to_the_builder_and_nothing_else() -> None:
    ignore = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().split("\n")
    assert "*" in ignore
    sent = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    assert sent == copied_from_here()
    assert any(fnmatch.fnmatch("src/turnout.egg-info", pattern.replace("**/", "*")) for pattern in ignore if pattern)


def test_everything_the_wheel_needs_is_there_when_it_is_built() -> None:
    build = " ".join(arguments(stages()[0], "COPY"))
    for path in ("pyproject.toml", "README.md", "LICENSE", "src/", "rules/", "constraints.txt"):
        assert path in build.split()
    install = next(rest for rest in arguments(stages()[0], "RUN") if "install" in rest)
    assert '"--constraint", "constraints.txt"' in install


def test_no_shell_stands_between_docker_and_the_worker() -> None:
    final = stages()[-1]
    assert [json.loads(rest) for rest in arguments(final, "ENTRYPOINT")] == [["turnout"]]
    assert [json.loads(rest) for rest in arguments(final, "CMD")] == [["run"]]
    assert arguments(final, "RUN") == []


def test_the_image_does_not_run_as_root() -> None:
    (user,) = arguments(stages()[-1], "USER")
    uid, _, gid = user.partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert stages()[-1].index(("USER", user)) > max(
        index for index, (keyword, _) in enumerate(stages()[-1]) if keyword == "COPY"
    )


def test_the_rules_are_where_the_worker_looks_for_them() -> None:
    final = stages()[-1]
    (environment,) = arguments(final, "ENV")
    assert "TURNOUT_RULES=/etc/turnout/rules" in environment.split()
    assert "rules/ /etc/turnout/rules/" in arguments(final, "COPY")
