"""Builds deploy/Dockerfile without an engine: each instruction is done by hand, in a root file system of its own.

A stage's root holds nothing of this repository but what the Dockerfile copies. The base image is this machine: its
/usr and Python are mounted read-only, its /etc is copied. So what is found out is whether a file or a dependency is
missing, and whether the worker lives as that user on a root that it cannot write to; not what else the real base image
has or lacks.

Needs root and mount namespaces (`possible` says why not). No mount outlives the process that it was made for.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import NamedTuple

from tests.image.dockerfile import ROOT, Instruction, Stage, read_stages, sent

_BASE_PATH = f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin"
_FROM_HERE = ("PIP_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy")
"""Variables that say how this machine reaches its package index."""
_STEP_SECONDS = 100


def impossible() -> str:
    """Why images cannot be built by hand here; empty when they can."""
    if os.geteuid() != 0:
        return "building the image by hand needs root"
    missing = [name for name in ("unshare", "mount", "chroot", "setpriv") if shutil.which(name) is None]
    if missing:
        return f"building the image by hand needs {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no mount namespace is to be had: {tried.stderr.strip()}"


class Image(NamedTuple):
    """A built image: its root, and the last stage's instructions."""

    root: Path
    stage: Stage

    def environment(self) -> dict[str, str]:
        """The variables that the image sets."""
        return _environment(self.stage)

    def command(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        read_only: bool = True,
        volumes: Mapping[str, str] | None = None,
    ) -> tuple[list[str], dict[str, str]]:
        """Arguments and environment for `subprocess`, so that `command` runs in the image, as its user.

        `volumes` are directories of this machine and where they are mounted.

        Signals to that process reach the command itself. It has no capability and cannot get any.
        """
        user, _, group = self.stage.one("USER").rest.partition(":")
        dropped = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        as_user = ["setpriv", f"--reuid={user}", f"--regid={group}", *dropped, "--", *command]
        return _inside(self.root, as_user, read_only=read_only, binds=volumes), {**self.environment(), **environment}


def build(scratch: Path) -> Image:
    """Do every instruction of every stage below `scratch`. Raises `AssertionError` with what a failed step printed."""
    built: dict[str, Path] = {}
    for number, stage in enumerate(read_stages()):
        root = scratch / f"stage-{number}"
        _prepare(root)
        directory = "/"
        for each in stage.instructions:
            match each.keyword:
                case "WORKDIR":
                    directory = each.rest
                    _host(root, directory).mkdir(parents=True, exist_ok=True)
                case "COPY":
                    _copy(each, root, directory, built)
                case "RUN":
                    _run(each, root, directory, _environment(stage), scratch)
        built[stage.name] = root
    return Image(root, stage)


def _environment(stage: Stage) -> dict[str, str]:
    environment = {"PATH": _BASE_PATH}
    for each in stage.all("ENV"):
        environment |= {name: Template(value).safe_substitute(environment) for name, value in each.pairs().items()}
    return environment


def _prepare(root: Path) -> None:
    for name in ("dev", "proc", "tmp", "root", "usr", "etc", "opt"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    _host(root, sys.base_prefix).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        here = Path("/", name)
        if here.is_symlink():
            (root / name).symlink_to(here.readlink())
        elif here.exists():
            (root / name).mkdir()
    # What is mounted over /etc is read-only; the image's own part of it gets a place in it.
    shutil.copytree("/etc", root / "etc", symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("shadow*"))


def _inside(
    root: Path, command: Sequence[str], *, read_only: bool, binds: Mapping[str, str] | None = None
) -> list[str]:
    """A command that mounts the machine below `root` in a namespace of its own, goes there, and becomes `command`."""
    mounts = [f"mount --bind {shlex.quote(str(root))} {shlex.quote(str(root))}"]
    for path in ("/usr", "/bin", "/sbin", "/lib", "/lib64", sys.base_prefix):
        if Path(path).exists() and not _host(root, path).is_symlink():
            target = shlex.quote(str(_host(root, path)))
            mounts += [f"mount --bind {shlex.quote(path)} {target}", f"mount -o remount,bind,ro {target}"]
    mounts += [f"mount --rbind {path} {shlex.quote(str(_host(root, path)))}" for path in ("/dev", "/proc")]
    for source, path in (binds or {}).items():
        mounts.append(f"mount --bind {shlex.quote(source)} {shlex.quote(str(_host(root, path)))}")
    if read_only:
        mounts.append(f"mount -o remount,bind,ro {shlex.quote(str(root))}")
    script = "set -e\n" + "\n".join(mounts) + f'\nexec {shutil.which("chroot")} {shlex.quote(str(root))} "$@"'
    return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh", *command]


def _run(each: Instruction, root: Path, directory: str, environment: dict[str, str], scratch: Path) -> None:
    binds = {}
    for flag in each.flags:
        options = dict(option.split("=", 1) for option in flag.removeprefix("--mount=").split(","))
        assert options["type"] == "cache", flag
        # The user's own cache serves as the builder's: both spare the index.
        cache = Path.home() / options["target"].removeprefix("/root/")
        cache.mkdir(parents=True, exist_ok=True)
        _host(root, options["target"]).mkdir(parents=True, exist_ok=True)
        binds[str(cache)] = options["target"]
    from_here = {name: value for name, value in os.environ.items() if name.startswith(_FROM_HERE)}
    there = ["/bin/sh", "-c", f'cd {shlex.quote(directory)} && exec "$@"', "sh", *each.command()]
    done = subprocess.run(
        _inside(root, there, read_only=False, binds=binds),
        env={"HOME": "/root", **from_here, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_STEP_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"RUN {each.rest}\n{done.stdout}{done.stderr}"


def _copy(each: Instruction, root: Path, directory: str, built: Mapping[str, Path]) -> None:
    *sources, target = each.words()
    there = _host(root, target if target.startswith("/") else f"{directory}/{target}")
    from_stage = next((flag.removeprefix("--from=") for flag in each.flags if flag.startswith("--from=")), None)
    for source in sources:
        origin = _host(built[from_stage], source) if from_stage else ROOT / source
        if origin.is_dir():
            shutil.copytree(origin, there, symlinks=True, dirs_exist_ok=True, ignore=None if from_stage else _unsent)
        else:
            assert from_stage or sent(source), f"{source} is not sent to the builder"
            there.mkdir(parents=True, exist_ok=True)
            shutil.copy2(origin, there)
    owner = next((flag.removeprefix("--chown=") for flag in each.flags if flag.startswith("--chown=")), "")
    if owner:
        uid, _, gid = owner.partition(":")
        for path in (there, *there.rglob("*")):
            os.chown(path, int(uid), int(gid), follow_symlinks=False)


def _unsent(folder: str, names: list[str]) -> set[str]:
    inside = Path(folder).relative_to(ROOT)
    return {name for name in names if not sent(str(inside / name))}


def _host(root: Path, path: str) -> Path:
    return root / path.lstrip("/")
