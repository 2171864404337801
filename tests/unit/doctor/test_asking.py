"""How AWS's answers become facts. What is asked is tried on emulators, in tests/e2e/test_doctor.py."""

import asyncio
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError
from tests.servers.raw import Peer, raw_server
from tests.unit.doctor.facts import ACCOUNT, CALLER, settings

from turnout.doctor.asking.answers import ask
from turnout.doctor.asking.genesys import ask_genesys
from turnout.doctor.asking.iam import Iam, principal_of, read_decisions
from turnout.doctor.asking.keys import ask_key
from turnout.doctor.asking.queues import QueueAsker, read_mapping
from turnout.doctor.asking.stores import ask_table
from turnout.doctor.facts import KeyFacts, MappingFacts, QueueFacts, Role, Silence, Why
from turnout.doctor.findings import Severity
from turnout.doctor.queues import judge_queue
from turnout.genesys.config import GenesysConfig
from turnout.genesys.secret import Secret
from turnout.targets.aws import AwsClients


@pytest.mark.parametrize(
    ("arn", "principal"),
    [
        ("arn:aws:sts::1:assumed-role/turnout-worker/task-7", "arn:aws:iam::1:role/turnout-worker"),
        ("arn:aws-cn:sts::1:assumed-role/w/i-0", "arn:aws-cn:iam::1:role/w"),
        ("arn:aws:iam::1:user/path/somebody", "arn:aws:iam::1:user/path/somebody"),
        ("arn:aws:iam::1:root", ""),
        ("arn:aws:sts::1:federated-user/x", ""),
        ("", ""),
    ],
)
def test_iam_simulates_for_users_and_for_the_role_behind_a_session(arn: str, principal: str) -> None:
    assert principal_of(arn) == principal


def test_decisions_are_read_by_action() -> None:
    answer = {
        "EvaluationResults": [
            {"EvalActionName": "sqs:SendMessage", "EvalDecision": "allowed"},
            {"EvalActionName": "sqs:ReceiveMessage", "EvalDecision": "implicitDeny"},
        ]
    }
    assert read_decisions(answer) == {"sqs:SendMessage": "allowed", "sqs:ReceiveMessage": "implicitDeny"}
    assert read_decisions({}) == {}


class Clients:
    """Stands in for `AwsClients`: an IAM with one role, which knows it by its whole ARN alone."""

    WHOLE = f"arn:aws:iam::{ACCOUNT}:role/team/turnout-worker"

    def __init__(self, tells: bool = True) -> None:
        self.tells = tells
        self.asked: list[str] = []

    async def get(self, service: str, region: str | None) -> Any:
        return self

    async def get_role(self, RoleName: str) -> Any:  # noqa: N803 - AWS's names
        self.asked.append(RoleName)
        if not self.tells:
            raise answered("AccessDenied")
        return {"Role": {"Arn": self.WHOLE}}

    async def simulate_principal_policy(self, PolicySourceArn: str, ActionNames: list[str], **_: object) -> Any:  # noqa: N803
        if PolicySourceArn != self.WHOLE:
            raise answered("NoSuchEntity")
        return {"EvaluationResults": [{"EvalActionName": each, "EvalDecision": "allowed"} for each in ActionNames]}


def test_a_role_with_a_path_is_simulated_under_its_whole_name_which_is_asked_for_once() -> None:
    clients: Any = Clients()
    iam = Iam(clients, CALLER)

    async def both() -> Any:
        return await asyncio.gather(*(iam.decisions(["sqs:SendMessage"], [arn]) for arn in ("arn:a", "arn:b")))

    assert asyncio.run(both()) == [{"sqs:SendMessage": "allowed"}] * 2
    assert clients.asked == ["turnout-worker"]


class Keys(Clients):
    """An account with one key, whose use a role is allowed through SQS alone."""

    ARN = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"

    def __init__(self, manager: str = "CUSTOMER") -> None:
        super().__init__()
        self.manager = manager

    async def describe_key(self, KeyId: str) -> Any:  # noqa: N803 - AWS's names
        assert KeyId == "alias/events"
        return {"KeyMetadata": {"Arn": self.ARN, "KeyState": "Enabled", "KeyManager": self.manager}}

    async def simulate_principal_policy(self, PolicySourceArn: str, ActionNames: list[str], **asked: object) -> Any:  # noqa: N803
        through_sqs = {
            "ContextKeyName": "kms:ViaService",
            "ContextKeyValues": ["sqs.eu-west-1.amazonaws.com"],
            "ContextKeyType": "string",
        }
        if asked != {"ResourceArns": [self.ARN], "ContextEntries": [through_sqs]}:
            return {
                "EvaluationResults": [{"EvalActionName": each, "EvalDecision": "implicitDeny"} for each in ActionNames]
            }
        return await super().simulate_principal_policy(PolicySourceArn, ActionNames)


ENCRYPTED = {"QueueArn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:events", "KmsMasterKeyId": "alias/events"}


@pytest.mark.parametrize(
    ("role", "actions"),
    [
        (Role.SOURCE, ["kms:Decrypt"]),
        (Role.TARGET, ["kms:GenerateDataKey", "kms:Decrypt"]),
        (Role.DEAD_LETTER, ["kms:GenerateDataKey", "kms:Decrypt"]),
    ],
)
def test_the_use_of_a_queues_key_is_simulated_as_it_happens_through_sqs(role: Role, actions: list[str]) -> None:
    clients: Any = Keys()
    found = asyncio.run(ask_key(clients, CALLER, Iam(clients, CALLER), ENCRYPTED, role))
    assert found == KeyFacts("Enabled", "CUSTOMER", dict.fromkeys(actions, "allowed"))


def test_the_use_of_awss_own_key_is_nothing_to_be_asked_about() -> None:
    clients: Any = Keys("AWS")
    assert asyncio.run(ask_key(clients, CALLER, Iam(clients, CALLER), ENCRYPTED, Role.SOURCE)) == KeyFacts(
        "Enabled", "AWS"
    )


def test_where_iam_does_not_tell_the_path_the_simulation_says_that_there_is_no_such_role() -> None:
    clients: Any = Clients(tells=False)
    found = asyncio.run(Iam(clients, CALLER).decisions(["sqs:SendMessage"], ["arn:a"]))
    assert isinstance(found, Silence)
    assert found.code == "NoSuchEntity"


def test_of_several_resources_the_worst_decision_counts() -> None:
    results = [
        {"EvalActionName": "dynamodb:Query", "EvalDecision": decision}
        for decision in ("allowed", "implicitDeny", "allowed")
    ]
    assert read_decisions({"EvaluationResults": results}) == {"dynamodb:Query": "implicitDeny"}


def test_a_mapping_is_read_with_its_functions_timeout() -> None:
    mapping = {
        "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:router:live",
        "State": "Enabled",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    assert read_mapping(mapping, {"Timeout": 45}) == MappingFacts("router:live", True, 1, True, 45)
    bare = read_mapping({"FunctionArn": "x", "State": "Disabled"}, Silence(Why.DENIED, "AccessDenied", ""))
    assert bare == MappingFacts("x", False, 0, False, None)


def answered(code: str, operation: str = "GetQueueAttributes") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "so it said"}}, operation)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (answered("AccessDenied"), Why.DENIED),
        (answered("AWS.SimpleQueueService.NonExistentQueue"), Why.MISSING),
        (answered("ResourceNotFoundException"), Why.MISSING),
        (answered("InternalError"), Why.FAILED),
        (answered("403"), Why.FAILED),
        (answered("403", "HeadBucket"), Why.DENIED),
        (answered("404", "HeadBucket"), Why.MISSING),
        (answered("ThrottlingException"), Why.THROTTLED),
        (answered("ProvisionedThroughputExceededException"), Why.THROTTLED),
        (answered("Throttled"), Why.THROTTLED),
        (answered("ExpiredToken"), Why.UNKNOWN_CALLER),
        (NoCredentialsError(), Why.UNKNOWN_CALLER),
        (
            RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
            Why.UNKNOWN_CALLER,
        ),
        (ConnectionRefusedError("no"), Why.FAILED),
        (KeyError("an answer that is not AWS's"), Why.FAILED),
        (TimeoutError(), Why.FAILED),
    ],
)
def test_a_question_without_an_answer_says_why_and_raises_nothing(error: Exception, why: Why) -> None:
    async def question() -> Any:
        raise error

    silence = asyncio.run(ask(question(), "sqs:GetQueueAttributes"))
    assert isinstance(silence, Silence)
    assert silence.why is why
    assert silence.action == "sqs:GetQueueAttributes"


def test_a_proxy_or_authorities_that_cannot_be_used_are_what_is_in_the_way_of_genesys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "nowhere.pem")
    found = asyncio.run(
        ask_genesys(GenesysConfig(client_id="id", client_secret=Secret("hush"), api_url="https://api.example.test"))
    )
    assert found is not None
    assert found.why is Why.FAILED
    assert "SSL_CERT_" in found.message


@pytest.mark.parametrize(
    "said", [b"<html>sign in</html>", b"{}", b"[]", b'{"Attributes": null, "Table": {"KeySchema": [{}]}}']
)
def test_what_answers_in_place_of_aws_is_told_and_raises_nothing(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def peer(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(said)

    async def ask_all() -> tuple[object, object]:
        async with raw_server(peer) as server:
            for name, value in (
                ("ENDPOINT_URL", server.url),
                ("REGION", "eu-west-1"),
                ("ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ):
                monkeypatch.setenv(f"AWS_{name}", value)
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
            clients = AwsClients()
            asker = QueueAsker(clients)
            iam = Iam(clients, CALLER)
            emulator = msgspec.structs.replace(CALLER, emulator=True)
            try:
                queue = await asker.facts(f"{server.url}/1/events", Role.SOURCE, (), emulator, iam)
                return queue.attributes, await ask_table(clients, "eu-west-1", "ledger")
            finally:
                await asker.aclose()
                await clients.aclose()

    for answer in asyncio.run(ask_all()):
        assert isinstance(answer, Silence)
        assert answer.why is Why.FAILED


def test_the_page_of_a_proxy_that_refuses_is_no_answer_of_aws_and_is_not_shown() -> None:
    async def refused() -> None:
        page = {"Error": {"Code": "403", "Message": "<html>Access denied by policy</html>"}}
        raise ClientError(page, "SendMessageBatch")

    silence = asyncio.run(ask(refused(), "sqs:SendMessage"))
    assert silence == Silence(
        Why.FAILED, "BadAnswer", "an answer with HTTP status 403 that is not AWS's", "sqs:SendMessage"
    )


def test_a_name_that_none_can_have_is_told_with_what_is_wrong_with_it() -> None:
    async def refuse() -> None:
        raise ParamValidationError(report='Invalid bucket name "a/b"')

    silence = asyncio.run(ask(refuse(), "s3:ListBucket"))
    assert isinstance(silence, Silence)
    assert silence.message == 'Invalid bucket name "a/b"'


def test_a_queue_of_a_region_that_nobody_knows_is_a_finding_and_does_not_end_the_examination(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    nobody: Any = None

    async def facts() -> QueueFacts:
        url = "http://sqs.internal.example:4566/000000000000/x"
        return await QueueAsker(nobody).facts(url, Role.TARGET, ("x",), CALLER, Iam(nobody, CALLER))

    (finding,) = judge_queue(asyncio.run(facts()), settings(), CALLER)
    assert finding.severity is Severity.ERROR
    assert "no region is known for this queue: set AWS_REGION" in finding.message
