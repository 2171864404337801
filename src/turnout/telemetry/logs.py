"""Logging with the standard library: JSON lines for machines, readable lines for a terminal.

Every line about a message carries its ids as fields; `about` makes them. Lines that repeat are limited, secrets are
masked, and hostile text cannot forge a line or paint a terminal. What to log is decided where it happens, not here.
"""

from __future__ import annotations

import codecs
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Literal, TextIO, cast

import msgspec

from turnout.account import Account
from turnout.telemetry.records import Matched, Trace, process_span_id
from turnout.telemetry.redaction import MASK, cut, is_secret, redactor

__all__ = ["JsonLines", "Repeats", "TextLines", "about", "configure_logging", "printable_json"]

Redact = Callable[[str], str]

_LONGEST_TEXT = 8_192
_MOST_ITEMS = 100
_DEPTH = 4
"""Of lists and mappings in fields; what is deeper is told as text."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every log record has; what else there is came by `extra`."""
_TALKATIVE = (
    "aioboto3",
    "aiobotocore",
    "asyncio",
    "boto3",
    "botocore",
    "grpc",
    "httpcore",
    "httpx",
    "urllib3",
    "watchfiles",
)
"""Loggers of libraries that say at `info` and `debug` what no operator asked for, bodies and headers included."""


def configure_logging(
    level: str = "info",
    form: Literal["auto", "json", "text"] = "auto",
    *,
    stream: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
    process: int | None = None,
) -> None:
    """Send all log records of the process to `stream` (standard error), replacing what was configured before.

    `auto` means text when the stream is a terminal, and JSON otherwise. Libraries are heard from `warning` on.
    `process` stands on every line as `pid`: several processes may share a stream.
    """
    stream = stream or sys.stderr
    redact = redactor(os.environ if environ is None else environ)
    handler = _Handler(stream)
    # Loaded now: where no file can be opened any more, the very lines that say so would be lost for want of it.
    codecs.lookup("unicode_escape")
    as_text = form == "text" or (form == "auto" and stream.isatty())
    handler.setFormatter(TextLines(redact) if as_text else JsonLines(redact))
    handler.addFilter(Repeats())
    if process is not None:

        def number(record: logging.LogRecord) -> bool:
            record.pid = process
            return True

        handler.addFilter(number)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)


def about(account: Account, **fields: object) -> dict[str, object]:
    """The `extra` of a log line about a message: its ids, as far as they are known, and these further fields."""
    found: dict[str, object] = {"message_id": account.message.id}
    matched = cast("Matched | None", account.match)
    if matched is not None:
        if matched.event_id:
            found["event_id"] = matched.event_id
        if matched.conversation_id:
            found["conversation_id"] = matched.conversation_id
    if isinstance(account.trace, Trace):
        found["trace_id"] = account.trace.id
        found["span_id"] = f"{process_span_id(account):016x}"
    return found | fields


class _Handler(logging.StreamHandler[TextIO]):
    """The standard library's, except that a record it cannot write is not printed, unmasked, to standard error."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        if not isinstance(sys.exc_info()[1], OSError):  # a closed pipe: nobody reads what we would say about it
            sys.stderr.write(f"a log record of {record.name} (line {record.lineno}) could not be formatted\n")


class Repeats(logging.Filter):
    """Lets ten records of a kind through at once and one a second thereafter; the next says how many were held back.

    Records are of a kind when logger, level and unformatted message agree, and the fields that name a cause or a
    place (`code`, `reason`, `target`, `queue`, `rule`).
    """

    _BURST = 10.0
    _PER_SECOND = 1.0
    _MOST_KINDS = 1_000
    _FIELDS = ("code", "reason", "target", "queue", "rule")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[object, ...], list[float]] = {}
        """Per kind: tokens left, time of the last record, records held back."""
        # Several threads log, and a handler's own lock is taken after its filters.
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log this record; sets its `suppressed` field when others were held back before it."""
        values = record.__dict__
        kind = (record.name, record.levelno, str(record.msg), *[str(values.get(name, "")) for name in self._FIELDS])
        with self._lock:
            held_back = self._held_back(kind)
        if held_back:
            record.suppressed = held_back
        return held_back is not None

    def _held_back(self, kind: tuple[object, ...]) -> int | None:
        """How many of this kind were held back before the one that may pass now; None when this one may not."""
        now = self._clock()
        state = self._kinds.pop(kind, None) or [self._BURST, now, 0.0]
        self._kinds[kind] = state  # newest last
        if len(self._kinds) > self._MOST_KINDS:
            del self._kinds[next(iter(self._kinds))]
        state[0] = min(self._BURST, state[0] + (now - state[1]) * self._PER_SECOND)
        state[1] = now
        if state[0] < 1.0:
            state[2] += 1
            return None
        state[0] -= 1.0
        held_back, state[2] = int(state[2]), 0.0
        return held_back


class JsonLines(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, the fields, and `exception` where there is one.

    A field whose name is taken already gets an underscore appended.
    """

    def __init__(self, redact: Redact) -> None:
        super().__init__()
        self._redact = redact
        self._encoder = msgspec.json.Encoder(enc_hook=str)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._safe(_message(record)),
        }
        for name, value in _fields(record).items():
            line[name if name not in line else f"{name}_"] = self._value(value)
        exception = _exception(self, record)
        if exception:
            line["exception"] = self._safe(exception)
        return printable_json(self._encoder.encode(line).decode())

    def _value(self, value: object, depth: int = 0) -> object:
        if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**53):
            return value
        if depth < _DEPTH and isinstance(value, list | tuple | set | frozenset):
            return [self._value(item, depth + 1) for item in islice(value, _MOST_ITEMS)]
        if depth < _DEPTH and isinstance(value, Mapping):
            items = [(str(name), item) for name, item in islice(value.items(), _MOST_ITEMS)]
            return {self._safe(n): MASK if self._hides(n) else self._value(item, depth + 1) for n, item in items}
        return self._safe(str(value))

    def _hides(self, name: str) -> bool:
        """Whether what has this name in a mapping is a secret, as it would be if it stood beside it in text."""
        return MASK in self._redact(f'"{name}": "x"')

    def _safe(self, text: str) -> str:
        return _valid(self._redact(_short(text)))


class TextLines(logging.Formatter):
    """Time, level, logger and message, then the fields as `name=value`; a traceback follows on lines of its own."""

    def __init__(self, redact: Redact) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        local = datetime.fromtimestamp(record.created, UTC).astimezone()
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items() if value not in (None, ""))
        text = f"{_message(record)}{'  ' if fields else ''}{fields.lstrip()}"
        line = f"{local:%H:%M:%S}.{local.microsecond // 1000:03d} {record.levelname.lower():<8}{record.name}: "
        line += _one_line(_valid(self._redact(_short(text))))
        exception = _exception(self, record)
        if exception:
            body = _valid(self._redact(_short(exception)))
            line += "".join(f"\n    {_one_line(part)}" for part in body.splitlines())
        return line


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a library's arguments do not fit its message
        return f"{record.msg} {record.args!r}"


def _fields(record: logging.LogRecord) -> dict[str, object]:
    values = record.__dict__.items()
    return {name: MASK if is_secret(name) else value for name, value in values if name not in _STANDARD}


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback; not kept on the record, where another handler would find it unmasked."""
    parts = []
    if record.exc_info:
        # What lends credentials fails elsewhere: where in its library that is noticed tells nobody anything.
        foreseen = record.name.startswith("aiobotocore.") and logging.getLogger().level > logging.DEBUG
        parts.append(
            "".join(traceback.format_exception_only(record.exc_info[1])).strip()
            if foreseen
            else formatter.formatException(record.exc_info)
        )
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{cut(text, _LONGEST_TEXT)}... ({len(text)} characters)"


def _valid(text: str) -> str:
    """Without lone surrogates, which no encoder takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def printable_json(line: str) -> str:
    """A line of JSON with everything escaped that a terminal could obey: msgspec leaves more than ASCII as it is."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


def _one_line(text: str) -> str:
    """Line ends and control characters as escapes: hostile text must not forge a line or paint the terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
