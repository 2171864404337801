"""What can be the address of a target, by its kind, and what of it may be shown. No I/O."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from turnout.rules.model import Kind

__all__ = ["address_problem", "without_secrets"]

_NO_QUEUE = re.compile(r"[\s:$%{}<>]")
"""What stands in no name of a queue, but in ARNs and in references as others write them."""
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}(\.fifo)?")
_QUEUE_URL = re.compile(rf"https?://[^/\s@]+(/[^/\s?#]+)*/{_QUEUE_NAME.pattern}")
_ARN = re.compile(r"arn:[^:\s]+:[^:\s]+:[^:\s]*:[^:\s]*:\S+")
_TWO_SCHEMES = re.compile(r"https?://https?:?//")
_FOUR_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_LONGEST_NAME = 254
"""With the dot at its end."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_SERVICES = {Kind.TOPIC: "sns", Kind.BUS: "events", Kind.STATE_MACHINE: "states"}
_ARNS = {
    Kind.TOPIC: "arn:aws:sns:eu-west-1:123456789012:alerts",
    Kind.STATE_MACHINE: "arn:aws:states:eu-west-1:123456789012:stateMachine:calls",
}
"""What the ARN of those kinds looks like that are named by nothing else."""


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
    if kind in _ARNS and not _ARN.fullmatch(text):
        return f"it is an ARN, such as {_ARNS[kind]}"
    service = _SERVICES.get(kind)
    if service and text.startswith("arn:") and text.split(":", 3)[2:3] != [service]:
        return f"it is the ARN of something else, a {kind.replace('_', ' ')}'s has '{service}' in it"
    return ""


def without_secrets(url: str) -> str:
    """Scheme, host and port. People put keys into every other part: for many a web hook the path is the secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "/..." if parts.path.strip("/") else "", "", ""))


def _queue_problem(text: str) -> str:
    if "://" in text:
        likeness = "its URL looks like https://sqs.eu-west-1.amazonaws.com/123456789012/events"
        return _url_problem(text) if _QUEUE_URL.fullmatch(text) else f"{likeness}, with nothing before or behind it"
    if _NO_QUEUE.search(text):
        no_arn = ", not its ARN" if _ARN.fullmatch(text) else "; an environment reference is written ${NAME}"
        return f"give its URL or its name{no_arn}"
    return "" if _QUEUE_NAME.fullmatch(text) else "a queue's name has at most 80 of A-Z, a-z, 0-9, '-' and '_'"


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
