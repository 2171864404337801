"""Every action that the code calls is granted to the role of that component, and no other."""

from __future__ import annotations

import json
import re

import pytest
from tests.unit.deploy.terraform.calls import (
    LEDGER,
    SOURCE,
    SPEAKERS,
    actions,
    by_ledger_method,
    module_path,
    own_actions,
    reach,
    speaker,
    sqs_actions,
)
from tests.unit.deploy.terraform.module import FOLDER, granted, resources, statements
from tests.unit.recovery import letters
from tests.unit.test_architecture import MODULES, imports

from turnout.recovery import read_letter

KEY = {"kms:Decrypt", "kms:GenerateDataKey"}
"""SQS and DynamoDB use the key in the name of whoever calls them."""
LAMBDA_READS = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
"""What an event source mapping does with the function's role (Lambda's developer guide)."""
BY_RECOVERY = {"lambda:InvokeFunction"}
"""No rule names a function as its target."""
BY_OPERATORS = {"s3:ListBucket"}
"""Only people bring archived letters back, and look for them by the beginning of their keys."""
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
ECS_STARTS = LOG | {
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "secretsmanager:GetSecretValue",
}


def test_every_module_that_speaks_to_aws_is_known_here() -> None:
    for module, path in MODULES.items():
        if any(each == "aioboto3" or each.startswith("aioboto3.") for each in imports(path)):
            offline = module.startswith(("demo", "doctor", "provision"))
            assert offline or speaker(module), f"say in SPEAKERS which services turnout.{module} speaks to"


@pytest.mark.parametrize("name", [name for name, services in SPEAKERS.items() if services])
def test_calls_are_found_in_every_one_of_them(name: str) -> None:
    assert module_path(name).exists()
    found = set().union(*(own_actions(module) for module in MODULES if speaker(module) == name))
    assert len(found) >= 2, "the calls are made in a way that is not recognised"


def test_what_is_called_is_what_a_reader_of_the_code_finds() -> None:
    assert own_actions("idempotency.dynamodb") == {"dynamodb:GetItem", "dynamodb:UpdateItem"}
    of_targets = {"sns:Publish", "events:PutEvents", "states:StartExecution", "lambda:InvokeFunction"}
    assert own_actions("targets.aws") == of_targets
    spoken_to = set(re.findall(r'^    service = "(\w+)"$', module_path("targets.aws").read_text(), re.MULTILINE))
    assert spoken_to == set(SPEAKERS["targets.aws"])
    ledger = by_ledger_method()
    assert ledger["see"] == ledger["record"] == {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
    assert ledger["claim"] == {"dynamodb:UpdateItem"}
    assert ledger["history"] == ledger["find"] == {"dynamodb:Query"}
    assert set().union(*ledger.values()) == own_actions(f"{LEDGER}.table") == ledger["save_plan"] | {"dynamodb:Query"}
    assert own_actions("recovery.archive.s3") == {"s3:GetObject", "s3:ListBucket", "s3:PutObject"}
    assert sqs_actions("pipeline.settler") == {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage"}
    assert sqs_actions("pipeline.poller") == {"sqs:ReceiveMessage"}


def test_functions_are_invoked_by_recovery_alone() -> None:
    made = [name for name, path in MODULES.items() if "FunctionDestination(" in path.read_text()]
    assert made == ["targets.aws", "targets.destinations"]
    reached = {name.partition(".")[0] for name, path in MODULES.items() if ".at_arn(" in path.read_text()}
    assert reached <= {"recovery", "dlq"}


def test_functions_may_be_invoked_in_the_version_that_a_letter_names() -> None:
    letter = read_letter(letters.message(letters.destination_text("no answer")))
    assert letter.delivery is not None
    assert letter.delivery.target.endswith(":$LATEST")
    text = (FOLDER / "roles-recovering.tf").read_text()
    assert '[for arn in statement.value : [arn, "${arn}:*"]]' in text


def test_the_archive_is_listed_for_people_alone() -> None:
    listing = [name for name, path in MODULES.items() if re.search(r"store\.keys\(", path.read_text())]
    assert listing == ["recovery.archive.source"]
    opening = [name for name, path in MODULES.items() if re.search(r"(?<!class )ArchiveSource\(", path.read_text())]
    assert opening == ["dlq.sources"], "a place that the processor refuses: its letters are archived already"


def test_the_worker_is_granted_what_it_calls_and_nothing_else() -> None:
    assert granted("worker") == (actions("app") - BY_RECOVERY) | KEY


def test_functions_may_use_the_ledgers_table_alone_because_its_index_is_for_queries() -> None:
    for name in ("recovery", "steps"):
        (keeping,) = [each for each in statements(name) if each["actions"][0].startswith("dynamodb:")]
        assert keeping["resources"] == ["${aws_dynamodb_table.ledger.arn}"]


def test_what_recovers_by_itself_may_not_write_letters_into_the_queue_that_it_reads() -> None:
    for name in ("recovery", "steps", "kubernetes_recovery"):
        for each in statements(name):
            assert "sqs:SendMessage" not in each["actions"] or "dead_letter" not in str(each["resources"]), name


def test_operators_are_granted_what_recovery_calls_and_the_doctor_asks_and_nothing_else() -> None:
    doctor = "\n".join(path.read_text() for path in (SOURCE / "doctor" / "asking").rglob("*.py"))
    asked = set(re.findall(r'"((?:sqs|sns|events|states|dynamodb|s3|kms|lambda|iam):[A-Z]\w+)"', doctor))
    asked.remove("kms:ViaService")  # what a condition looks at
    assert len(asked) > 10
    recovering = actions("dlq", "recovery", "cli.dlq", "targets")
    assert granted("operator") == recovering | asked | KEY


def test_operators_may_ask_iam_about_themselves_alone() -> None:
    (asking,) = [each for each in statements("operator") if "iam:SimulatePrincipalPolicy" in each["actions"]]
    assert asking["actions"] == ["iam:GetRole", "iam:SimulatePrincipalPolicy"]
    assert asking["resources"] == "${statement.value}"
    text = (FOLDER / "roles-operators.tf").read_text()
    assert "for_each = length(var.operator_arns) > 0 ? [var.operator_arns] : []" in text


def test_operators_may_restore_archived_letters_into_each_queue_that_letters_are_found_in() -> None:
    (holding,) = [each for each in statements("operator") if "sqs:ReceiveMessage" in each["actions"]]
    sending = [str(each["resources"]) for each in statements("operator") if "sqs:SendMessage" in each["actions"]]
    assert str(holding["resources"]) in sending


def test_the_policy_of_operators_has_room_for_fifteen_targets() -> None:
    def arn(queue: str) -> str:
        return f"arn:aws:sqs:ap-southeast-1:123456789012:turnout-production-{queue}"

    targets = [arn(f"a-target-{number:02}") for number in range(15)]
    others = [arn(name) for name in ("events", "dead-letter", "undelivered", "parked")]
    lists = {
        "local.target_queue_arns": targets,
        "local.failure_queue_arns": [f"{target}-dead-letter" for target in targets] + others[1:],
        "local.queues": [*targets, *(f"{target}-dead-letter" for target in targets), *others],
    }
    rendered = []
    for each in statements("operator"):
        if "statement.value" in str(each["resources"]) and "Archive" not in each["sid"]:
            continue  # of targets that are no queues
        asked = [name for name in lists if name in str(each["resources"])]
        named = [arn for name in asked for arn in lists[name]] or others[:2]
        rendered.append({"Sid": each["sid"], "Effect": "Allow", "Action": each["actions"], "Resource": named})
        if condition := each.get("condition"):
            rendered[-1]["Condition"] = {"StringEquals": {"kms:ViaService": condition[0]["values"]}}
    # IAM counts a managed policy without its white space (IAM user guide, "IAM and AWS STS quotas").
    assert len(json.dumps({"Version": "2012-10-17", "Statement": rendered}, separators=(",", ":"))) <= 6144


def test_keda_is_granted_the_one_call_of_its_scaler() -> None:
    assert granted("keda") == {"sqs:GetQueueAttributes"}


def test_ecs_is_granted_what_starting_a_task_needs_and_nothing_else() -> None:
    assert granted("worker_start") == ECS_STARTS


def policy_of(role: str) -> str:
    """The document of a role's policy."""
    found = re.search(r"aws_iam_policy_document\.(\w+)", resources("aws_iam_role_policy")[role]["policy"])
    assert found is not None
    return found[1]


def test_each_role_has_one_policy_and_may_be_assumed_by_one_service() -> None:
    roles = resources("aws_iam_role")
    policies = resources("aws_iam_role_policy")
    assert roles.keys() == policies.keys()
    for name, policy in policies.items():
        assert f"aws_iam_role.{name}[" in policy["role"]
        assert policy_of(name) == {"kubernetes": "worker"}.get(name, name)
    for name, role in roles.items():
        (statement,) = statements(re.split(r"[.\[}]", role["assume_role_policy"])[2])
        (principal,) = statement["principals"]
        assert len(principal["identifiers"]) == 1
        if name.startswith("kubernetes"):
            assert statement["actions"] == ["sts:AssumeRoleWithWebIdentity"]
            assert [each["variable"].rpartition(":")[2] for each in statement["condition"]] == ["sub", "aud"]
        else:
            assert statement["actions"] == ["sts:AssumeRole"]
            assert principal["type"] == "Service"
            account = {"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["${local.account}"]}
            assert account in statement["condition"], "a service acts for whoever asks it, in whichever account"


def test_roles_are_taken_by_the_service_that_acts_with_them() -> None:
    document = resources("aws_iam_policy_document", "data")["assumes"]
    assert document["for_each"] == '${toset(["lambda", "pipes", "states"])}'
    (statement,) = statements("assumes")
    assert statement["principals"] == [{"type": "Service", "identifiers": ["${each.key}.amazonaws.com"]}]
    assuming = {name: role["assume_role_policy"] for name, role in resources("aws_iam_role").items()}
    taken = {name: re.search(r'\.assumes\["(\w+)"\]', text) for name, text in assuming.items()}
    functions = dict.fromkeys(("conversations", "recovery", "router", "steps"), "lambda")
    assert {name: found[1] for name, found in taken.items() if found} == {
        **functions,
        "pipe": "pipes",
        "state_machine": "states",
    }


@pytest.mark.parametrize("name", resources("aws_iam_policy_document", "data"))
def test_no_statement_takes_the_place_of_one_in_a_document_that_it_builds_on(name: str) -> None:
    # Of two statements with one name the provider keeps the last.
    names = [each["sid"] for each in statements(name) if "sid" in each]
    assert len(names) == len(set(names))


def test_no_role_may_do_everything_or_touch_everything() -> None:
    for name in [*map(policy_of, resources("aws_iam_role")), "operator", "keda"]:
        for statement in statements(name):
            assert statement.get("effect", "Allow") == "Allow"
            assert not any("*" in action for action in statement["actions"]), name
            if statement["resources"] == ["*"]:
                assert statement["actions"][0] in ("ecr:GetAuthorizationToken", "lambda:ListEventSourceMappings"), name
                assert len(statement["actions"]) == 1


def test_the_key_may_be_used_through_the_services_that_hold_events_alone() -> None:
    for name in ("routing", "recovering"):
        (statement,) = [each for each in statements(name) if set(each["actions"]) & KEY]
        (condition,) = statement["condition"]
        assert (condition["test"], condition["variable"]) == ("StringEquals", "kms:ViaService")
        assert statement["resources"] == ["${local.key_arn}"]


def test_what_a_component_reaches_is_not_more_than_it_is() -> None:
    assert not any(module.startswith(("recovery.ledger", "demo", "doctor")) for module in reach("app"))


def test_the_router_function_is_granted_what_it_calls_and_what_lambda_does_for_it_and_nothing_else() -> None:
    # A batch stands in for the source queue, so of SQS the pipeline reaches no more than sending.
    assert sqs_actions("serverless.source") <= {"sqs:SendMessage", "sqs:GetQueueAttributes"}
    by_lambda = {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"}
    assert granted("router") == (actions("serverless.router") - by_lambda - BY_RECOVERY) | LAMBDA_READS | LOG | KEY


BY_LAMBDA = {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"}


def test_recovery_by_a_function_is_granted_what_it_calls_and_nothing_else() -> None:
    assert granted("recovery") == (actions("serverless.recovery") - BY_LAMBDA - BY_OPERATORS) | LAMBDA_READS | LOG | KEY


def test_recovery_by_a_state_machine_is_granted_what_it_calls_and_nothing_else() -> None:
    calls = actions("serverless.steps") - BY_LAMBDA - BY_OPERATORS - {"sqs:GetQueueAttributes"}
    assert granted("steps") == calls | LOG | KEY
    assert granted("state_machine") == {"lambda:InvokeFunction"} | KEY
    assert granted("pipe") == LAMBDA_READS | {"states:StartExecution"} | KEY


def test_recovery_in_kubernetes_is_granted_what_the_processor_calls_and_nothing_else() -> None:
    assert granted("kubernetes_recovery") == (actions("recovering") - BY_OPERATORS) | KEY


def test_each_service_account_of_kubernetes_has_its_own_role() -> None:
    document = "kubernetes_assumes"
    accounts = str(resources("aws_iam_policy_document", "data")[document]["for_each"])
    worker = "var.kubernetes.service_account"
    assert f'{{worker = {worker}, recovery = "${{{worker}}}-recovery"}}' in accounts
    (statement,) = statements(document)
    (subject,) = [each["values"] for each in statement["condition"] if each["variable"].endswith(":sub")]
    assert subject == ["system:serviceaccount:${var.kubernetes.namespace}:${each.value}"]
    roles = {
        name: role["assume_role_policy"] for name, role in resources("aws_iam_role").items() if document in str(role)
    }
    assert roles == {
        "kubernetes": f'${{data.aws_iam_policy_document.{document}["worker"].json}}',
        "kubernetes_recovery": f'${{data.aws_iam_policy_document.{document}["recovery"].json}}',
    }


def test_who_follows_conversations_is_granted_what_lambda_does_for_it_because_it_calls_genesys_alone() -> None:
    text = module_path("serverless.conversations").read_text() + module_path("serverless.telling").read_text()
    assert not re.search(r"\b(open_sqs|open_services|open_destinations|open_store|open_ledger|aioboto3)\b", text)
    assert granted("conversations") == LAMBDA_READS | LOG | {"kms:Decrypt"}
