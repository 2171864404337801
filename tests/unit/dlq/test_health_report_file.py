"""Where `turnout dlq work --report` writes the newest health report."""

import os
import subprocess
import sys
import tty
from pathlib import Path

import pytest

from turnout import recovering


def test_a_report_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "health.json"
    for document in (b"{}", b"[]"):
        recovering._write(file, document)
        assert file.read_bytes() == document + b"\n"
    assert [path.name for path in tmp_path.iterdir()] == ["health.json"]


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to("health.json")
    recovering._write(link, b"{}")
    assert link.is_symlink()
    assert (tmp_path / "health.json").read_bytes() == b"{}\n"


def test_a_link_that_somebody_laid_beside_it_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".health.json.new").symlink_to("precious")
    recovering._write(tmp_path / "health.json", b"{}")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "health.json").read_bytes() == b"{}\n"
    assert not (tmp_path / "health.json").is_symlink()


def test_a_device_is_written_to_and_not_replaced() -> None:
    ours, theirs = os.openpty()
    try:
        tty.setraw(theirs)
        recovering._write(Path(os.ttyname(theirs)), b"{}")
        assert os.read(ours, 100) == b"{}\n"
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("module", ["turnout.recovering:_write", "turnout.cli.dlq.writing:write_whole"])
@pytest.mark.parametrize("piped", [False, True])
def test_what_is_written_to_standard_output_is_added_to_what_it_leads_to(
    module: str, piped: bool, tmp_path: Path
) -> None:
    path, _, name = module.partition(":")
    what = "b'{}'" if name == "_write" else "['{}', '\\n']"
    code = f"from pathlib import Path; from {path} import {name}; {name}(Path('/dev/stdout'), {what})"
    log = tmp_path / "log"
    log.write_text("before\n")
    with log.open("ab") as stream:
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE if piped else stream, check=True)
    assert (done.stdout, log.read_text()) == ((b"{}\n", "before\n") if piped else (None, "before\n{}\n"))
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
