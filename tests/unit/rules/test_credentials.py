"""What the worker authenticates itself with is not for rules: who edits them says where events go."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout import load_rules
from turnout.errors import RulesError
from turnout.genesys import config
from turnout.rules.environment import is_withheld
from turnout.settings import SECRETS, variable

RULES = """
targets:
  t: {{url: "https://hooks.test/{url}", secret_from: {secret}}}
unmatched: drop
rules:
  - id: r
    when: {condition}
    send: [t]
    attributes: {{level: {attribute}}}
"""
HARMLESS = {"url": "in", "secret": "HOOK_SECRET", "condition": "detail.x == 1", "attribute": "{value: high}"}


def load(folder: Path, **changed: str) -> None:
    (folder / "rules.yaml").write_text(RULES.format_map({**HARMLESS, **changed}))
    names = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "TURNOUT_HTTP_TOKEN", "HOOK_TOKEN")
    load_rules(folder, environ=dict.fromkeys(names, "the-secret-itself"))


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("url", "${AWS_SECRET_ACCESS_KEY}"),
        ("url", "${AWS_SECRET_ACCESS_KEY:-none}"),
        ("secret", "TURNOUT_HTTP_TOKEN"),
        ("condition", "detail.x == ${AWS_SESSION_TOKEN}"),
        ("condition", "\"detail.x == 'Bearer ${TURNOUT_HTTP_TOKEN}'\""),
        ("attribute", '{value: "${TURNOUT_HTTP_TOKEN}"}'),
    ],
)
def test_rules_cannot_read_the_workers_own_credentials(tmp_path: Path, place: str, text: str) -> None:
    with pytest.raises(RulesError) as caught:
        load(tmp_path, **{place: text})
    (problem,) = caught.value.problems
    assert "TR121 rules may not read" in str(problem)
    assert "the-secret-itself" not in str(problem)


def test_a_secret_of_an_endpoints_own_may_be_in_its_url(tmp_path: Path) -> None:
    load(tmp_path, url="${HOOK_TOKEN}")


def test_what_is_no_reference_stays_a_text(tmp_path: Path) -> None:
    load(tmp_path, attribute='{value: "$${AWS_SECRET_ACCESS_KEY}"}')


def test_every_secret_setting_and_what_clients_authenticate_with_is_withheld() -> None:
    names = [variable(field) for field in SECRETS]
    names += [config.variable("client_secret"), "GENESYSCLOUD_OAUTHCLIENT_SECRET", "GENESYS_CLIENT_SECRET"]
    names += ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "HTTPS_PROXY", "https_proxy"]
    assert [name for name in names if not is_withheld(name)] == []
    assert not any(map(is_withheld, ("AWS_REGION", "TURNOUT_SOURCE_QUEUE_URL", "CRITICAL_QUEUE_URL", "HOOK_TOKEN")))


def test_attributes_by_which_letters_and_replays_are_known_are_not_for_rules(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        "targets: {t: {queue: crm}}\nunmatched: drop\nrules:\n"
        "  - {id: r, when: detail.x == 1, send: [t], attributes: {Turnout.Replay: {value: again}}}\n"
    )
    with pytest.raises(RulesError, match=r"'Turnout\.Replay' begins like Turnout's own attributes"):
        load_rules(tmp_path)
