"""The Lambda function that recovers: `turnout.serverless.recovery.handler`, called for batches of a dead-letter queue.

Settings are those of `turnout dlq` and of Genesys, from the environment. The mapping must report batch item failures,
and the queue needs a redrive policy of its own: to it goes what a person has to look at. See docs/serverless.md.
"""

from __future__ import annotations

from typing import Any

from turnout.serverless.container import Container
from turnout.serverless.events import Context, Response, messages_of, partial_response, seconds_left
from turnout.serverless.log import naming_request
from turnout.serverless.measuring import counted_lines, print_lines
from turnout.serverless.opening import Opened, open_recovery

__all__ = ["handler"]


def handler(event: Any, context: Context) -> Response:
    """Recover the letters of one call; the answer names those that are to stay in the queue.

    Raises `InvalidEvent`, and whatever keeps recovery from opening: then Lambda keeps the whole batch.
    """

    async def work(opened: Opened) -> Response:
        queues = (opened.settings.queue,) if opened.settings.queue else ()
        messages = messages_of(event, queues)
        failed = await opened.recovery.recover(messages, seconds_left(context))
        counts = opened.recovery.take_counts()
        print_lines(counted_lines("turnout.recovered", "outcome", counts))
        return partial_response(failed)

    with naming_request(context):
        return _container.run(work)


_container = Container(open_recovery)
_container.open_early()
