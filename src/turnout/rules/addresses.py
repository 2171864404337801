"""What can be the address of a target, by its kind, and what of it may be shown. No I/O."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from turnout.queues import QUEUE_NAME, is_queue_url, lacks_a_part
from turnout.rules.model import Kind

__all__ = ["address_problem", "without_secrets"]

_NO_QUEUE = re.compile(r"[\s:$%{}<>]")
"""What stands in no name of a queue, but in ARNs and in references as others write them."""
_ARN = re.compile(r"arn:[^:\s]+:[^:\s]+:[^:\s]*:[^:\s]*:\S+")
_TWO_SCHEMES = re.compile(r"https?://https?:?//")
_FOUR_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_LONGEST_NAME = 254
"""With the dot at its end."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_PLACE = "[^:\\s]*:[^:\\s]*"
_ARNS = {
    Kind.TOPIC: (
        re.compile(rf"arn:[^:\s]+:sns:{_PLACE}:[A-Za-z0-9_-]{{1,256}}(\.fifo)?"),
        "arn:aws:sns:eu-west-1:123456789012:alerts",
    ),
    Kind.BUS: (
        re.compile(rf"arn:[^:\s]+:events:{_PLACE}:event-bus/[A-Za-z0-9_./-]{{1,256}}"),
        "arn:aws:events:eu-west-1:123456789012:event-bus/calls",
    ),
    Kind.STATE_MACHINE: (
        re.compile(rf"arn:[^:\s]+:states:{_PLACE}:stateMachine:[^:/\s]{{1,80}}(:[^:/\s]{{1,80}})?"),
        "arn:aws:states:eu-west-1:123456789012:stateMachine:calls",
    ),
}
"""What the ARN of each kind consists of, and what one looks like."""
_BUS_NAME = re.compile(r"(?!event-bus/|rule/)[A-Za-z0-9_./-]{1,256}")


def address_problem(kind: Kind, text: str) -> str:
    """Why a text cannot be the address of such a target, told without the text; empty when it can."""
    if not text.strip():
        return "it is empty"
    if "${" in text:
        return "an environment reference is written ${NAME} or ${NAME:-default}"
    if kind is Kind.QUEUE:
        return _queue_problem(text)
    if kind is Kind.URL:
        return _url_problem(text)
    known, likeness = _ARNS[kind]
    if known.fullmatch(text):
        return ""
    if _ARN.fullmatch(text):
        return f"it is the ARN of something else, a {kind.replace('_', ' ')}'s looks like {likeness}"
    if kind is Kind.BUS:
        return "" if _BUS_NAME.fullmatch(text) else f"give its name, or its ARN, such as {likeness}"
    return f"it is an ARN, such as {likeness}"


def without_secrets(url: str) -> str:
    """Scheme, host and port. People put keys into every other part: for many a web hook the path is the secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "/..." if parts.path.strip("/") else "", "", ""))


def _queue_problem(text: str) -> str:
    if "://" in text:
        if is_queue_url(text):
            return _url_problem(text)
        likeness = "its URL looks like https://sqs.eu-west-1.amazonaws.com/123456789012/events"
        if lacks_a_part(text):
            return f"the account or the queue's name is missing, {likeness}"
        return f"{likeness}, with nothing before or behind it"
    if _NO_QUEUE.search(text):
        no_arn = ", not its ARN" if _ARN.fullmatch(text) else "; an environment reference is written ${NAME}"
        return f"give its URL or its name{no_arn}"
    return "" if QUEUE_NAME.fullmatch(text) else "a queue's name has at most 80 of A-Z, a-z, 0-9, '-' and '_'"


def _url_problem(text: str) -> str:
    """Never says what is in the URL: for many an endpoint that is the secret."""
    if not text.startswith(("https://", "http://")):
        return "it begins with https:// or http://"
    if _TWO_SCHEMES.match(text):
        return "https:// or http:// stands in it twice"
    if _UNPRINTABLE.search(text):
        return "there is a line break or another control character in it"
    if text[-1].isspace():
        return "it ends with a space"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "its host or its port cannot be"
    if not host:
        return "it names no host"
    return "" if port != 0 and _can_be_host(host) else "its host or its port cannot be"


def _can_be_host(host: str) -> bool:
    """Whether a name could be looked up, or is an address: what is no host fails at each message, and says little."""
    if ":" in host:  # an IPv6 address, which urlsplit has looked at
        return True
    if _FOUR_NUMBERS.fullmatch(host):
        return all(int(part) < 256 for part in host.split("."))
    try:
        name = host.encode("idna").decode()
    except UnicodeError:  # a label that is empty or too long, or a character that no name has
        return False
    return len(name) <= _LONGEST_NAME and bool(_HOST_NAME.fullmatch(name))
