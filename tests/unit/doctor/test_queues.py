"""What the doctor says about queues, one spoilt fact at a time."""

from collections.abc import Callable

import msgspec
import pytest
from tests.unit.doctor.facts import CALLER, EMULATOR, bad, letters, policy, redrive, settings, source, target, worst

from turnout.doctor.facts import KeyFacts, MappingFacts, QueueFacts, Role, Silence, Why
from turnout.doctor.findings import Finding, Severity
from turnout.doctor.queues import judge_queue
from turnout.doctor.together import judge_together
from turnout.rules.files.load import read_rules

DENIED = Silence(Why.DENIED, "AccessDenied", "not authorized", "sqs:GetQueueAttributes")
MISSING = Silence(Why.MISSING, "QueueDoesNotExist", "")


def judged(queue: QueueFacts, **given: object) -> list[Finding]:
    return list(judge_queue(queue, settings(**given), CALLER))


@pytest.mark.parametrize("queue", [source(), letters(), target()])
def test_nothing_is_wrong_with_queues_that_are_as_they_should_be(queue: QueueFacts) -> None:
    assert bad(judged(queue)) == []


def test_every_finding_that_is_not_well_says_what_to_do() -> None:
    spoilt = [
        source({"RedrivePolicy": "", "Policy": "", "SqsManagedSseEnabled": "false"}),
        source(redrive_to={"MessageRetentionPeriod": "60"}),
        letters({"ApproximateNumberOfMessages": "3", "DelaySeconds": "9"}),
        target(attributes=MISSING),
        target(attributes=DENIED),
    ]
    for queue in spoilt:
        assert bad(judged(queue))
        assert all(finding.advice for finding in bad(judged(queue)))


def test_a_queue_that_does_not_exist_is_an_error_and_nothing_else_is_said_of_it() -> None:
    (finding,) = judged(target(attributes=MISSING))
    assert finding.severity is Severity.ERROR
    assert "does not exist" in finding.message


def test_a_queue_that_may_not_be_looked_at_is_unknown_not_wrong() -> None:
    (finding,) = judged(source(attributes=DENIED))
    assert finding.severity is Severity.UNKNOWN
    assert "sqs:GetQueueAttributes" in finding.advice


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("", Severity.WARNING),
        ("not json", Severity.WARNING),
        ("[]", Severity.WARNING),
        (redrive(1), Severity.WARNING),
        (redrive(2), Severity.WARNING),
        (redrive("5"), Severity.OK),
        (redrive(100), Severity.OK),
        (redrive(1000), Severity.WARNING),
    ],
)
def test_the_redrive_policy_must_be_there_and_leave_room_for_restarts(value: str, severity: Severity) -> None:
    assert worst(judged(source({"RedrivePolicy": value})), "redrive") is severity


@pytest.mark.parametrize(
    ("seconds", "severity"), [("345600", Severity.ERROR), ("60", Severity.ERROR), ("345601", Severity.OK)]
)
def test_redriven_messages_keep_their_age_so_the_dead_letter_queue_keeps_longer(
    seconds: str, severity: Severity
) -> None:
    assert worst(judged(source(redrive_to={"MessageRetentionPeriod": seconds})), "retention") is severity


def test_an_emulator_that_does_not_tell_retention_is_not_called_wrong() -> None:
    queue = source({"MessageRetentionPeriod": "0"}, redrive_to={"MessageRetentionPeriod": "0"})
    assert worst(judged(queue), "retention") is Severity.UNKNOWN


def test_a_fifo_queue_starts_the_age_anew() -> None:
    queue = source(name="events.fifo", redrive_to={"MessageRetentionPeriod": "60"})
    assert worst(judged(queue), "retention") is Severity.OK


def test_a_redrive_policy_that_names_no_queue_is_an_error() -> None:
    assert worst(judged(source(redrive_to=MISSING)), "retention") is Severity.ERROR
    assert worst(judged(source(redrive_to=DENIED)), "retention") is Severity.UNKNOWN


@pytest.mark.parametrize(
    ("visibility", "severity"), [("179", Severity.ERROR), ("180", Severity.OK), ("300", Severity.OK)]
)
def test_visibility_is_six_times_the_timeout_of_the_function_that_reads(visibility: str, severity: Severity) -> None:
    mapping = MappingFacts("router", True, 0, True, 30)
    queue = source({"VisibilityTimeout": visibility}, mappings=(mapping,))
    assert worst(judged(queue), "visibility") is severity


def test_the_batching_window_comes_on_top() -> None:
    mapping = MappingFacts("router", True, 5, True, 30)
    assert worst(judged(source({"VisibilityTimeout": "184"}, mappings=(mapping,))), "visibility") is Severity.ERROR


def test_a_mapping_that_does_not_report_single_failures_is_an_error_unless_it_is_off() -> None:
    mapping = MappingFacts("router", True, 0, False, 30)
    assert worst(judged(source(mappings=(mapping,))), "partial-batch") is Severity.ERROR
    off = MappingFacts("router", False, 0, False, 30)
    assert bad(judged(source(mappings=(off,)))) == []


def test_a_short_visibility_of_the_worker_is_pointed_out() -> None:
    assert worst(judged(source(), visibility_seconds=10), "visibility") is Severity.WARNING


def test_letters_that_wait_are_a_warning() -> None:
    assert worst(judged(letters({"ApproximateNumberOfMessages": "3"})), "letters") is Severity.WARNING


@pytest.mark.parametrize(("held", "said"), [("96000", []), ("96001", ["in-flight"])])
def test_a_source_of_which_nearly_all_is_in_flight_that_may_be_is_pointed_out(held: str, said: list[str]) -> None:
    assert [each.check for each in bad(judged(source({"ApproximateNumberOfMessagesNotVisible": held})))] == said


def test_of_a_mapping_that_is_switched_off_nothing_is_demanded() -> None:
    mapping = MappingFacts("turnout-recovery", False, 0, False, 45)
    assert bad(judged(source({"VisibilityTimeout": "30"}, mappings=(mapping,)))) == []


@pytest.mark.parametrize(
    ("theirs", "advice"),
    [("345600", "of letters to 1209600 (14 days)"), ("1209600", "of this queue to less, such as 345600 (4 days)")],
)
def test_a_queue_that_keeps_as_long_as_its_dead_letter_queue_is_told_which_of_them_can_be_changed(
    theirs: str, advice: str
) -> None:
    redriven = source({"MessageRetentionPeriod": theirs}, redrive_to={"MessageRetentionPeriod": theirs})
    (finding,) = bad(judged(redriven))
    assert finding.advice == f"set MessageRetentionPeriod {advice}"


def test_that_nobody_may_say_whether_a_function_reads_a_queue_is_a_finding() -> None:
    silence = Silence(Why.DENIED, "AccessDeniedException", "not authorized", "lambda:ListEventSourceMappings")
    (finding,) = bad(judged(source(mappings=silence)))
    assert (finding.severity, finding.check) == (Severity.UNKNOWN, "functions")
    assert "if one does, allow lambda:ListEventSourceMappings" in finding.advice


@pytest.mark.parametrize("queue", [target, letters])
def test_the_key_that_aws_manages_does_for_a_queue_that_eventbridge_does_not_send_to(
    queue: Callable[..., QueueFacts],
) -> None:
    key = KeyFacts("Enabled", "AWS")
    assert bad(judged(queue({"KmsMasterKeyId": "alias/aws/sqs"}, key=key))) == []
    (finding,) = bad(judged(queue({"KmsMasterKeyId": "alias/aws/sqs", "Policy": policy()}, key=key)))
    assert "which EventBridge may not use" in finding.message


def test_letters_that_somebody_holds_are_told_of() -> None:
    held = {"ApproximateNumberOfMessagesNotVisible": "2"}
    for waiting, said in (
        ("0", "no letter can be seen here now, about 2 more held by another run or a consumer"),
        ("1", "1 letter waiting here, about 2 more held by another run or a consumer"),
        ("3", "3 letters waiting here, about 2 more held by another run or a consumer"),
    ):
        found = judged(letters({"ApproximateNumberOfMessages": waiting, **held}))
        assert [each.message for each in found if each.check == "letters"] == [said]


def test_a_dead_letter_queue_that_a_function_recovers_must_redrive_what_it_cannot() -> None:
    mapping = MappingFacts("turnout-recovery", True, 0, True, 45)
    lasting = {"VisibilityTimeout": "300"}
    assert bad(judged(letters({**lasting, "RedrivePolicy": redrive()}, mappings=(mapping,)))) == []
    (finding,) = bad(judged(letters(lasting, mappings=(mapping,))))
    assert "comes back to it until it is too old" in finding.message
    off = MappingFacts("turnout-recovery", False, 0, True, 45)
    assert (
        worst(judged(letters({**lasting, "RedrivePolicy": redrive()}, mappings=(off,))), "letters") is Severity.WARNING
    )


def test_a_function_that_recovers_letters_is_examined_as_the_router_is() -> None:
    redriven = {"VisibilityTimeout": "60", "RedrivePolicy": redrive()}
    mapping = MappingFacts("turnout-recovery", True, 0, False, 45)
    found = judged(letters(redriven, mappings=(mapping,)))
    assert worst(found, "visibility") is Severity.ERROR
    assert worst(found, "partial-batch") is Severity.ERROR


def test_a_dead_letter_queue_must_not_redrive() -> None:
    assert worst(judged(letters({"RedrivePolicy": redrive()})), "letters") is Severity.WARNING


@pytest.mark.parametrize(
    ("attributes", "facts", "severity"),
    [
        ({"SqsManagedSseEnabled": "false"}, {}, Severity.WARNING),
        ({"KmsMasterKeyId": "alias/aws/sqs"}, {}, Severity.ERROR),
        ({"KmsMasterKeyId": "k"}, {"key": KeyFacts("Enabled", "CUSTOMER")}, Severity.OK),
        ({"KmsMasterKeyId": "k"}, {"key": KeyFacts("Enabled", "AWS")}, Severity.ERROR),
        ({"KmsMasterKeyId": "k"}, {"key": KeyFacts("PendingDeletion", "CUSTOMER")}, Severity.ERROR),
        ({"KmsMasterKeyId": "k"}, {"key": DENIED}, Severity.UNKNOWN),
    ],
)
def test_encryption_that_eventbridge_can_use(
    attributes: dict[str, str], facts: dict[str, object], severity: Severity
) -> None:
    assert worst(judged(source(attributes, **facts)), "encryption") is severity


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("", Severity.WARNING),
        ("{", Severity.WARNING),
        ('{"Statement": "x"}', Severity.WARNING),
        (policy(), Severity.OK),
        (policy(Condition=None), Severity.WARNING),
        (policy(Condition={"StringEquals": {"aws:SourceAccount": "123456789012"}}), Severity.WARNING),
        (policy(Principal="*", Condition=None), Severity.ERROR),
        (policy(Principal={"AWS": "*"}, Condition=None), Severity.ERROR),
        (policy(Principal="*", Action="SQS:SendMessage*", Condition=None), Severity.ERROR),
        (policy(Principal="*", Action=["sqs:Get*", "sqs:S?nd*"], Condition=None), Severity.ERROR),
        (policy(Principal="*", Action="sqs:[s]endMessage", Condition=None), Severity.WARNING),
        (policy(Principal="*"), Severity.OK),
        (policy(Effect="Deny"), Severity.WARNING),
        (policy(Action=["sqs:ReceiveMessage"]), Severity.WARNING),
        (policy(Action="SQS:*"), Severity.OK),
    ],
)
def test_who_may_send_to_the_source(text: str, severity: Severity) -> None:
    assert worst(judged(source({"Policy": text})), "queue-policy") is severity


def test_whose_rules_may_send_is_told_as_the_policy_has_it() -> None:
    account = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    for condition, whose in ((None, "any account"), (account, "whom its conditions name")):
        (finding,) = bad(judged(source({"Policy": policy(Condition=condition)})))
        assert finding.message == f"EventBridge may send to it for any rule of {whose}"


def test_an_emulator_is_not_asked_for_policies_and_encryption() -> None:
    queue = source({"Policy": "", "SqsManagedSseEnabled": "false"})
    assert bad(judge_queue(queue, settings(), EMULATOR)) == []


def test_a_smaller_size_limit_behind_a_larger_one_is_found() -> None:
    small = {"MaximumMessageSize": "262144"}
    assert worst(judge_together([source(), letters(small)], ()), "size") is Severity.ERROR
    assert worst(judge_together([source(), target(small)], ()), "size") is Severity.WARNING
    assert bad(judge_together([source(small), letters(small), target(small)], ())) == []


def test_letters_that_are_written_elsewhere_than_sqs_redrives_to_are_kept_as_long_as_events() -> None:
    elsewhere = source({"RedrivePolicy": redrive(queue="moved-by-sqs")})
    short, long = ({"MessageRetentionPeriod": seconds} for seconds in ("7200", "345600"))
    for queue in (elsewhere, source({"RedrivePolicy": ""}), source({"RedrivePolicy": "[]"})):
        (finding,) = bad(judge_together([queue, letters(short)], ()))
        assert (finding.severity, finding.check, finding.subject) == (Severity.WARNING, "retention", "letters")
        assert "letters are kept 2 h here, events 4 days" in finding.message
        assert bad(judge_together([queue, letters(long)], ())) == []
    assert bad(judge_together([source(), letters(short)], ())) == [], "judged with the source, whose letters SQS moves"
    assert bad(judge_together([elsewhere, letters({"MessageRetentionPeriod": ""})], ())) == [], "it does not tell"


def test_a_target_that_is_the_source_goes_round_and_round() -> None:
    again = target(name="events")
    assert worst(judge_together([source(), again], ()), "roles") is Severity.ERROR
    spelt = msgspec.structs.replace(again, url=again.url.replace(".amazonaws.com", ".AMAZONAWS.com:443"))
    assert worst(judge_together([source(), spelt], ()), "roles") is Severity.ERROR
    (found,) = (each for each in judge_together([source(), again], ()) if each.check == "roles")
    assert found.message.endswith("is also the source queue: events go round and round")


def test_events_in_the_dead_letter_queue_look_like_letters() -> None:
    (found,) = (each for each in judge_together([letters(), target(name="letters")], ()) if each.check == "roles")
    assert found.message.endswith("is also the dead-letter queue: events look like letters there")


def test_rules_that_ask_what_their_queue_cannot_do_are_found(tmp_path: object) -> None:
    path = f"{tmp_path}/rules.yaml"
    with open(path, "w") as file:
        file.write(
            "unmatched: drop\ntargets: {critical: {queue: q}}\nrules:\n"
            "  - {id: late, when: a == 1, send: [critical], delay: 5}\n"
            "  - {id: once, when: a == 1, send: [critical], deduplicate: detail.id}\n"
            "  - {id: off, when: a == 1, send: [critical], delay: 5, deduplicate: detail.id, enabled: false}\n"
        )
    rules = read_rules(path).rules
    (late,) = bad(judge_together([target(name="critical.fifo")], rules))
    (once,) = bad(judge_together([target()], rules))
    assert "rule late" in late.message
    assert "rule once" in once.message


def test_order_ends_at_a_standard_target() -> None:
    queues = [source(name="events.fifo"), target(), target(name="other.fifo")]
    (finding,) = bad(judge_together(queues, ()))
    assert (finding.check, finding.subject) == ("order", "critical")


def test_roles_of_queues_are_told_apart() -> None:
    assert {each.role for each in (source(), letters(), target())} == set(Role)
