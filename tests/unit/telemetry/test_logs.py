"""Log lines: their form, their fields, what they must not say, and how often they may say it."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.telemetry.stories import TRACE, TRACEPARENT, Sink, Story, text

from turnout.telemetry.logs import JsonLines, Repeats, TextLines, about, configure_logging
from turnout.telemetry.redaction import MASK, redactor
from turnout.telemetry.tracing import LateTracing

log = logging.getLogger("turnout.test")

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLETOKEN==",
    "GENESYS_CLIENT_SECRET": "tq9-genesys-secret",
    "TURNOUT_STATUS_TOKEN": "status-page-token",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=otel-header-key,x-team=integration-team",
}
SECRET_VALUES = [
    *[value for name, value in SECRETS.items() if not name.startswith("OTEL")],
    "otel-header-key",
    "integration-team",
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the root logger, which pytest uses as well, as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)


def configured(
    form: Literal["auto", "json", "text"] = "json", level: str = "info", stream: io.StringIO | None = None
) -> io.StringIO:
    stream = stream or io.StringIO()
    configure_logging(level, form, stream=stream, environ=SECRETS)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_has_time_level_logger_message_and_fields() -> None:
    stream = configured()
    log.warning("dead-lettered: %s", "INVALID_JSON", extra={"message_id": "m-1", "attempts": 3, "owed": ("a", "b")})
    (line,) = lines(stream)
    moment = str(line.pop("time"))
    assert moment.endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "turnout.test",
        "message": "dead-lettered: INVALID_JSON",
        "message_id": "m-1",
        "attempts": 3,
        "owed": ["a", "b"],
    }


def test_lists_and_mappings_in_a_field_stay_what_they_are() -> None:
    stream = configured()
    log.info("round over", extra={"results": {"parked": 92, "archived": 3, 7: ["a", None]}, "deep": [[[[["x"]]]]]})
    (line,) = lines(stream)
    assert line["results"] == {"parked": 92, "archived": 3, "7": ["a", None]}
    assert line["deep"] == [[[["['x']"]]]]


def test_secrets_and_contact_data_in_a_mapping_are_masked_by_name_and_by_look() -> None:
    stream = configured()
    headers = {
        "Authorization": "Bearer abcdef123456",
        "Cookie": "session=1",
        "Date": "today",
        "from": "tel:+4930123456",
    }
    log.info("refused", extra={"headers": headers, "nested": {"more": [{"client_secret": 7}]}})
    (line,) = lines(stream)
    assert line["headers"] == {"Authorization": MASK, "Cookie": MASK, "Date": "today", "from": MASK}
    assert line["nested"] == {"more": [{"client_secret": MASK}]}


def test_a_traceback_stays_on_its_json_line() -> None:
    stream = configured()
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("it failed")
    (line,) = lines(stream)
    assert "ValueError: two\nlines" in str(line["exception"])


@pytest.mark.parametrize(("level", "traced"), [("info", False), ("debug", True)])
def test_credentials_that_cannot_be_refreshed_are_told_without_the_way_through_the_library(
    level: str, traced: bool
) -> None:
    stream = configured("json", level)
    try:
        raise PermissionError("not this role")
    except PermissionError:
        logging.getLogger("aiobotocore.credentials").warning("Refreshing failed", exc_info=True)
    (line,) = lines(stream)
    assert str(line["exception"]).endswith("PermissionError: not this role")
    assert ("Traceback" in str(line["exception"])) is traced


def test_a_field_cannot_replace_what_every_line_has() -> None:
    stream = configured()
    log.info("true", extra={"time": "then", "level": "none", "logger": "other"})
    (line,) = lines(stream)
    assert (line["message"], line["level"], line["logger"]) == ("true", "info", "turnout.test")
    assert (line["time_"], line["level_"], line["logger_"]) == ("then", "none", "other")


def test_auto_is_text_on_a_terminal_and_json_elsewhere() -> None:
    terminal = configured("auto", stream=Terminal())
    log.info("hello", extra={"message_id": "m-1"})
    assert terminal.getvalue().endswith(" info    turnout.test: hello  message_id=m-1\n")
    pipe = configured("auto")
    log.info("hello")
    assert lines(pipe)[0]["message"] == "hello"


def test_text_cannot_forge_a_line_nor_paint_the_terminal() -> None:
    stream = configured("text")
    log.info("body of %s", "x\n12:00:00.000 error   turnout: forged\x1b[2J\u202e", extra={"queue": "a\r\nb"})
    assert len(stream.getvalue().splitlines()) == 1
    assert "\\n12:00" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()
    assert "queue=a\\r\\nb" in stream.getvalue()


def test_json_lines_paint_no_terminal_either_and_stay_json() -> None:
    stream = configured("json")
    log.info("body", extra={"event_id": "a\x9b2J\x7f\u2028\u202e\U000e0001é"})
    assert stream.getvalue().strip().isprintable()
    assert lines(stream)[0]["event_id"] == "a\x9b2J\x7f\u2028\u202e\U000e0001é"


def test_a_traceback_in_text_follows_indented() -> None:
    stream = configured("text")
    try:
        raise ValueError("no")
    except ValueError:
        log.exception("it failed")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("turnout.test: it failed")
    assert rest[-1] == "    ValueError: no"


def test_the_level_holds_and_libraries_are_heard_from_warning_on() -> None:
    stream = configured(level="debug")
    log.debug("ours")
    logging.getLogger("botocore.auth").debug("theirs")
    logging.getLogger("botocore.auth").warning("theirs, and it matters")
    assert [line["message"] for line in lines(stream)] == ["ours", "theirs, and it matters"]
    stream = configured(level="error")
    log.warning("ours")
    logging.getLogger("botocore.auth").warning("theirs")
    assert lines(stream) == []


def test_configuring_twice_logs_once() -> None:
    configured()
    stream = configured()
    log.info("once")
    assert len(lines(stream)) == 1


def test_warnings_of_python_are_logged() -> None:
    stream = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old thing", stacklevel=1)
    assert "old thing" in str(lines(stream)[0]["message"])


def test_a_message_whose_arguments_do_not_fit_is_still_logged() -> None:
    stream = configured()
    log.info("%d events", "many")
    assert lines(stream)[0]["message"] == "%d events ('many',)"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("tq9-genesys-secret")


def test_a_record_that_cannot_be_formatted_is_named_and_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    stream = configured()
    log.info("tq9-genesys-secret", extra={"thing": Unprintable()})
    assert lines(stream) == []
    said = capsys.readouterr().err
    assert said.startswith("a log record of turnout.test (line ")
    assert "secret" not in said


def test_a_line_end_is_escaped_also_where_no_file_can_be_opened_any_more() -> None:
    script = """
import logging, resource
from turnout.telemetry.logs import configure_logging
configure_logging(form="text", environ={})
logging.getLogger("turnout").info("first")
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
logging.getLogger("turnout").error("one\\ntwo")
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr
    assert "one\\ntwo" in said


def test_a_very_long_text_is_cut() -> None:
    stream = configured()
    log.info("x" * 1_000_000)
    assert lines(stream)[0]["message"] == "x" * 8_192 + "... (1000000 characters)"


def test_a_very_long_text_is_not_cut_within_a_secret() -> None:
    secret = "correct-horse-battery"
    redact = redactor({"TURNOUT_HTTP_TOKEN": secret})
    for begun in range(1, len(secret)):
        said = f"{'x' * (8_191 - begun)} {secret} and more"
        for form in (JsonLines(redact), TextLines(redact)):
            assert secret[:2] not in form.format(logging.makeLogRecord({"msg": said, "name": "test"}))


def test_a_line_about_a_message_carries_its_ids() -> None:
    story = Story(LateTracing(Sink()))
    (account,) = story.receive(attributes={"traceparent": text(TRACEPARENT)})
    assert about(account) == {
        "message_id": "message-0",
        "trace_id": TRACE,
        "span_id": f"{account.span_id:016x}",
    }
    story.route(account, "a")
    assert about(account, target="a") == {
        "message_id": "message-0",
        "event_id": "event-1",
        "conversation_id": "conversation-1",
        "trace_id": TRACE,
        "span_id": f"{account.span_id:016x}",
        "target": "a",
    }


# --- What must not be said -------------------------------------------------------------------------------------------

LEAKS = [
    *SECRET_VALUES,
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "tel:+4930123456",
    "+4930123456",
    "+49 (0) 30 123456-78",
    "+1 (415) 555-0100",
    "tel:+44 20 7946 0958",
    "sip:agent.smith@example.org;transport=tls",
    "jane.doe+spam@mail.example.co.uk",
]
NAMED = [
    ("Authorization: Bearer abcdef123456", "abcdef123456"),
    ("authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
    ('{"Authorization": "Bearer abcdef123456"}', "abcdef123456"),
    ("https://sqs.example/1/q?X-Amz-Signature=0123abcd&X-Amz-Security-Token=FwoGZ", "0123abcd"),
    ("https://sqs.example/1/q?X-Amz-Signature=0123abcd&X-Amz-Security-Token=FwoGZ", "FwoGZ"),
    ("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/sqs/aws4_request, Signature=5d672d79", "5d672d79"),
    ("x-amz-security-token: FwoGZXIvYXdzE", "FwoGZXIvYXdzE"),
    ("authorization: ApiKey hunter2", "hunter2"),
    ("Authorization: Token hunter2", "hunter2"),
    ("https://a.blob.core.windows.net/c/b?sp=r&sig=hunter2%3D&se=2026", "hunter2"),
    ("https://a.azurewebsites.net/api/hook?code=hunter2", "hunter2"),
    ("proxy redis://:hunter2@cache.example:6379 refused", "hunter2"),
    ("grant_type=client_credentials&client_secret=hunter2", "hunter2"),
    ('{"access_token": "hunter2", "token_type": "bearer"}', "hunter2"),
    ("{'password': 'hunter 2'}", "hunter 2"),
    ("aws_secret_access_key = hunter2", "hunter2"),
    ("Server=db;Uid=turnout;Pwd=hunter2;", "hunter2"),
    ("AccountName=store;AccountKey=hunter2;EndpointSuffix=example", "hunter2"),
    ("proxy http://user:hunter2@proxy.example:3128 refused", "hunter2"),
    ("cookie: session=hunter2", "hunter2"),
    ("cookie: language=en; session=hunter2", "hunter2"),
    ("authorization=hunter2", "hunter2"),
    ("{b'authorization': b'hunter2'}", "hunter2"),
    ("proxy http://user:p@hunter2@proxy.example:3128 refused", "hunter2"),
    ("client_key_passphrase=hunter2", "hunter2"),
    ('{"password": "a\\"hunter2"}', "hunter2"),
    ('{"password": "hunter 2', "hunter 2"),
    (json.dumps({"said": json.dumps({"clientSecret": 'a"hunter2', "status": 400})}), "hunter2"),
    (json.dumps({"said": json.dumps({"said": json.dumps({"Authorization": "hunter2"})})}), "hunter2"),
    ("invalid XML: <Credentials><SecretAccessKey>hunter2</SecretAccessKey><SessionTok", "hunter2"),
]


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("leak", LEAKS)
def test_secrets_and_contact_data_are_masked_wherever_they_stand(leak: str, form: Literal["json", "text"]) -> None:
    stream = configured(form)
    try:
        raise ValueError(f"refused {leak}")
    except ValueError:
        log.exception("first %s then", leak, extra={"where": f"at {leak} .", "listed": [leak]})
    logging.getLogger("aiobotocore").warning("endpoint %s", leak)
    assert leak not in stream.getvalue()
    assert MASK in stream.getvalue()


@pytest.mark.parametrize(("sentence", "secret"), NAMED)
def test_what_is_named_a_secret_is_masked_with_its_name_kept(sentence: str, secret: str) -> None:
    redacted = redactor({})(sentence)
    assert secret not in redacted
    assert MASK in redacted
    assert sentence.split()[0].partition("=")[0].partition(":")[0] in redacted


def test_of_a_secret_that_begins_as_another_does_nothing_is_left_over() -> None:
    redact = redactor({"A_TOKEN": "correct-horse", "B_TOKEN": "correct-horse-battery"})
    assert redact("said correct-horse-battery, correct-horse") == f"said {MASK}, {MASK}"


def test_a_secret_out_of_a_file_that_ends_with_a_line_break_is_masked_without_it() -> None:
    assert redactor({"HOOK_TOKEN": "correct-horse\n"})("said correct-horse.") == f"said {MASK}."


def test_the_folders_that_every_shell_names_are_no_secrets_though_their_variables_sound_so() -> None:
    redact = redactor({"PWD": "/etc/turnout", "OLDPWD": "/home/operator", "DB_PWD": "correct-horse"})
    assert (
        redact("/etc/turnout/rules, not /home/operator: correct-horse")
        == f"/etc/turnout/rules, not /home/operator: {MASK}"
    )


def test_a_field_with_the_name_of_a_secret_is_masked_whatever_it_holds() -> None:
    stream = configured()
    log.info("signed in", extra={"access_token": "abc", "clientSecret": 12345})
    (line,) = lines(stream)
    assert (line["access_token"], line["clientSecret"]) == (MASK, MASK)


@pytest.mark.parametrize(
    "sentence",
    [
        "SendMessageBatch orders: ExpiredToken: The security token included in the request is expired",
        "ReceiveMessage orders: SignatureDoesNotMatch: The request signature we calculated does not match",
        "cannot receive from https://sqs.eu-west-1.amazonaws.com/123456789012/orders, next try in 1.5 s",
        "rules/10-priority.yaml:4:9: critical-priority: E102 unknown key 'wehn', did you mean 'when'?",
        "conversation 3f2b1c64-1d2e-4f5a-8b9c-0d1e2f3a4b5c took 12345678901 ns at 2026-01-01T10:00:00+0000",
        "the token bucket is empty: waiting",
        "Mon Nov 30 10:00:00 +0000 2026 to 2026-11-30T10:00:00+01:00, a backlog of +12 345",
    ],
)
def test_ordinary_sentences_are_left_alone(sentence: str) -> None:
    assert redactor(SECRETS)(sentence) == sentence


@given(st.text(max_size=300))
def test_masking_twice_changes_nothing(text: str) -> None:
    redact = redactor(SECRETS)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "hostile",
    [
        *["a-", "secret", "secret-", "@.", "a@b.", "+1", "x://", "token = ", "password='", "sip:", "eyJaaaaaaaa."],
        *[
            "<secret",
            "<secret>",
            f"<{'a' * 64}",
            "cookie: a;",
            "cookie=a; b=",
            "secret=\\",
            'secret=\\\\"',
            'token="a\\',
        ],
        *["x://a:", "x://a:@", "-eyJaaaaaaaa"],
    ],
)
def test_no_text_makes_masking_slow(hostile: str) -> None:
    redact = redactor(SECRETS)
    text = (hostile * 131_072)[:131_072]
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 5  # what looks back from each place to the beginning takes longer


@given(st.text(), st.dictionaries(st.text(min_size=1, max_size=8), st.text() | st.integers() | st.floats()))
def test_whatever_is_logged_a_line_is_one_line(message: str, fields: dict[str, object]) -> None:
    record = logging.makeLogRecord({"name": "turnout", "msg": message, "levelname": "INFO"})
    standard = set(record.__dict__)
    record.__dict__.update({name: value for name, value in fields.items() if name not in standard})
    line = JsonLines(redactor({})).format(record)
    assert "\n" not in line
    assert isinstance(json.loads(line), dict)
    assert len(TextLines(redactor({})).format(record).splitlines()) == 1


# --- How often ------------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(message: str = "failed %s", **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "turnout", "levelno": logging.WARNING, "msg": message, **fields})


def test_repeats_are_held_back_after_ten_and_the_next_says_how_many() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    assert [repeats.filter(record()) for _ in range(15)] == [True] * 10 + [False] * 5
    clock.now = 1.0
    later = record()
    assert repeats.filter(later)
    assert later.__dict__["suppressed"] == 5
    assert not repeats.filter(record())
    clock.now = 100.0
    assert [repeats.filter(record()) for _ in range(15)].count(True) == 10


def test_different_messages_and_different_causes_are_not_repeats() -> None:
    repeats = Repeats(Clock())
    for _ in range(20):
        repeats.filter(record(code="AccessDenied"))
    assert repeats.filter(record(code="QueueDoesNotExist"))
    assert repeats.filter(record("something else"))


def test_the_memory_of_repeats_is_bounded() -> None:
    repeats = Repeats(Clock())
    for number in range(5_000):
        assert repeats.filter(record(f"message {number}"))
    assert len(repeats._kinds) == 1_000
    assert sys.getsizeof(repeats._kinds) < 100_000


def test_threads_that_log_at_a_time_do_not_trip_over_the_memory_of_repeats() -> None:
    repeats, wrong = Repeats(), []

    def log_much(first: int) -> None:
        try:
            for number in range(20_000):
                fields = {"msg": "failed", "rule": str((number * 7 + first) % 3_000)}
                repeats.filter(logging.makeLogRecord(fields))
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever logs would get it
            wrong.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=log_much, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_several_processes_that_share_a_stream_are_told_apart() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream=stream, environ={}, process=4711)
    logging.getLogger("turnout.test").info("stopped")
    assert json.loads(stream.getvalue())["pid"] == 4711
