"""What `turnout dlq retry` and its kin say before any service is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.cli.test_dlq_report import exported  # noqa: F401 - a fixture

from turnout.cli.dlq import dlq
from turnout.recovery.ledger.api import UnknownPlan


def test_a_plan_whose_ledger_is_elsewhere_is_not_looked_for_in_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TURNOUT_DLQ_LEDGER", raising=False)
    result = CliRunner().invoke(dlq, ["retry", "--resume", "retry-1", "--yes", "--file", "any"])
    assert isinstance(result.exception, UnknownPlan)
    assert f"there is no ledger {tmp_path}/turnout-ledger.sqlite" in str(result.exception)
    assert "--ledger" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_user_whose_name_is_no_text_in_utf_8_can_act_on_letters(
    exported: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, b"j\xf6rg".decode(errors="surrogateescape"))
    monkeypatch.chdir(exported.parent)
    arguments = ["replay", "--file", str(exported), "--to-file", "sent.jsonl", "--yes"]
    result = CliRunner().invoke(dlq, arguments, catch_exceptions=False)
    assert (result.exit_code, len(Path("sent.jsonl").read_text().splitlines())) == (0, 3), result.output
