"""What one call to SQS costs the client: CPU microseconds of this process, for both clients, plain and with TLS.

    python -m tests.benchmarks.sqs_calls

Batches of ten events of 1.5 KB against the stub, 32 calls at a time; the median of several rounds. The stub runs in a
process of its own and does not count.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import uvloop
from tests.benchmarks.events import EVENT_BYTES, events
from tests.benchmarks.machine import describe, json_loads_us
from tests.benchmarks.stub.process import Stub, running_stub

from turnout.sqs.aio import open_aio_sqs
from turnout.sqs.api import OutgoingMessage, Sqs
from turnout.sqs.digests import body_md5
from turnout.sqs.session import AwsConfig
from turnout.sqs.wire.client import open_wire_sqs

CLIENTS: dict[str, tuple[Callable[[AwsConfig], AbstractAsyncContextManager[Sqs]], int]] = {
    "aioboto3": (open_aio_sqs, 400),
    "wire": (open_wire_sqs, 4_000),
}
AT_ONCE = 32
ROUNDS = 5


def main() -> None:
    """Print one table."""
    os.environ.update(AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="secret", AWS_EC2_METADATA_DISABLED="true")
    print("\n".join(describe()))
    print(
        f"json.loads of one event: {json_loads_us():.1f} us; batches of 10 x {EVENT_BYTES} bytes, {AT_ONCE} at once\n"
    )
    print(f"{'CPU us per call':<16}{'receive':>10}{'send':>10}{'delete':>10}")
    with running_stub() as stub:
        for client in CLIENTS:
            for tls in (False, True):
                costs = uvloop.run(measure(stub, client, tls))
                label = f"{client}{', TLS' if tls else ''}"
                print(f"{label:<16}" + "".join(f"{cost:>10.1f}" for cost in costs), flush=True)


async def measure(stub: Stub, client: str, tls: bool) -> list[float]:
    """Microseconds for a receive, a send and a delete."""
    opener, calls = CLIENTS[client]
    os.environ["AWS_CA_BUNDLE"] = str(stub.ca)
    url = stub.tls_url if tls else stub.url
    queue, sink = f"{url}{stub.queue('source')}", f"{url}{stub.queue('sink', sink=True)}"
    # As the pipeline sends: what was received goes on, with the digest that was verified on the way in.
    batch = [OutgoingMessage(body, body_md5=body_md5(body)) for body in events(1, 10, seed=1)]
    rounds: list[list[float]] = []
    async with opener(AwsConfig(region="us-east-1", endpoint_url=url)) as sqs:
        for number in range(ROUNDS + 1):
            await asyncio.to_thread(fill, stub, calls * 10)
            handles: list[list[str]] = []

            async def receive() -> None:
                handles.append([message.handle for message in await sqs.receive(queue, wait_seconds=1)])  # noqa: B023

            costs = [
                await cost(receive, calls),
                await cost(lambda: sqs.send(sink, batch), calls),
                await cost_of_deletes(sqs, queue, handles),
            ]
            if number:  # the first round opens connections
                rounds.append(costs)
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def fill(stub: Stub, count: int) -> None:
    """Put events into the source queue."""
    stub.queue("source")
    stub.load("source", count, shape=1, seed=2)
    stub.release("source")


async def cost(call: Callable[[], Awaitable[object]], count: int) -> float:
    """CPU microseconds of this process per call."""

    async def some() -> None:
        for _ in range(count // AT_ONCE):
            await call()

    begun = time.process_time()
    async with asyncio.TaskGroup() as group:
        for number in range(AT_ONCE):
            group.create_task(some(), name=f"caller-{number}")
    return (time.process_time() - begun) / (count // AT_ONCE * AT_ONCE) * 1e6


async def cost_of_deletes(sqs: Sqs, queue: str, handles: list[list[str]]) -> float:
    """CPU microseconds per delete of ten."""

    async def delete() -> None:
        failures = await sqs.delete(queue, handles.pop())
        assert not failures

    return await cost(delete, len(handles))


if __name__ == "__main__":
    main()
