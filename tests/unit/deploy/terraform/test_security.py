"""What deploy/terraform protects: encryption, who may send and read, what is kept and for how long."""

from __future__ import annotations

import re

import pytest
from tests.unit.deploy.terraform.module import (
    FOLDER,
    all_resources,
    local,
    named,
    one,
    optional_defaults,
    resources,
    statements,
    text,
)

from turnout.recovery.ledger.dynamodb import INDEX

QUEUES = resources("aws_sqs_queue")
DEAD_LETTERS = [name for name in QUEUES if "dead_letter" in name or name in ("parked", "undelivered")]
DOCUMENTS = resources("aws_iam_policy_document", "data")
TABLES = resources("aws_dynamodb_table")


# ------------------------------------------------------------------------------------------------------------ queues


@pytest.mark.parametrize("name", QUEUES)
def test_every_queue_is_encrypted_with_our_key_and_polled_long(name: str) -> None:
    assert QUEUES[name]["kms_master_key_id"] == "${local.key_arn}"
    assert QUEUES[name]["receive_wait_time_seconds"] == 20


@pytest.mark.parametrize("name", DEAD_LETTERS)
def test_dead_letters_are_kept_longer_than_anything_before_them(name: str) -> None:
    assert QUEUES[name]["message_retention_seconds"] == "${local.dead_letter_retention_seconds}"
    assert local("dead_letter_retention_seconds") == "${14 * 86400}"
    conditions = [each["condition"] for each in named("variable")["source_retention_days"]["validation"]]
    assert "${var.source_retention_days >= 1 && var.source_retention_days < 14}" in conditions
    conditions = [each["condition"] for each in named("variable")["targets"]["validation"]]
    assert any("target.retention_days < 14" in each for each in conditions)


def test_queues_before_them_give_up_into_a_dead_letter_queue_of_their_kind() -> None:
    assert set(QUEUES) - set(DEAD_LETTERS) == {"source", "target"}
    assert "deadLetterTargetArn = aws_sqs_queue.dead_letter.arn" in QUEUES["source"]["redrive_policy"]
    assert "maxReceiveCount = var.max_receive_count" in QUEUES["source"]["redrive_policy"]
    mine = "deadLetterTargetArn = aws_sqs_queue.target_dead_letter[each.key].arn"
    assert mine in QUEUES["target"]["redrive_policy"]
    for name in ("target", "target_dead_letter"):
        assert QUEUES[name]["fifo_queue"] == "${each.value.fifo ? true : null}"
        assert QUEUES[name]["name"].endswith('${each.value.fifo ? ".fifo" : ""}')


def test_what_recovery_does_not_manage_ends_in_a_queue_for_people() -> None:
    for name in ("dead_letter", "undelivered"):
        redrive = QUEUES[name]["redrive_policy"]
        assert "var.recovery == null ? null" in redrive
        assert "deadLetterTargetArn = aws_sqs_queue.parked[0].arn" in redrive
    assert "redrive_policy" not in QUEUES["parked"]


def test_dead_letter_queues_take_from_their_own_queues_only() -> None:
    allowed = resources("aws_sqs_queue_redrive_allow_policy")
    assert set(allowed) == {"dead_letter", "parked", "target_dead_letter"}
    for body in allowed.values():
        assert 'redrivePermission = "byQueue"' in body["redrive_allow_policy"]


def test_every_queue_has_a_policy_that_refuses_what_is_not_encrypted_on_the_way() -> None:
    policies = resources("aws_sqs_queue_policy")
    queues = str(local("queues"))
    assert all(re.search(rf"aws_sqs_queue\.{name}\b", queues) for name in QUEUES)
    assert 'startswith(name, "source-")' in policies["internal"]["for_each"]
    (refusal,) = statements("encrypted_transport")
    assert (refusal["effect"], refusal["actions"]) == ("Deny", ["sqs:*"])
    assert one(refusal, "condition") == {"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}
    for name in ("source_queue", "undelivered_queue"):
        assert "encrypted_transport" in DOCUMENTS[name]["source_policy_documents"][0]


@pytest.mark.parametrize(("queue", "rule"), [("source", "[each.key]"), ("undelivered", "")])
def test_eventbridge_alone_may_send_to_it_and_only_for_our_rules(queue: str, rule: str) -> None:
    (allowed,) = [each for each in statements(f"{queue}_queue") if each.get("effect", "Allow") == "Allow"]
    assert allowed["actions"] == ["sqs:SendMessage"]
    assert allowed["resources"] == [f"${{aws_sqs_queue.{queue}{rule}.arn}}"]
    assert one(allowed, "principals") == {"type": "Service", "identifiers": ["events.amazonaws.com"]}
    condition = one(allowed, "condition")
    assert (condition["test"], condition["variable"]) == ("ArnEquals", "aws:SourceArn")
    assert "aws_cloudwatch_event_rule.source" in str(condition["values"])


def test_what_eventbridge_cannot_deliver_is_kept() -> None:
    (target,) = resources("aws_cloudwatch_event_target").values()
    assert one(target, "dead_letter_config") == {"arn": "${aws_sqs_queue.undelivered.arn}"}
    assert one(target, "retry_policy").keys() == {"maximum_event_age_in_seconds", "maximum_retry_attempts"}
    assert "${aws_sqs_queue_policy.source}" in target["depends_on"]
    assert optional_defaults("event_retry") == {"maximum_age_seconds": "86400", "maximum_attempts": "185"}


# --------------------------------------------------------------------------------------------------------------- key


def test_the_key_is_rotated_and_eventbridge_may_use_it_for_our_account_only() -> None:
    (key,) = resources("aws_kms_key").values()
    assert key["enable_key_rotation"] == "true" or key["enable_key_rotation"] is True
    by_sid = {each["sid"]: each for each in statements("key")}
    assert by_sid.keys() == {"AccountDecides", "EventBridgeSends", "AlarmsPublish", "LogGroups"}
    events = by_sid["EventBridgeSends"]
    assert events["actions"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert one(events, "condition")["variable"] == "aws:SourceAccount"
    alarms = by_sid["AlarmsPublish"]
    assert alarms["actions"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert one(alarms, "principals")["identifiers"] == ["cloudwatch.amazonaws.com"]
    assert one(alarms, "condition")["variable"] == "aws:SourceAccount"
    logs = one(by_sid["LogGroups"], "condition")
    assert logs["variable"] == "kms:EncryptionContext:aws:logs:arn"
    (groups,) = logs["values"]
    assert groups.endswith(":log-group:/${var.name}/*")
    for group in resources("aws_cloudwatch_log_group").values():
        assert group["name"].startswith("/${var.name}/")


def test_whole_services_and_everything_are_named_in_few_places_only() -> None:
    for name in DOCUMENTS:
        for each in statements(name):
            if each.get("effect", "Allow") == "Deny" or (name, each.get("sid")) == ("key", "AccountDecides"):
                continue
            stars = [action for action in each["actions"] if action.endswith(":*")]
            assert not stars, f"{name}: {stars}"
            # Two actions know no resource: ecr:GetAuthorizationToken and lambda:ListEventSourceMappings.
            if name not in ("key", "worker_start") and each.get("sid") != "FindMappings":
                given = each.get("resources", [])
                assert '"*"' not in given if isinstance(given, str) else "*" not in given, name


def test_conditions_stand_on_every_statement_that_lets_a_service_in() -> None:
    without = {
        name
        for name in DOCUMENTS
        for each in statements(name)
        for principal in each.get("principals", [])
        if principal["type"] == "Service" and not each.get("condition")
    }
    assert not without


# ------------------------------------------------------------------------------------------------------------ stores


@pytest.mark.parametrize("name", TABLES)
def test_tables_expire_can_be_restored_and_are_encrypted_and_not_deleted_by_mistake(name: str) -> None:
    table = TABLES[name]
    assert one(table, "ttl") == {"attribute_name": "expires", "enabled": True}
    assert one(table, "point_in_time_recovery") == {"enabled": True}
    assert one(table, "server_side_encryption") == {"enabled": True, "kms_key_arn": "${local.key_arn}"}
    assert table["deletion_protection_enabled"] == "${var.deletion_protection}"
    assert named("variable")["deletion_protection"]["default"] is True
    assert table["billing_mode"] == "PAY_PER_REQUEST"


def test_tables_have_the_keys_that_the_code_uses() -> None:
    assert TABLES["idempotency"]["hash_key"] == "key"
    ledger = TABLES["ledger"]
    assert (ledger["hash_key"], ledger["range_key"]) == ("pk", "sk")
    index = one(ledger, "global_secondary_index")
    assert (index["name"], index["hash_key"], index["range_key"], index["projection_type"]) == (
        INDEX,
        "shelf",
        "changed",
        "ALL",
    )
    types = {each["name"]: each["type"] for each in ledger["attribute"]}
    assert types == {"pk": "S", "sk": "S", "shelf": "S", "changed": "N"}


def test_nobody_outside_sees_the_archive() -> None:
    (block,) = resources("aws_s3_bucket_public_access_block").values()
    flags = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    assert [block[flag] for flag in flags] == [True] * 4
    (ownership,) = resources("aws_s3_bucket_ownership_controls").values()
    assert one(ownership, "rule") == {"object_ownership": "BucketOwnerEnforced"}
    (refusal,) = statements("archive")
    assert (refusal["effect"], one(refusal, "condition")["variable"]) == ("Deny", "aws:SecureTransport")


def test_the_archive_is_encrypted_versioned_and_grows_old() -> None:
    (encryption,) = resources("aws_s3_bucket_server_side_encryption_configuration").values()
    rule = one(encryption, "rule")
    assert one(rule, "apply_server_side_encryption_by_default") == {
        "sse_algorithm": "aws:kms",
        "kms_master_key_id": "${local.key_arn}",
    }
    assert rule["bucket_key_enabled"] is True
    (versioning,) = resources("aws_s3_bucket_versioning").values()
    assert one(versioning, "versioning_configuration") == {"status": "Enabled"}
    (lifecycle,) = resources("aws_s3_bucket_lifecycle_configuration").values()
    rule = one(lifecycle, "rule")
    assert rule["status"] == "Enabled"
    assert rule.keys() >= {"transition", "expiration", "noncurrent_version_expiration"}


def test_what_an_execution_remembers_of_a_letter_is_encrypted() -> None:
    (machine,) = resources("aws_sfn_state_machine").values()
    encryption = one(machine, "encryption_configuration")
    assert (encryption["type"], encryption["kms_key_id"]) == ("CUSTOMER_MANAGED_KMS_KEY", "${local.key_arn}")


def test_a_secret_is_granted_without_the_json_key_that_a_variable_takes_of_it() -> None:
    (secrets,) = [each for each in statements("worker_start") if each["sid"] == "ReadSecrets"]
    assert 'slice(split(":", arn), 0, 7)' in secrets["resources"]


def test_what_functions_know_is_encrypted_and_secrets_are_not_shown() -> None:
    for function in resources("aws_lambda_function").values():
        assert function["kms_key_arn"] == "${local.key_arn}"
    assert named("variable")["genesys_environment"]["sensitive"] is True


def test_logs_are_encrypted_and_expire() -> None:
    for group in resources("aws_cloudwatch_log_group").values():
        assert group["kms_key_id"] == "${local.key_arn}"
        assert group["retention_in_days"].endswith(".log_days}")


def test_no_secret_has_a_place_in_it() -> None:
    assert not re.search(r"\b(password|secret_string|access_key)\b", text(FOLDER))
    types = {type_ for type_, _, _ in all_resources()}
    assert not types & {"aws_secretsmanager_secret_version", "aws_iam_access_key", "aws_ssm_parameter"}
