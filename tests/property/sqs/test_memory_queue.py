"""Whatever is done to an in-memory queue, it loses nothing, hands nothing out twice at once, and keeps FIFO order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from turnout.sqs.api import OutgoingMessage
from turnout.sqs.memory_queue import MemoryQueue, QueueSettings

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, 2)),
        st.tuples(st.just("receive"), st.integers(1, 4)),
        st.tuples(st.just("delete"), st.integers(0, 5)),
        st.tuples(st.just("hand back"), st.integers(0, 5)),
        st.tuples(st.just("extend"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.integers(1, 40)),
    ),
    max_size=60,
)


@given(STEPS, st.booleans())
def test_a_queue_keeps_its_promises(steps: list[tuple[str, int]], fifo: bool) -> None:
    dead = MemoryQueue(QueueSettings("dead", fifo=fifo))
    queue = MemoryQueue(QueueSettings("q", fifo=fifo, max_receive_count=4), dead)
    now = 1_000_000.0
    held: dict[str, tuple[str, float]] = {}  # body -> newest handle, until when
    sent: list[str] = []
    deleted: list[str] = []
    for step, number in steps:
        if step == "send":
            body = f"{number}:{len(sent)}"
            message = OutgoingMessage(body, group_id=str(number), deduplication_id=body if fifo else None)
            queue.put(message, now)
            sent.append(body)
        elif step == "receive":
            for received in queue.take(now, number):
                assert received.body not in held or held[received.body][1] <= now, "handed out while in flight"
                held[received.body] = (received.handle, now + 30)
                if fifo:
                    assert_is_first_of_its_group(received.body, sent, deleted, held, dead, now)
        elif step == "wait":
            now += number
        elif held:
            body, (handle, until) = list(held.items())[number % len(held)]
            if step == "delete":
                if queue.delete(handle, now) is None:
                    deleted.append(body)
                    del held[body]
            elif queue.change_visibility(handle, 0 if step == "hand back" else 30, now) is None:
                assert until > now, "visibility of a message that was not in flight was changed"
                held[body] = (handle, now if step == "hand back" else now + 30)
        remaining = [stored.message.body for stored in (*queue, *dead)]
        assert sorted(remaining + deleted) == sorted(sent)


def assert_is_first_of_its_group(
    body: str,
    sent: list[str],
    deleted: list[str],
    held: dict[str, tuple[str, float]],
    dead: MemoryQueue,
    now: float,
) -> None:
    group = body.partition(":")[0]
    gone = {*deleted, *(stored.message.body for stored in dead)}
    gone |= {other for other, (_, until) in held.items() if until == now + 30}  # handed out by this very receive
    earlier = [other for other in sent[: sent.index(body)] if other.startswith(f"{group}:")]
    assert all(other in gone for other in earlier)
