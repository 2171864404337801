"""The emulators of AWS that the tests use, and how each is started. What each cannot do is said by the tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.servers.processes import Server, start_server

_SCRIPTS = Path(sys.executable).parent


def ministack() -> AbstractContextManager[Server]:
    """SQS, S3 and DynamoDB; fast."""
    return start_server(
        "ministack",
        lambda port: [str(_SCRIPTS / "ministack")],
        lambda port: {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SERVICES": "sqs,s3,dynamodb"},
    )


def moto() -> AbstractContextManager[Server]:
    """Nearly everything of AWS, but only about 100 SQS messages a second: keep queues short."""
    return start_server("moto", lambda port: [str(_SCRIPTS / "moto_server"), "-H", "127.0.0.1", "-p", str(port)])


def roto() -> AbstractContextManager[Server]:
    """SQS in Rust; fast, the third opinion."""
    return start_server("roto", lambda port: [str(_SCRIPTS / "roto-server"), "--port", str(port), "--ephemeral"])


EMULATORS: dict[str, Callable[[], AbstractContextManager[Server]]] = {
    "ministack": ministack,
    "moto": moto,
    "roto": roto,
}

_PROGRAMS = {"ministack": "ministack", "moto": "moto_server", "roto": "roto-server"}


def absent(name: str) -> bool:
    """Whether the emulator is not installed beside this Python."""
    return not (_SCRIPTS / _PROGRAMS[name]).exists()
