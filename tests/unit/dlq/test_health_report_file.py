"""Where `turnout dlq work --report` writes the newest health report."""

import os
import tty
from pathlib import Path

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
