"""deploy/Dockerfile as data: its stages and their instructions. Knows as much of the format as that file uses."""

from __future__ import annotations

import fnmatch
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"

KEYWORDS = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "HEALTHCHECK", "LABEL", "RUN", "USER", "WORKDIR"}


class Instruction(NamedTuple):
    """One instruction: `flags` are the words with `--` before the rest; `rest` has its continuation lines joined."""

    keyword: str
    flags: tuple[str, ...]
    rest: str

    def words(self) -> list[str]:
        """The rest as words: of the JSON form the words themselves, else as a shell splits them."""
        return [str(word) for word in json.loads(self.rest)] if self.rest.startswith("[") else shlex.split(self.rest)

    def command(self) -> list[str]:
        """What a RUN, CMD, ENTRYPOINT or the CMD of a HEALTHCHECK executes."""
        return self.words() if self.rest.startswith("[") else ["/bin/sh", "-c", self.rest]

    def pairs(self) -> dict[str, str]:
        """The names and values of an ENV, a LABEL or an ARG with a default."""
        return dict(word.split("=", 1) for word in self.words())


class Stage(NamedTuple):
    """One stage of the build."""

    base: str
    name: str
    instructions: tuple[Instruction, ...]

    def all(self, keyword: str) -> list[Instruction]:
        return [each for each in self.instructions if each.keyword == keyword]

    def one(self, keyword: str) -> Instruction:
        (found,) = self.all(keyword)
        return found


def read_stages() -> list[Stage]:
    """The stages of deploy/Dockerfile, in order; what it has before them are defaults for the names of their bases."""
    stages: list[Stage] = []
    defaults: dict[str, str] = {}
    for each in _instructions():
        if each.keyword == "FROM":
            base, _, name = each.rest.partition(" AS ")
            stages.append(Stage(Template(base).substitute(defaults), name, ()))
        elif not stages:
            assert each.keyword == "ARG", each
            defaults.update(each.pairs())
        else:
            last = stages[-1]
            stages[-1] = last._replace(instructions=(*last.instructions, each))
    return stages


def _instructions() -> Iterator[Instruction]:
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        keyword, _, rest = line.partition(" ")
        assert keyword in KEYWORDS, keyword
        flags = []
        while rest.lstrip().startswith("--"):
            flag, _, rest = rest.lstrip().partition(" ")
            flags.append(flag)
        yield Instruction(keyword, tuple(flags), rest.strip())


def health_check() -> list[str]:
    """What the image runs to find out whether the worker is alive."""
    rest = read_stages()[-1].one("HEALTHCHECK").rest
    return [str(word) for word in json.loads(rest.removeprefix("CMD").strip())]


def copied_from_here() -> set[str]:
    """Every path of this repository that a stage copies, without a slash at the end."""
    return {
        path.rstrip("/")
        for stage in read_stages()
        for each in stage.all("COPY")
        if not each.flags
        for path in each.words()[:-1]
    }


def sent(path: str) -> bool:
    """Whether the builder gets the file of that relative path at all."""
    lines = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    verdict = True
    for line in lines:
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            parts = path.split("/")
            heads = ["/".join(parts[: n + 1]) for n in range(len(parts))]
            if pattern.startswith("**/"):
                hit = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
            else:
                hit = any(fnmatch.fnmatchcase(head, pattern) for head in heads)
            if hit:
                verdict = line.startswith("!")
    return verdict
