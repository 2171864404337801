"""What reading one HTTP answer costs: the parser that the wire client uses, and the one it does not.

    python -m tests.benchmarks.parsers

The answer is a ReceiveMessage of ten events, as it comes from a socket in pieces of 64 KiB; median of several rounds.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import h11
import httptools
from tests.benchmarks.events import events
from tests.benchmarks.machine import REFERENCE_US, json_loads_us

PIECE = 65_536
ROUNDS, ANSWERS = 9, 500


class _Answer:
    """Keeps what httptools calls it with, as the wire client does."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, part: bytes) -> None:
        self.body.append(part)

    def on_message_complete(self) -> None:
        self.complete = True


def by_httptools(pieces: list[bytes]) -> bytes:
    """The body, by httptools (llhttp)."""
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    for piece in pieces:
        parser.feed_data(piece)
    assert answer.complete
    return b"".join(answer.body)


def by_h11(pieces: list[bytes]) -> bytes:
    """The body, by h11 (Python)."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "sqs"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    body = []
    for piece in pieces:
        connection.receive_data(piece)
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return b"".join(body)
    raise AssertionError("the answer is not complete")


def main() -> None:
    """Print one line per parser."""
    body = json.dumps({"Messages": [{"Body": event} for event in events(1, 10, seed=1)]}).encode()
    head = (
        b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 7d1f1d4c-5d4b-5a1b-8a0f-4c1f0f1d2c3b\r\n"
        b"Date: Sat, 28 Nov 2026 09:00:00 GMT"
        b"\r\nContent-Type: application/x-amz-json-1.0\r\nconnection: keep-alive\r\nContent-Length: %d\r\n\r\n"
    ) % len(body)
    whole = head + body
    pieces = [whole[start : start + PIECE] for start in range(0, len(whole), PIECE)]
    for name, parse in (("httptools", by_httptools), ("h11", by_h11)):
        assert parse(pieces) == body
        print(f"{name:<10} {cost(parse, pieces):6.1f} us an answer of {len(whole)} bytes")
    print(f"json.loads {json_loads_us():6.1f} us an event; {REFERENCE_US} on the machine of reference")


def cost(parse: Callable[[list[bytes]], bytes], pieces: list[bytes]) -> float:
    """CPU microseconds an answer."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(ANSWERS):
            parse(pieces)
        rounds.append((time.process_time() - begun) / ANSWERS * 1e6)
    return statistics.median(rounds)


if __name__ == "__main__":
    main()
