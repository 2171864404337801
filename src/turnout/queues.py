"""How queues are named: by URL, by a bare name, by ARN; and whether two of these mean one queue. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

__all__ = [
    "QUEUE_NAME",
    "arn_name",
    "is_queue_url",
    "lacks_a_part",
    "queue_key",
    "queue_name",
    "queue_names",
    "queue_url",
]

QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}(\.fifo)?")
_URL = re.compile(rf"https?://[^/\s@]+(/[^/\s?#@]+)*/{QUEUE_NAME.pattern}")
_LACKS_A_PART = re.compile(r"https?://([^/]+(/queue/[^/]+)?/[0-9]{12}|[^/]+\.amazonaws\.com(\.cn)?/[^/]+)/?")
"""Behind the host, or the region that emulators have there, is an account's number alone; or at Amazon's, one part."""


def is_queue_url(url: str) -> bool:
    """Whether a queue's URL may look so. Whether its host and its port can be is not looked at."""
    return bool(_URL.fullmatch(url)) and not lacks_a_part(url)


def lacks_a_part(url: str) -> bool:
    """Whether of the account and the queue's name, which end a queue's URL, only one is there."""
    return bool(_LACKS_A_PART.fullmatch(url))


def queue_name(url: str) -> str:
    """The last path segment of a queue URL, which is the queue's name (`messaging.destination.name`)."""
    return url.rstrip("/").rpartition("/")[2]


def arn_name(arn: str) -> str:
    """What is called by this ARN: its last part, without the version or alias of a function or a state machine."""
    kind, _, name = arn.split(":", 5)[-1].partition(":")
    return name.partition(":")[0] if kind in ("function", "stateMachine") else re.split("[:/]", arn)[-1]


def queue_names(urls: Sequence[str]) -> dict[str, str]:
    """What to call each of these queues: by name, and those that share one by server, account and name."""
    shared = Counter(map(queue_name, urls))
    return {url: queue_name(url) if shared[queue_name(url)] == 1 else url.partition("://")[2] for url in urls}


def queue_url(name_or_url: str, *, beside: str) -> str:
    """A queue's URL. A bare name is a queue of the same account and region as the queue whose URL is `beside`."""
    if "://" in name_or_url:
        return name_or_url
    return f"{beside.rstrip('/').rpartition('/')[0]}/{name_or_url}"


_REGION = r"(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d+)"
_HOST_WITH_REGION = re.compile(
    rf"(?:[a-z0-9-]+\.)?sqs(?:-fips)?\.{_REGION}\..+|{_REGION.replace('region', 'old')}\.queue\..+"
)
_PATH_WITH_REGION = re.compile(rf"queue/{_REGION}/(?P<queue>[^/]+/[^/]+)")


def queue_key(url: str) -> str:
    """What all spellings of one queue's URL (or its ARN) have in common, to find out whether two are the same.

    Where the URL has the region, that, the account and the name: those are the same at every endpoint. Otherwise the
    host and the port, as far as they can be written in several ways. To be compared, and to be shown to nobody.
    """
    if url.startswith("arn:"):
        return "/".join(url.split(":", 5)[3:])
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    path = "/".join(filter(None, parts.path.split("/")))
    if found := _HOST_WITH_REGION.fullmatch(host):
        return f"{found['region'] or found['old']}/{path}"
    if host in ("queue.amazonaws.com", "queue.amazonaws.com.cn"):
        return f"{'cn-north-1' if host.endswith('.cn') else 'us-east-1'}/{path}"
    if found := _PATH_WITH_REGION.fullmatch(path):
        return f"{found['region']}/{found['queue']}"
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # no port at all: whoever connects will say so
        return url
    return f"{'127.0.0.1' if host in ('localhost', '::1') else host}:{port}/{path}"
