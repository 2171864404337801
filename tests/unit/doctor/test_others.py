"""What the doctor says about callers, clocks, permissions, stores and everything else that is no queue."""

import msgspec
import pytest
from tests.unit.doctor.facts import ACCOUNT, CALLER, EMULATOR, bad, policy, settings, source, target, worst

from turnout.doctor.account import judge_caller, judge_clock
from turnout.doctor.asking.targets import ASKED
from turnout.doctor.facts import BucketFacts, Caller, KeyFacts, Permits, Silence, TableFacts, Why
from turnout.doctor.findings import Severity
from turnout.doctor.permissions import judge_permissions, judge_permits
from turnout.doctor.queues import judge_queue
from turnout.doctor.services import judge_genesys, judge_otlp, judge_target
from turnout.doctor.stores import IDEMPOTENCY, LEDGER, judge_bucket, judge_table
from turnout.rules.model import Kind, Target

DENIED = Silence(Why.DENIED, "AccessDenied", "no", "dynamodb:DescribeTable")
MISSING = Silence(Why.MISSING, "ResourceNotFoundException", "")
FAILED = Silence(Why.FAILED, "TimeoutError", "no answer within 10 s")
THROTTLED = Silence(Why.THROTTLED, "ThrottlingException", "Rate exceeded")


@pytest.mark.parametrize(
    ("ahead", "severity"),
    [
        (None, Severity.UNKNOWN),
        (0.0, Severity.OK),
        (-29.0, Severity.OK),
        (31.0, Severity.WARNING),
        (-299.0, Severity.WARNING),
        (300.0, Severity.ERROR),
        (-3600.0, Severity.ERROR),
    ],
)
def test_clocks_may_differ_by_less_than_what_signatures_bear(ahead: float | None, severity: Severity) -> None:
    caller = Caller(ACCOUNT, "arn", "eu-west-1", "https://x", emulator=False, ahead_seconds=ahead)
    assert worst(judge_clock(caller), "clock") is severity


def test_that_there_are_no_credentials_is_said_with_what_to_set() -> None:
    nobody = Silence(Why.UNKNOWN_CALLER, "NoCredentialsError", "Unable to locate credentials")
    (finding,) = bad(judge_caller(Caller("", "", "eu-west-1", "https://x", emulator=False, silence=nobody)))
    assert finding.message.startswith("there are no credentials for AWS")
    assert "AWS_ACCESS_KEY_ID" in finding.advice


@pytest.mark.parametrize(("why", "severity"), [(DENIED, Severity.ERROR), (FAILED, Severity.UNKNOWN)])
def test_credentials_that_are_refused_differ_from_nobody_to_ask(why: Silence, severity: Severity) -> None:
    caller = Caller("", "", "eu-west-1", "https://x", emulator=False, silence=why)
    assert worst(judge_caller(caller), "credentials") is severity


def test_a_queue_that_does_not_take_the_credentials_is_not_said_to_be_out_of_reach() -> None:
    unknown = Silence(Why.UNKNOWN_CALLER, "InvalidClientTokenId", "The security token is invalid")
    (finding,) = bad(judge_queue(source(attributes=unknown), settings(), CALLER))
    assert finding.severity is Severity.ERROR
    assert "InvalidClientTokenId" in finding.message
    assert "where the credentials come from" in finding.advice
    assert "network" not in finding.advice


def test_a_missing_region_is_an_error() -> None:
    assert worst(judge_caller(Caller(ACCOUNT, "arn", "", "", emulator=False)), "region") is Severity.ERROR


ALLOWED = dict.fromkeys(("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"), "allowed")


def test_what_iam_allows_is_well() -> None:
    assert bad(judge_permissions(source(decisions=ALLOWED), CALLER)) == []


def test_a_refused_empty_batch_is_proof_whatever_the_simulation_says() -> None:
    queue = source(decisions=ALLOWED, denied={"sqs:DeleteMessage": DENIED})
    (finding,) = bad(judge_permissions(queue, CALLER))
    assert finding.severity is Severity.ERROR
    assert "sqs:DeleteMessage" in finding.message


def test_without_a_simulation_nothing_is_known_for_sure() -> None:
    (finding,) = judge_permissions(source(decisions=DENIED), CALLER)
    assert finding.severity is Severity.UNKNOWN
    assert "iam:SimulatePrincipalPolicy" in finding.advice


def test_a_simulation_that_gave_no_answer_says_why_and_not_to_permit_it() -> None:
    for code, told in (("NoSuchEntity", "its role has a path"), ("Throttling", "Throttling: Rate exceeded")):
        silence = Silence(Why.FAILED, code, "Rate exceeded", "iam:SimulatePrincipalPolicy")
        (finding,) = judge_permissions(source(decisions=silence), CALLER)
        assert finding.severity is Severity.UNKNOWN
        assert told in finding.advice
        assert "let this role" not in finding.advice


def test_an_explicit_deny_is_an_error() -> None:
    queue = target(decisions={"sqs:SendMessage": "explicitDeny"})
    assert worst(judge_permissions(queue, CALLER), "permission") is Severity.ERROR


def test_what_only_the_queues_own_policy_may_allow_is_a_warning() -> None:
    decisions = {"sqs:SendMessage": "implicitDeny"}
    mine = policy(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/turnout-worker"})
    queue = target({"Policy": mine}, decisions=decisions)
    assert worst(judge_permissions(queue, CALLER), "permission") is Severity.WARNING
    assert worst(judge_permissions(target(decisions=decisions), CALLER), "permission") is Severity.ERROR


def test_an_account_of_another_partition_is_known_in_a_policy() -> None:
    china = msgspec.structs.replace(CALLER, arn=CALLER.arn.replace("arn:aws:", "arn:aws-cn:"))
    account = policy(Principal={"AWS": f"arn:aws-cn:iam::{ACCOUNT}:root"})
    queue = target({"Policy": account}, decisions={"sqs:SendMessage": "implicitDeny"})
    assert worst(judge_permissions(queue, china), "permission") is Severity.WARNING


@pytest.mark.parametrize(
    ("decision", "severity", "said"),
    [
        ("allowed", Severity.OK, ["kms:GenerateDataKey, kms:Decrypt allowed (IAM simulation)"]),
        (
            "implicitDeny",
            Severity.WARNING,
            [
                "the role's own policies do not allow kms:GenerateDataKey (IAM simulation); only the key's policy may",
                "the role's own policies do not allow kms:Decrypt (IAM simulation); only the key's policy may",
            ],
        ),
        (
            "explicitDeny",
            Severity.ERROR,
            [
                "a policy of the role denies kms:GenerateDataKey (IAM simulation)",
                "a policy of the role denies kms:Decrypt (IAM simulation)",
            ],
        ),
    ],
)
def test_the_use_of_a_queues_key_is_judged_by_the_roles_policies(
    decision: str, severity: Severity, said: list[str]
) -> None:
    decisions = {"kms:GenerateDataKey": decision, "kms:Decrypt": decision}
    queue = target(decisions={"sqs:SendMessage": "allowed"}, key=KeyFacts("Enabled", "CUSTOMER", decisions))
    about_the_key = [each for each in judge_permissions(queue, CALLER) if "kms:" in each.message]
    assert [each.message for each in about_the_key] == said
    assert {each.severity for each in about_the_key} == {severity}


def test_what_iam_does_not_tell_of_a_key_is_not_told_twice() -> None:
    silence = Silence(Why.DENIED, "AccessDenied", "")
    queue = target(decisions=silence, key=KeyFacts("Enabled", "CUSTOMER", silence))
    assert len(bad(judge_permissions(queue, CALLER))) == 1


def test_a_role_with_a_path_is_known_in_a_policy() -> None:
    for path, severity in (("team/", Severity.WARNING), ("team/other-", Severity.ERROR)):
        mine = policy(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/{path}turnout-worker"})
        queue = target({"Policy": mine}, decisions={"sqs:SendMessage": "implicitDeny"})
        assert worst(judge_permissions(queue, CALLER), "permission") is severity


def test_a_queue_that_is_not_there_refuses_nothing() -> None:
    assert list(judge_permissions(target(attributes=MISSING), CALLER)) == []


UPDATE = "dynamodb:UpdateItem"


@pytest.mark.parametrize(
    ("permits", "severity"),
    [
        (Permits(frozenset({UPDATE})), Severity.OK),
        (Permits(denied={UPDATE: DENIED}, decisions={UPDATE: "allowed"}), Severity.ERROR),
        (Permits(decisions={UPDATE: "allowed"}), Severity.OK),
        (Permits(decisions={UPDATE: "explicitDeny"}), Severity.ERROR),
        (Permits(decisions={UPDATE: "implicitDeny"}), Severity.WARNING),
        (Permits(decisions=DENIED), Severity.UNKNOWN),
        (Permits(), Severity.UNKNOWN),
    ],
)
def test_what_may_be_done_with_a_table_is_judged_by_trial_first(permits: Permits, severity: Severity) -> None:
    assert worst(judge_permits("seen", "table", [UPDATE], permits, CALLER), "permission") is severity


def test_a_write_that_the_key_refuses_names_the_permissions_on_the_key() -> None:
    of_key = Silence(Why.DENIED, "AccessDeniedException", "KMS key access denied error: not authorized: kms:Decrypt")
    (finding,) = judge_permits("seen", "table", [UPDATE], Permits(denied={UPDATE: of_key}), CALLER)
    assert "kms:Decrypt" in finding.advice


def test_an_emulator_refuses_nothing_in_its_stores() -> None:
    assert bad(judge_permits("seen", "table", [UPDATE], Permits(), EMULATOR)) == []


def table(**given: object) -> TableFacts:
    whole: dict[str, object] = {
        "status": "ACTIVE",
        "keys": {"HASH": "key:S"},
        "indexes": {},
        "ttl": "expires",
        "recovery": True,
    }
    return TableFacts(**{**whole, **given})  # type: ignore[arg-type]


def test_tables_that_are_as_they_should_be() -> None:
    ledger = table(keys={"RANGE": "sk:S", "HASH": "pk:S"}, indexes={"shelves": "HASH=shelf:S RANGE=changed:N"})
    assert bad(judge_table("seen", table(), IDEMPOTENCY, CALLER)) == []
    assert bad(judge_table("seen", table(status="UPDATING"), IDEMPOTENCY, CALLER)) == []
    assert bad(judge_table("ledger", ledger, LEDGER, CALLER)) == []


@pytest.mark.parametrize(
    ("facts", "check", "severity"),
    [
        (MISSING, "table", Severity.ERROR),
        (DENIED, "table", Severity.UNKNOWN),
        (FAILED, "table", Severity.ERROR),
        (table(status="DELETING"), "table", Severity.ERROR),
        (table(keys={"HASH": "id:S"}), "table", Severity.ERROR),
        (table(keys={"HASH": "key:N"}), "table", Severity.ERROR),
        (table(ttl=""), "ttl", Severity.WARNING),
        (table(ttl="ttl"), "ttl", Severity.ERROR),
        (table(ttl=DENIED), "ttl", Severity.UNKNOWN),
    ],
)
def test_what_is_wrong_with_a_table_is_found_and_how_bad_it_is(
    facts: TableFacts | Silence, check: str, severity: Severity
) -> None:
    assert worst(judge_table("seen", facts, IDEMPOTENCY, CALLER), check) is severity


def test_a_ledger_without_index_or_recovery_is_found() -> None:
    findings = list(
        judge_table("ledger", table(keys={"HASH": "pk:S", "RANGE": "sk:S"}, recovery=False), LEDGER, CALLER)
    )
    assert worst(findings, "table") is Severity.ERROR
    assert worst(findings, "point-in-time-recovery") is Severity.WARNING
    assert bad(judge_table("seen", table(recovery=False), IDEMPOTENCY, CALLER)) == []


@pytest.mark.parametrize(
    ("bucket", "check", "severity"),
    [
        (MISSING, "bucket", Severity.ERROR),
        (BucketFacts("AES256", True), "encryption", Severity.OK),
        (BucketFacts("", True), "encryption", Severity.WARNING),
        (BucketFacts(DENIED, True), "encryption", Severity.UNKNOWN),
        (BucketFacts("aws:kms", False), "public-access", Severity.ERROR),
        (BucketFacts("aws:kms", DENIED), "public-access", Severity.UNKNOWN),
    ],
)
def test_the_archive_is_encrypted_and_closed(bucket: BucketFacts | Silence, check: str, severity: Severity) -> None:
    assert worst(judge_bucket("a", bucket, CALLER), check) is severity


def test_the_region_is_to_blame_for_a_table_that_is_not_there_and_not_for_a_bucket() -> None:
    (no_table,) = judge_table("t", MISSING, LEDGER, CALLER)
    (no_bucket,) = judge_bucket("a", MISSING, CALLER)
    assert no_table.advice == "create it, or correct TURNOUT_DLQ_LEDGER or AWS_REGION"
    assert no_bucket.advice == "create it, or correct TURNOUT_DLQ_ARCHIVE_BUCKET"


def test_an_emulators_bucket_needs_only_to_be_there() -> None:
    assert bad(judge_bucket("a", BucketFacts("", False), EMULATOR)) == []
    assert worst(judge_bucket("a", MISSING, EMULATOR), "bucket") is Severity.ERROR


MACHINE = Target("follow-up", "arn:aws:states:eu-west-1:1:stateMachine:x", kind=Kind.STATE_MACHINE)


@pytest.mark.parametrize(
    ("answer", "severity"),
    [
        ({"status": "ACTIVE", "type": "STANDARD"}, Severity.OK),
        ({"status": "DELETING", "type": "STANDARD"}, Severity.ERROR),
        ({"status": "ACTIVE", "type": "EXPRESS"}, Severity.WARNING),
        (MISSING, Severity.ERROR),
        (DENIED, Severity.UNKNOWN),
        (FAILED, Severity.ERROR),
    ],
)
def test_targets_that_are_no_queues(answer: dict[str, str] | Silence, severity: Severity) -> None:
    assert worst(judge_target(MACHINE, answer, {}), "target") is severity


def test_a_signing_secret_that_is_not_set_is_an_error() -> None:
    hook = Target("hook", "https://example.com", kind=Kind.URL, secret_from="HOOK_SECRET")
    assert worst(judge_target(hook, {}, {}), "target") is Severity.ERROR
    assert worst(judge_target(hook, {}, {"HOOK_SECRET": "x"}), "target") is Severity.OK


def test_what_may_be_a_key_in_an_endpoints_url_is_not_shown() -> None:
    hook = Target("hook", "https://user:key@example.com/services/key?token=key", kind=Kind.URL)
    (finding,) = judge_target(hook, {}, {})
    assert "https://example.com/..." in finding.message
    assert "key" not in finding.message


def test_telemetry_that_cannot_leave_is_a_warning_only() -> None:
    assert judge_otlp("", None).severity is Severity.WARNING
    assert judge_otlp("http://x:4317", FAILED).severity is Severity.WARNING
    assert judge_otlp("http://x:4317", None).severity is Severity.OK


@pytest.mark.parametrize("silence", [None, FAILED])
def test_what_may_be_a_key_in_the_url_of_a_collector_is_not_shown(silence: Silence | None) -> None:
    finding = judge_otlp("https://user:key@collector.example.com/v1/traces?key=key", silence)
    assert "https://collector.example.com/..." in finding.message
    assert "key" not in finding.message


def test_genesys_that_refuses_says_which_role_is_wanted() -> None:
    (finding,) = judge_genesys(DENIED)
    assert finding.severity is Severity.ERROR
    assert "analytics:conversationDetail:view" in finding.advice
    assert bad(judge_genesys(None)) == []


def test_an_emulator_that_knows_no_callers_is_well() -> None:
    caller = Caller("", "", "us-east-1", "http://127.0.0.1:1", emulator=True, silence=FAILED)
    assert bad(judge_caller(caller)) == []
    assert bad(judge_caller(EMULATOR)) == []


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.QUEUE])
def test_a_target_of_every_kind_is_asked_about_and_called_by_its_name(kind: Kind) -> None:
    assert kind in ASKED or kind is Kind.URL
    assert worst(judge_target(Target("crm", "somewhere", kind=kind), {}, {}), "target") is Severity.OK


def test_what_is_throttled_is_not_known_and_no_fault_of_what_was_asked_about() -> None:
    found = [
        *judge_queue(source(attributes=THROTTLED), settings(), CALLER),
        *judge_table("t", THROTTLED, LEDGER, CALLER),
        *judge_bucket("b", THROTTLED, CALLER),
        *judge_target(MACHINE, THROTTLED, {}),
    ]
    assert [finding.severity for finding in found] == [Severity.UNKNOWN] * 4
    assert all("again in a minute" in finding.advice for finding in found)
