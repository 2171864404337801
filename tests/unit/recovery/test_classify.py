"""The shipped table row by row, the order in which evidence is asked, and what an operator's own table may change."""

import json
from importlib.resources import files
from typing import Any

import pytest
import yaml
from tests.unit.recovery import letters, samples
from tests.unit.recovery.letters import BODY

from turnout.failures import Reason
from turnout.message import Attribute
from turnout.recovery import Cause, Disposition, default_causes, load_causes, read_letter
from turnout.recovery.causes import CausesError

SHIPPED: dict[str, Any] = yaml.safe_load(files("turnout.recovery").joinpath("causes.yaml").read_text("utf-8"))

ROWS = {
    "turnout": """
        INVALID_JSON PAYLOAD_MALFORMED permanent
        NOT_AN_OBJECT PAYLOAD_MALFORMED permanent
        TOO_DEEP PAYLOAD_MALFORMED permanent
        MISSING_FIELD PAYLOAD_MALFORMED permanent
        UNMATCHED NOT_ROUTED needs-fix
        MESSAGE_TOO_LARGE PAYLOAD_TOO_LARGE permanent
        MESSAGE_REJECTED PAYLOAD_MALFORMED permanent
        ACCESS_DENIED AUTHENTICATION_REJECTED needs-fix
        QUEUE_MISSING TARGET_MISSING needs-fix
        RETRIES_EXHAUSTED ENDPOINT_UNREACHABLE transient
        LETTER_UNREADABLE LETTER_UNREADABLE unknown
        INTERNAL_ERROR INTERNAL_ERROR unknown""",
    "eventbridge": """
        CONNECTION_FAILURE ENDPOINT_UNREACHABLE transient
        CROSS_ACCOUNT_INGESTION_FAILED ENDPOINT_UNREACHABLE transient
        EVENTS_IN_BATCH_REQUEST_REJECTED ENDPOINT_UNREACHABLE transient
        INTERNAL_ERROR INTERNAL_ERROR transient
        RESOURCE_LIMIT_EXCEEDED RATE_LIMIT_EXCEEDED transient
        RESOURCE_MODIFICATION_COLLISION CONFLICT transient
        THROTTLING RATE_LIMIT_EXCEEDED transient
        TIMEOUT ENDPOINT_UNREACHABLE transient
        SDK_CLIENT_ERROR UNKNOWN unknown
        NO_PERMISSIONS AUTHENTICATION_REJECTED needs-fix
        NO_RESOURCE TARGET_MISSING needs-fix
        RESOURCE_ALREADY_EXISTS CONFLICT needs-fix
        CROSS_REGION_INGESTION_FAILED CONFIGURATION_WRONG needs-fix
        FAILED_TO_ASSUME_ROLE AUTHENTICATION_REJECTED needs-fix
        TRANSIENT_ASSUME_ROLE AUTHENTICATION_REJECTED transient
        ERROR_FROM_TARGET TARGET_FAILED permanent
        INVALID_JSON PAYLOAD_MALFORMED permanent
        INVALID_PARAMETER CONFIGURATION_WRONG permanent
        THIRD_ACCOUNT_HOP_DETECTED CONFIGURATION_WRONG permanent
        THIRD_REGION_HOP_DETECTED CONFIGURATION_WRONG permanent
        UNKNOWN UNKNOWN unknown""",
    "eventbridge-bus-v2": """
        CUSTOMER_VALIDATION CONFIGURATION_WRONG needs-fix
        ACCESS_DENIED AUTHENTICATION_REJECTED needs-fix
        RESOURCE_NOT_FOUND TARGET_MISSING needs-fix
        INPUT_TRANSFORMATION_FAILURE PAYLOAD_MALFORMED permanent
        THROTTLING RATE_LIMIT_EXCEEDED transient
        EXECUTION_TIMEOUT ENDPOINT_UNREACHABLE transient
        REQUEST_TOO_LARGE PAYLOAD_TOO_LARGE permanent
        PARTIAL_BATCH_FAILURE TARGET_FAILED transient
        RESOURCE_CONFLICT CONFLICT transient
        KMS_INVALID_STATE CONFIGURATION_WRONG needs-fix
        SFN_TYPE_NOT_SUPPORTED CONFIGURATION_WRONG needs-fix
        COMPUTE_EXECUTION_ERROR TARGET_FAILED transient
        INVOCATION_DEPENDENCY_INTERNAL INTERNAL_ERROR transient
        LOOP_DETECTED CONFIGURATION_WRONG permanent
        INTERNAL_SERVER_ERROR INTERNAL_ERROR transient""",
    "lambda": """
        RetriesExhausted TARGET_FAILED unknown
        EventAgeExceeded ENDPOINT_UNREACHABLE transient
        FunctionError TARGET_FAILED unknown
        RetryAttemptsExhausted TARGET_FAILED unknown
        MaximumRecordAgeExceeded TARGET_FAILED unknown""",
}
EXPECTED = [(vocabulary, *row.split()) for vocabulary, rows in ROWS.items() for row in rows.strip().split("\n")]

SAY_NOTHING = "it went wrong"


def verdict(message: dict[str, Any]) -> tuple[Cause, Disposition]:
    letter = read_letter(message)
    return letter.cause, letter.disposition


def coded(vocabulary: str, code: str) -> dict[str, Any]:
    if vocabulary == "turnout":
        return letters.own(reason=code, message=SAY_NOTHING)
    if vocabulary == "eventbridge":
        return letters.rule(code, SAY_NOTHING)
    if vocabulary == "eventbridge-bus-v2":
        return letters.bus_v2(code, ["e"])
    if code == "FunctionError":
        return letters.lambda_async(SAY_NOTHING)
    return letters.message(letters.destination_text(SAY_NOTHING, condition=code))


@pytest.mark.parametrize(("vocabulary", "code", "cause", "disposition"), EXPECTED)
def test_a_code_alone_means_what_its_row_says(vocabulary: str, code: str, cause: str, disposition: str) -> None:
    assert verdict(coded(vocabulary, code)) == (cause, disposition)


def test_every_row_of_the_shipped_table_is_tested_above() -> None:
    shipped = {(name, code) for name, rows in SHIPPED["codes"].items() for code in rows}
    assert shipped == {(vocabulary, code) for vocabulary, code, _, _ in EXPECTED}
    assert {code for vocabulary, code, _, _ in EXPECTED if vocabulary == "turnout"} == set(Reason)


@pytest.mark.parametrize(
    ("status", "cause", "disposition"),
    [
        (302, "CONFIGURATION_WRONG", "needs-fix"),
        (400, "PAYLOAD_MALFORMED", "permanent"),
        (401, "AUTHENTICATION_REJECTED", "needs-fix"),
        (403, "AUTHENTICATION_REJECTED", "needs-fix"),
        (404, "TARGET_MISSING", "needs-fix"),
        (405, "CONFIGURATION_WRONG", "needs-fix"),
        (407, "AUTHENTICATION_REJECTED", "needs-fix"),
        (408, "ENDPOINT_UNREACHABLE", "transient"),
        (409, "CONFLICT", "transient"),
        (410, "TARGET_MISSING", "needs-fix"),
        (413, "PAYLOAD_TOO_LARGE", "permanent"),
        (415, "PAYLOAD_MALFORMED", "permanent"),
        (418, "PAYLOAD_MALFORMED", "permanent"),
        (422, "PAYLOAD_MALFORMED", "permanent"),
        (423, "CONFLICT", "transient"),
        (425, "ENDPOINT_UNREACHABLE", "transient"),
        (429, "RATE_LIMIT_EXCEEDED", "transient"),
        (500, "TARGET_FAILED", "transient"),
        (451, "AUTHENTICATION_REJECTED", "needs-fix"),
        (501, "CONFIGURATION_WRONG", "needs-fix"),
        (503, "ENDPOINT_UNREACHABLE", "transient"),
        (599, "ENDPOINT_UNREACHABLE", "transient"),
    ],
)
def test_a_client_error_of_eventbridge_is_judged_by_the_status_in_its_message(
    status: int, cause: str, disposition: str
) -> None:
    text = f"Unable to invoke ApiDestination endpoint: Request failed with status code {status}"
    assert verdict(letters.rule("SDK_CLIENT_ERROR", text)) == (cause, disposition)


def test_every_status_of_the_shipped_table_is_one_that_can_be_found() -> None:
    for name, row in SHIPPED["statuses"].items():
        status = str(name).replace("xx", "98")
        found = default_causes().text(f"status code {status}")
        assert found is not None, status
        assert (found.cause, found.disposition) == (row["cause"], row["disposition"])
        assert found.because == f"HTTP status {status} in the error message"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("503 Server Error: Service Unavailable for url: https://crm/", "503"),
        ("429 rate limit exceeded", "429"),
        ("HTTP/1.1 502 Bad Gateway", "502"),
        ("HTTP 403", "403"),
        ("upstream said: HTTPError: 401 Unauthorized", "401"),
        ("Status: 404", "404"),
        ("status_code=413", "413"),
        ("Error 409 while saving", "409"),
    ],
)
def test_a_status_is_found_where_a_message_speaks_of_one(text: str, status: str) -> None:
    found = default_causes().text(text)
    assert found is not None
    assert found.because == f"HTTP status {status} in the error message"


@pytest.mark.parametrize(
    "text",
    ["called +1 429 555 0100", "(host='crm', port=443)", "took 503 ms", "id 4290a401", "4291 things"],
)
def test_a_bare_number_is_no_status(text: str) -> None:
    assert default_causes().text(text) is None


@pytest.mark.parametrize(
    ("text", "name", "cause", "disposition"),
    [
        ("ClientError: ThrottlingException", "throttled", "RATE_LIMIT_EXCEEDED", "transient"),
        ("Rate Exceeded.", "throttled", "RATE_LIMIT_EXCEEDED", "transient"),
        ("TooManyRequestsException", "throttled", "RATE_LIMIT_EXCEEDED", "transient"),
        ("User is not authorized to perform sqs:SendMessage", "not permitted", "AUTHENTICATION_REJECTED", "needs-fix"),
        ("AccessDeniedException", "not permitted", "AUTHENTICATION_REJECTED", "needs-fix"),
        ("certificate verify failed", "certificate", "CONFIGURATION_WRONG", "needs-fix"),
        ("Task timed out after 3.00 seconds", "no answer", "ENDPOINT_UNREACHABLE", "transient"),
        ("Connection refused", "no answer", "ENDPOINT_UNREACHABLE", "transient"),
        ("getaddrinfo ENOTFOUND crm.internal", "no answer", "ENDPOINT_UNREACHABLE", "transient"),
        ("The specified queue does not exist.", "no such thing", "TARGET_MISSING", "needs-fix"),
        ("Message too large", "too large", "PAYLOAD_TOO_LARGE", "permanent"),
        ("JSONDecodeError: Expecting value: line 1", "malformed", "PAYLOAD_MALFORMED", "permanent"),
        ("KeyError: 'detail'", "malformed", "PAYLOAD_MALFORMED", "permanent"),
        ("schema mismatch", "malformed", "PAYLOAD_MALFORMED", "permanent"),
        ("InternalFailure", "internal error", "INTERNAL_ERROR", "transient"),
    ],
)
def test_words_of_a_message_mean_what_the_first_text_rule_says(
    text: str, name: str, cause: str, disposition: str
) -> None:
    found = default_causes().text(text)
    assert found is not None
    assert (found.cause, found.disposition) == (cause, disposition)
    assert repr(name) in found.because


def test_every_text_rule_of_the_shipped_table_is_tested_above() -> None:
    assert [row["name"] for row in SHIPPED["text"]] == [
        "throttled",
        "not permitted",
        "certificate",
        "no answer",
        "no such thing",
        "too large",
        "malformed",
        "internal error",
    ]


@pytest.mark.parametrize("fault", ["data", "config", "system"])
def test_a_reason_of_a_newer_turnout_is_judged_by_its_fault(fault: str) -> None:
    expected = {
        "data": ("PAYLOAD_MALFORMED", "permanent"),
        "config": ("CONFIGURATION_WRONG", "needs-fix"),
        "system": ("ENDPOINT_UNREACHABLE", "transient"),
    }
    assert verdict(letters.own(reason="NEW_REASON", fault=fault, message="")) == expected[fault]


def test_retries_that_ran_out_are_transient_and_their_message_says_of_what() -> None:
    assert verdict(letters.own()) == (Cause.RATE_LIMIT_EXCEEDED, Disposition.TRANSIENT)
    assert verdict(letters.own(message="AccessDenied, odd as it is")) == (
        Cause.AUTHENTICATION_REJECTED,
        Disposition.TRANSIENT,
    )


def test_a_code_outranks_the_words_beside_it() -> None:
    assert verdict(letters.rule("NO_PERMISSIONS", "timed out")) == (
        Cause.AUTHENTICATION_REJECTED,
        Disposition.NEEDS_FIX,
    )


def test_an_unknown_code_leaves_it_to_the_words_and_an_unknown_word_to_the_operator() -> None:
    assert verdict(letters.rule("BRAND_NEW", "Rate exceeded")) == (Cause.RATE_LIMIT_EXCEEDED, Disposition.TRANSIENT)
    assert verdict(letters.rule("BRAND_NEW", SAY_NOTHING)) == (Cause.UNKNOWN, Disposition.UNKNOWN)


def test_the_outermost_failure_decides_because_it_is_why_the_letter_lies_here() -> None:
    inner = {"RULE_ARN": "arn:x", "ERROR_CODE": "NO_PERMISSIONS"}
    message = letters.own(originals={name: Attribute("String", text) for name, text in inner.items()})
    assert verdict(message) == (Cause.RATE_LIMIT_EXCEEDED, Disposition.TRANSIENT)
    message = letters.envelope(SAY_NOTHING, letters.destination_text("timed out"))
    assert verdict(message) == (Cause.ENDPOINT_UNREACHABLE, Disposition.TRANSIENT), "the outer one says nothing"


@pytest.mark.parametrize("number", ["tel:+1429", "503 Service Unavailable", "timed out, AccessDenied"])
def test_the_text_of_a_body_is_never_evidence(number: str) -> None:
    event = {"detail-type": "x", "source": "y", "detail": {"ani": number, "note": number, number: number}}
    assert verdict(letters.message(json.dumps(event))) == (Cause.UNKNOWN, Disposition.UNKNOWN)
    assert verdict(letters.message(json.dumps(letters.notification(json.dumps(event))))) == (
        Cause.UNKNOWN,
        Disposition.UNKNOWN,
    )


@pytest.mark.parametrize(
    "event",
    [
        {"interactionId": "i", "detail": {"error": "429 rate limit exceeded"}},
        {"detail": {"interactionId": "i", "errorMessage": "429 rate limit exceeded"}},
        {"errorMessage": "429 rate limit exceeded"},
        {"detail": {"errorCode": "429"}},
    ],
)
def test_an_event_that_names_its_own_error_is_believed_last(event: dict[str, Any]) -> None:
    assert verdict(letters.message(json.dumps(event))) == (Cause.RATE_LIMIT_EXCEEDED, Disposition.TRANSIENT)
    assert verdict(letters.rule("NO_RESOURCE", body=json.dumps(event))) == (
        Cause.TARGET_MISSING,
        Disposition.NEEDS_FIX,
    )


@pytest.mark.parametrize("body", ["<xml>429</xml>", "[1]", '"429"', "", "null", "{"])
def test_a_body_that_is_no_event_is_malformed_when_nothing_else_is_known(body: str) -> None:
    assert verdict(letters.message(body)) == (Cause.PAYLOAD_MALFORMED, Disposition.PERMANENT)
    assert verdict(letters.rule("THROTTLING", body=body)) == (Cause.RATE_LIMIT_EXCEEDED, Disposition.TRANSIENT)


def test_a_status_of_lambda_itself_is_one() -> None:
    assert verdict(letters.lambda_async("x", status="429")) == (Cause.RATE_LIMIT_EXCEEDED, Disposition.TRANSIENT)


@pytest.mark.parametrize(
    ("code", "reason", "disposition"),
    [
        ("TIMEOUT", "", "transient"),
        ("E1", "please retry later", "transient"),
        ("502", "", "transient"),
        ("E1", "network down", "transient"),
        ("400", "", "permanent"),
        ("E1", "schema violation", "permanent"),
        ("E1", "a field is missing", "permanent"),
        ("403", "", "needs-fix"),
        ("E1", "other", "unknown"),
    ],
)
def test_entries_of_the_failed_events_api_are_judged_by_code_and_reason(
    code: str, reason: str, disposition: str
) -> None:
    assert read_letter(letters.failed_event(code, reason)).disposition == disposition


RECORDED = {
    "eventbridge-pipes-dlq.kinesis": "UNKNOWN unknown",
    "eventbridge-rule.attributes-not-requested": "UNKNOWN unknown",
    "eventbridge-rule.invalid-json": "PAYLOAD_MALFORMED permanent",
    "eventbridge-rule.no-permissions": "AUTHENTICATION_REJECTED needs-fix",
    "eventbridge-rule.no-resource": "TARGET_MISSING needs-fix",
    "eventbridge-rule.sdk-client-error-exhausted-age": "ENDPOINT_UNREACHABLE transient",
    "eventbridge-rule.throttling-exhausted-attempts": "RATE_LIMIT_EXCEEDED transient",
    "lambda-async-dlq": "ENDPOINT_UNREACHABLE transient",
    "lambda-onfailure-destination.event-age-exceeded": "ENDPOINT_UNREACHABLE transient",
    "lambda-onfailure-destination.retries-exhausted": "ENDPOINT_UNREACHABLE transient",
    "lambda-sqs-record.of-rule-dlq": "RATE_LIMIT_EXCEEDED transient",
    "lambda-stream-esm-onfailure": "TARGET_FAILED unknown",
    "poison.not-json": "PAYLOAD_MALFORMED permanent",
    "sns-subscription-dlq.wrapped": "UNKNOWN unknown",
    "sqs-redrive.standard": "UNKNOWN unknown",
    "tutorial-a-app-envelope": "RATE_LIMIT_EXCEEDED transient",
    "tutorial-c-message-key": "ENDPOINT_UNREACHABLE transient",
}


@pytest.mark.parametrize("name", samples.NAMES)
def test_recorded_letters_are_classified(name: str) -> None:
    if samples.missing(name):
        pytest.skip(f"{samples.DIRECTORY.name}/{name}.json is not beside this checkout")
    assert " ".join(verdict(samples.message(name))) == RECORDED[name]


def test_every_cause_has_advice_and_one_of_the_five_categories() -> None:
    five = {
        "RATE_LIMIT_EXCEEDED",
        "AUTHENTICATION_REJECTED",
        "ENDPOINT_UNREACHABLE",
        "PAYLOAD_MALFORMED",
        "UNKNOWN",
    }
    for cause in Cause:
        assert default_causes().category(cause) in five
        assert default_causes().advice(cause).endswith(".")


OWN = """
version: 1
codes:
  eventbridge:
    NO_RESOURCE: {cause: TARGET_MISSING, disposition: permanent}
  application:
    CRM-17: {cause: CONFLICT, disposition: transient}
statuses:
  '404': {cause: TARGET_MISSING, disposition: transient}
text:
  - {name: crm closed, pattern: '(?i)throttled on purpose', cause: NOT_ROUTED, disposition: needs-fix}
"""


def test_an_operators_rows_replace_rows_and_their_text_rules_come_first() -> None:
    causes = load_causes(OWN)

    def verdict(message: dict[str, Any]) -> str:
        letter = read_letter(message, causes=causes)
        return f"{letter.cause} {letter.disposition}"

    assert verdict(letters.rule("NO_RESOURCE")) == "TARGET_MISSING permanent"
    assert verdict(letters.rule("THROTTLING")) == "RATE_LIMIT_EXCEEDED transient"
    assert verdict(letters.envelope({"code": "CRM-17", "message": "busy"})) == "CONFLICT transient"
    assert verdict(letters.rule("SDK_CLIENT_ERROR", "status code 404")) == "TARGET_MISSING transient"
    assert verdict(letters.rule("SDK_CLIENT_ERROR", "throttled on purpose")) == "NOT_ROUTED needs-fix"
    assert read_letter(letters.rule("NO_RESOURCE")).disposition == "needs-fix", "the shipped table is as it was"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it needs at least 'version: 1'"),
        ("version: 2", "version 2 is not known"),
        ("codes: {}", "version"),
        ("version: 1\ncode: {}", "code"),
        ("version: 1\ncodes: {x: {Y: {cause: TOO_BAD, disposition: transient}}}", "TOO_BAD"),
        ("version: 1\ncodes: {x: {Y: {cause: UNKNOWN, disposition: maybe}}}", "maybe"),
        ("version: 1\ncodes: {x: {Y: {cause: UNKNOWN, disposition: unknown, read: body}}}", "read must be 'message'"),
        ("version: 1\ntext: [{name: n, pattern: '(', cause: UNKNOWN, disposition: unknown}]", "text[0]"),
        ("version: 1\nstatus_patterns: ['status']", "exactly one group"),
        ("version: 1\nversion: 1", "2:1"),
        ("a: &a [1]\nb: {", "own.yaml"),
        ("[" * 3000, "own.yaml"),
    ],
)
def test_a_table_that_is_wrong_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(CausesError) as raised:
        load_causes(text, "own.yaml")
    assert problem in str(raised.value)
    assert str(raised.value).startswith("own.yaml: ")


def test_a_status_pattern_that_catches_no_number_means_nothing() -> None:
    causes = load_causes("version: 1\nstatus_patterns: ['went ([a-z]+)', '(x)?y']")
    assert causes.text("it went wrong, y") is None
    assert read_letter(letters.rule("SDK_CLIENT_ERROR", "it went wrong"), causes=causes).cause == "UNKNOWN"


def test_half_of_a_surrogate_pair_in_a_message_is_no_trouble() -> None:
    assert verdict(letters.rule("SDK_CLIENT_ERROR", "\ud800 Rate exceeded")) == (
        Cause.RATE_LIMIT_EXCEEDED,
        Disposition.TRANSIENT,
    )
    assert read_letter(letters.message(BODY)).cause is Cause.UNKNOWN


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("MESSAGE_TOO_LARGE: 300000 bytes", "RETRIES_EXHAUSTED: Rate exceeded", "RATE_LIMIT_EXCEEDED transient"),
        ("MESSAGE_REJECTED: no", "ACCESS_DENIED: not authorized", "AUTHENTICATION_REJECTED needs-fix"),
        ("MESSAGE_REJECTED: no", "INTERNAL_ERROR: composing failed", "INTERNAL_ERROR unknown"),
        ("MESSAGE_REJECTED: no", "NEWER: who knows", "UNKNOWN unknown"),
        ("QUEUE_MISSING: no such queue", "RETRIES_EXHAUSTED: no answer", "ENDPOINT_UNREACHABLE transient"),
    ],
)
def test_of_several_targets_failures_the_one_that_can_be_helped_first_counts_in_whatever_order(
    first: str, second: str, expected: str
) -> None:
    for failures in ({"crm": first, "mail": second}, {"mail": second, "crm": first}):
        code, message = next(iter(failures.values())).split(": ")
        said: dict[str, Any] = {"reason": code, "message": message, "fault": "" if code == "NEWER" else "data"}
        letter = read_letter(letters.own(owed=("crm", "mail"), failures=failures, **said))
        assert f"{letter.cause} {letter.disposition}" == expected
        assert letter.verdict.because.startswith("mail: ")
        assert f"{letter.code}: {letter.error}" == second, "what is said is why"


def test_why_a_target_failed_that_has_the_event_by_now_counts_no_more() -> None:
    failures = {"crm": "RETRIES_EXHAUSTED: no answer", "mail": "MESSAGE_REJECTED: no"}
    letter = read_letter(letters.own(owed=("mail",), done=("crm",), failures=failures))
    assert (letter.disposition, letter.error) == ("permanent", "no")
