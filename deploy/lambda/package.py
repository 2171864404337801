#!/usr/bin/env python3
"""Builds the zip file of the Lambda functions: Turnout, what it needs, and the rules. Needs Python 3.11 and pip.

    python3 deploy/lambda/package.py --architecture arm64 --out turnout-lambda.zip

The dependencies are the versions of constraints.txt, as wheels for Lambda's system (manylinux, Amazon Linux 2023); none
is built here. The same input gives the same bytes, so that deploying again changes nothing. Everything is compiled
beforehand, because Lambda cannot keep compiled files, if this is run by the functions' version of Python; by another it
builds a file that works, but each cold start compiles. boto3 and botocore are packed although Lambda's runtime has
them: aiobotocore fits one narrow range of versions, and Lambda's changes without notice. Of botocore's descriptions of
AWS's services only those that Turnout calls are packed.
"""

from __future__ import annotations

import argparse
import base64
import compileall
import hashlib
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Quotas (Lambda developer guide, "Lambda quotas"): unzipped with all layers, and zipped in a direct upload.
UNZIPPED_LIMIT = 250 * 1024 * 1024
UPLOAD_LIMIT = 50 * 1024 * 1024

# Amazon Linux 2023 has glibc 2.34.
GLIBC = ("2_34", "2_31", "2_28", "2_27", "2_26", "2_24", "2_17")
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}

# Every AWS service that some part of Turnout makes a client for, and those that credentials come from.
SERVICES = frozenset(
    ("dynamodb", "events", "iam", "kms", "lambda", "s3", "sns", "sqs", "sso", "sso-oidc", "stepfunctions", "sts")
)

# What Turnout's own wheel is built of.
SOURCE = ("LICENSE", "README.md", "pyproject.toml", "rules", "src")

# Files that no function reads.
USELESS_SUFFIXES = (".pyi", ".pyx", ".pxd", ".c", ".h", ".a")
USELESS_FOLDERS = ("tests", "test", "__pycache__")
# WHEEL names the version of the tool that built ours: the newest, so the bytes would differ by the day.
USELESS_FILES = ("RECORD", "WHEEL", "direct_url.json", "REQUESTED")

# The zip format knows no earlier time, and builds must not differ by theirs.
EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> int:
    """Build, check, say what was built."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="turnout-lambda-") as scratch:
        content = Path(scratch, "content")
        install(content, Path(scratch), options.architecture, options.python)
        strip(content)
        add_rules(content, options.rules)
        if compiled := options.python == f"{sys.version_info.major}.{sys.version_info.minor}":
            compile_all(content)
        size = sum(path.stat().st_size for path in content.rglob("*") if path.is_file())
        if size > UNZIPPED_LIMIT:
            print(f"too large for Lambda: {_mib(size)} unzipped, the limit is {_mib(UNZIPPED_LIMIT)}", file=sys.stderr)
            return 1
        pack(content, options.out)
    zipped = options.out.stat().st_size
    digest = hashlib.sha256(options.out.read_bytes()).digest()
    print(f"{options.out}: {_mib(zipped)}, {_mib(size)} unzipped (limit {_mib(UNZIPPED_LIMIT)})")
    print(f"runtime python{options.python}, architecture {options.architecture}")
    print(f"CodeSha256 {base64.b64encode(digest).decode()}")
    if zipped > UPLOAD_LIMIT:
        print(f"more than {_mib(UPLOAD_LIMIT)} zipped: upload it through S3")
    if not compiled:
        print(f"not compiled, cold starts take longer: run this with Python {options.python}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--architecture", choices=sorted(MACHINES), default="arm64", help="the function's (arm64)")
    parser.add_argument("--python", default="3.13", help="the function's runtime, without python (3.13)")
    parser.add_argument("--rules", type=Path, default=ROOT / "rules", help="folder of rule files (./rules)")
    parser.add_argument("--out", type=Path, default=Path("turnout-lambda.zip"), help="file to write")
    options = parser.parse_args()
    if not options.rules.is_dir():
        parser.error(f"{options.rules} is no folder")
    if options.out.is_dir():
        parser.error(f"{options.out} is a folder: name the file to write")
    return options


def install(content: Path, scratch: Path, architecture: str, python: str) -> None:
    """Install Turnout and what it needs into `content`, for another machine than this one, maybe."""
    # From a copy, because building leaves files behind, which the next build would pick up.
    source = scratch / "source"
    for name in SOURCE:
        target = source / name
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    _pip("wheel", "--no-deps", "--wheel-dir", str(scratch), str(source))
    (wheel,) = scratch.glob("turnout-*.whl")
    platforms = [f"--platform=manylinux_{glibc}_{MACHINES[architecture]}" for glibc in GLIBC]
    platforms.append(f"--platform=manylinux2014_{MACHINES[architecture]}")
    # What is installed beside this pip is not in the zip file: it conflicts with nothing.
    _pip(
        "install", "--target", str(content), "--no-warn-conflicts",
        "--only-binary=:all:", "--no-compile", "--implementation=cp",
        f"--python-version={python}", *platforms, "--constraint", str(ROOT / "constraints.txt"), str(wheel),
    )  # fmt: skip


def strip(content: Path) -> None:
    """Take out what no function reads. What says which version is installed stays: libraries look for it."""
    for name in ("bin", "share", "include"):
        shutil.rmtree(content / name, ignore_errors=True)
    for service in (content / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)
    shutil.rmtree(content / "boto3" / "examples", ignore_errors=True)
    for folder in sorted(content.rglob("*"), reverse=True):
        if folder.is_dir() and folder.name in USELESS_FOLDERS:
            shutil.rmtree(folder)
    for path in content.rglob("*"):
        if path.suffix in USELESS_SUFFIXES or path.name in USELESS_FILES:
            path.unlink()


def add_rules(content: Path, rules: Path) -> None:
    """Put the rule files where the functions look for them. Tables of tests, in a folder beside them, stay here."""
    shutil.copytree(rules, content / "rules", ignore=shutil.ignore_patterns(*USELESS_FOLDERS))


def compile_all(content: Path) -> None:
    """Compile everything. Lambda's code folder is read-only: without this, every cold start compiles anew."""
    if not compileall.compile_dir(
        content, quiet=1, workers=1, stripdir=str(content), prependdir="/var/task",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    ):  # fmt: skip
        raise SystemExit("some files do not compile: see above")


def pack(content: Path, out: Path) -> None:
    """Write the zip file: sorted, without times and owners, so that the same content gives the same bytes."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in content.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(content).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Lambda runs the code as another user, who must be able to read it.
            entry.external_attr = (0o755 if ".so" in path.suffixes else 0o644) << 16
            archive.writestr(entry, path.read_bytes())


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"pip {arguments[0]} failed: see above")


def _mib(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB"


if __name__ == "__main__":
    sys.exit(main())
