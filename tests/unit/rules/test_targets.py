"""Targets in rule files: five kinds, one address each, checked where it is written."""

from pathlib import Path

import pytest

from turnout import load_rules
from turnout.errors import RulesError
from turnout.rules.files import schema
from turnout.rules.model import Kind, Target

RULES = """
targets:
  t: {target}
unmatched: drop
rules: [{{id: r, when: detail.x == 1, send: [t]}}]
"""


def target(tmp_path: Path, text: str) -> Target:
    (tmp_path / "rules.yaml").write_text(RULES.format(target=text))
    return load_rules(tmp_path, environ={"HOOK": "https://hooks.test/in"}).targets["t"]


def problems(tmp_path: Path, text: str) -> str:
    with pytest.raises(RulesError) as caught:
        target(tmp_path, text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind", "address"),
    [
        ("{queue: crm}", Kind.QUEUE, "crm"),
        ('{url: "${HOOK}"}', Kind.URL, "https://hooks.test/in"),
        (
            "{topic: 'arn:aws:sns:eu-west-1:123456789012:alerts'}",
            Kind.TOPIC,
            "arn:aws:sns:eu-west-1:123456789012:alerts",
        ),
        ("{bus: crm-bus}", Kind.BUS, "crm-bus"),
        (
            "{state_machine: 'arn:aws:states:eu-west-1:123456789012:stateMachine:m'}",
            Kind.STATE_MACHINE,
            "arn:aws:states:eu-west-1:123456789012:stateMachine:m",
        ),
    ],
)
def test_each_kind_has_an_address(tmp_path: Path, text: str, kind: Kind, address: str) -> None:
    found = target(tmp_path, text)
    assert (found.kind, found.address) == (kind, address)


def test_a_rate_and_the_name_of_a_secret_can_be_given(tmp_path: Path) -> None:
    found = target(tmp_path, '{url: "${HOOK}", per_second: 50, secret_from: HOOK_SECRET}')
    assert (found.per_second, found.secret_from) == (50, "HOOK_SECRET")


def test_the_variables_that_name_the_files_of_a_client_certificate_can_be_given(tmp_path: Path) -> None:
    found = target(tmp_path, "{url: 'https://b.test', client_certificate_from: CERT, client_key_from: KEY}")
    assert (found.client_certificate_from, found.client_key_from) == ("CERT", "KEY")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{priority: 1}", "needs 'queue'"),
        ("{queue: a, url: 'https://b.test'}", "has both 'queue' and 'url'"),
        ("{url: hooks.test}", "begins with https://"),
        ("{url: 'http://[hooks.test/in'}", "its host or its port cannot be"),
        ("{url: 'http://hooks.test:99999/in'}", "its host or its port cannot be"),
        ('{url: "http://hooks.test/in\\n"}', "there is a line break"),
        ("{url: 'http:///in'}", "it names no host"),
        ("{url: 'https://https://hooks.test/in'}", "stands in it twice"),
        ("{url: 'https://http//hooks.test/in'}", "stands in it twice"),
        ("{url: 'https://hooks.test/in '}", "it ends with a space"),
        ("{url: 'https://hooks test/in'}", "its host or its port cannot be"),
        ("{url: 'https://hooks..test/in'}", "its host or its port cannot be"),
        ("{url: 'https://*.hooks.test/in'}", "its host or its port cannot be"),
        ("{url: 'https://<hooks.test>/in'}", "its host or its port cannot be"),
        ("{url: 'https://hooks%2etest/in'}", "its host or its port cannot be"),
        ("{url: 'https://10.0.0.256/in'}", "its host or its port cannot be"),
        ("{url: 'https://hooks.test:0/in'}", "its host or its port cannot be"),
        ("{url: 'https://" + "h" * 64 + ".test/in'}", "its host or its port cannot be"),
        ("{url: 'https://" + "h." * 130 + "test/in'}", "its host or its port cannot be"),
        ("{topic: alerts}", "it is an ARN, such as arn:aws:sns:"),
        ("{state_machine: calls}", "it is an ARN, such as arn:aws:states:"),
        ("{topic: 'arn:aws:sqs:eu-west-1:123456789012:crm'}", "a topic's looks like arn:aws:sns:"),
        ("{bus: 'arn:aws:sns:eu-west-1:123456789012:crm'}", "a bus's looks like arn:aws:events:"),
        (
            "{state_machine: 'arn:aws:lambda:eu-west-1:123456789012:function:f'}",
            "a state machine's looks like arn:aws:states:",
        ),
        ("{topic: 'arn:aws:sns:eu-west-1:123456789012:alerts:0c5d-subscription'}", "is the ARN of something else"),
        ("{bus: 'arn:aws:events:eu-west-1:123456789012:rule/x'}", "a bus's looks like arn:aws:events:"),
        ("{state_machine: 'arn:aws:states:eu-west-1:123456789012:execution:calls:x'}", "the ARN of something else"),
        ("{bus: event-bus/calls}", "give its name, or its ARN, such as arn:aws:events:"),
        ("{bus: my calls}", "give its name, or its ARN, such as arn:aws:events:"),
        ("{queue: 'arn:aws:sqs:eu-west-1:123456789012:crm'}", "give its URL or its name, not its ARN"),
        ("{queue: $CRM}", "an environment reference is written ${NAME}"),
        ("{queue: '{{CRM}}'}", "an environment reference is written ${NAME}"),
        ("{queue: crm events}", "give its URL or its name"),
        ("{queue: 'http://[::1/0/orders'}", "its host or its port cannot be"),
        ("{queue: 'http://localhost:99999/0/orders'}", "its host or its port cannot be"),
        ("{queue: 'a,b'}", "a queue's name has at most 80 of"),
        ("{queue: " + "q" * 86 + "}", "a queue's name has at most 80 of"),
        ("{queue: 'https://sqs.test/1/crm/'}", "its URL looks like"),
        ("{queue: 'https://sqs.test/1/crm '}", "its URL looks like"),
        ('{queue: "https://sqs.test/1/crm\\n"}', "its URL looks like"),
        ("{queue: 'https://sqs.test/1/crm,https://sqs.test/1/other'}", "its URL looks like"),
        ("{queue: 'https://'}", "its URL looks like"),
        ("{queue: 'ftp://sqs.test/1/crm'}", "its URL looks like"),
        ("{queue: a, secret_from: X}", "goes with a url only"),
        ("{url: 'https://b.test', secret_from: 'not a name'}", "name of a variable"),
        ("{queue: a, client_certificate_from: X}", "goes with a url only"),
        ("{url: 'https://b.test', client_key_from: X}", "goes with a client_certificate_from only"),
        ("{url: 'http://b.test', client_certificate_from: X}", "goes with an https url only"),
        ("{url: 'https://b.test', client_certificate_from: /etc/client.pem}", "name of a variable, not a file"),
        ("{url: 'https://b.test', client_certificate_from: AWS_SESSION_TOKEN}", "authenticates itself with"),
        ("{queue: a, per_second: 0}", "from 1 to"),
        ("{que: a}", "did you mean 'queue'?"),
    ],
)
def test_what_is_wrong_with_a_target_is_told(tmp_path: Path, text: str, told: str) -> None:
    assert told in problems(tmp_path, text)


@pytest.mark.parametrize(
    "url",
    [
        "https://sqs.eu-west-1.amazonaws.com/123456789012",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/",
        "https://sqs.eu-west-1.amazonaws.com/events",
        "https://sqs.cn-north-1.amazonaws.com.cn/events",
        "http://localhost:4566/000000000000",
        "http://localhost:4566/queue/eu-west-1/000000000000",
    ],
)
def test_of_a_queues_url_without_account_or_name_it_is_told_what_is_missing_and_where(tmp_path: Path, url: str) -> None:
    told = problems(tmp_path, f"{{queue: '{url}'}}")
    assert "the account or the queue's name is missing, its URL looks like https://sqs." in told
    assert "rules.yaml:3:14: TR113" in told


def test_a_password_in_a_queues_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES.format(target='{queue: "${CRM}"}'))
    with pytest.raises(RulesError, match="its URL looks like") as caught:
        load_rules(tmp_path, environ={"CRM": "https://me:hunter2@sqs.test/1/crm"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://sqs.eu-west-1.amazonaws.com/123456789012/crm.fifo",
        "http://localhost:9324/000000000000/crm",
        "http://localhost:9324/000000000000/123456789012",
        "http://localhost:9324/queue/crm",
        "http://localhost:4100/crm",
        "http://[::1]:4566/queue/eu-west-1/000000000000/crm_1",
        "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/1/crm-2",
    ],
)
def test_urls_of_amazon_and_of_emulators_are_queues(tmp_path: Path, url: str) -> None:
    assert target(tmp_path, f"{{queue: '{url}'}}").address == url


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.test",
        "http://hooks:8080/a b?c=d#e",
        "https://_srv.my-hooks.test./in",
        "https://me:secret@hooks.test/in",
        "https://b\u00fccher.test/in",
        "https://xn--bcher-kva.test/in",
        "https://10.0.0.25/in",
        "https://[2001:db8::1]:8443/in",
        "https://hooks.test/https://elsewhere.test/",
        "https://https.test/in",
    ],
)
def test_what_may_be_the_url_of_an_endpoint_is_taken_as_it_is(tmp_path: Path, url: str) -> None:
    assert target(tmp_path, f"{{url: '{url}'}}").address == url


def test_every_kind_of_target_has_a_field_for_its_address() -> None:
    assert set(Kind) <= set(schema.TARGET)
