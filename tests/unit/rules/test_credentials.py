"""What the worker authenticates itself with is not for rules: who edits them says where events go."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout import load_rules
from turnout.errors import RulesError
from turnout.genesys import config
from turnout.rules.environment import is_withheld
from turnout.rules.explain.explain import explain
from turnout.rules.files.load import read_rules
from turnout.rules.lint import lint
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


SECRET = "(s3cr3t"


@pytest.mark.parametrize(
    "rule",
    [
        "when: matches(detail.x, '${KEY}')",
        "when: matches(detail.x, ${KEY})",
        "when: cidr(detail.x, ('${KEY}'))",
        "pattern: {detail: {x: [{cidr: '${KEY}/8'}]}}",
        "pattern: {detail: {x: [{numeric: ['${KEY}', 1]}]}}",
        "pattern: {detail: {x: [{numeric: ['=', 1, '${KEY}', 2]}]}}",
    ],
)
def test_an_error_about_what_a_variable_holds_does_not_tell_it(tmp_path: Path, rule: str) -> None:
    (tmp_path / "rules.yaml").write_text(
        f"targets: {{t: {{queue: q}}}}\nunmatched: drop\nrules:\n- id: r\n  send: [t]\n  {rule}\n"
    )
    with pytest.raises(RulesError) as caught:
        load_rules(tmp_path, environ={"KEY": SECRET})
    assert "${KEY}" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("when: detail.x == '${KEY}'", "s3*cr3t"),
        ("when: wildcard(detail.x, '${KEY}')", "s3cr3t"),
        ("when: detail.x > ${KEY} and detail.x < 'z'", "-31337"),
        ("when: detail.x == '${KEY}' and detail.x > 5", "31337"),
        ("pattern: {detail: {x: ['${KEY}', {suffix: '${KEY}'}]}}", "s3*cr3t"),
    ],
)
def test_warnings_and_explanations_name_the_variable_and_not_what_it_holds(
    tmp_path: Path, rule: str, value: str
) -> None:
    (tmp_path / "rules.yaml").write_text(
        f"targets: {{t: {{queue: q}}}}\nunmatched: drop\nrules:\n- id: r\n  send: [t]\n  {rule}\n"
    )
    reading = read_rules(tmp_path, environ={"KEY": value}, keep_patterns=True)
    assert not reading.problems
    (written,) = reading.rules
    shown = [str(found) for found in lint(reading)]
    shown.append(str(explain(written.condition, {"detail": {"x": True}}, source=written.source)))
    assert "${KEY}" in shown[-1]
    assert not [text for text in shown if value.strip("-") in text]
