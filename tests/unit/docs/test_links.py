"""Every link of every page leads to a file, and to a section of it."""

import re
from pathlib import Path

import pytest
from tests.unit.docs.page import Page, anchor

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def test_links_are_found() -> None:
    assert sum(len(_LINK.findall(path.read_text(encoding="utf-8"))) for path in PAGES) > 250


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files_and_sections_that_are_there(path: Path) -> None:
    for file, section in _LINK.findall(path.read_text(encoding="utf-8")):
        if file.startswith("https://"):
            continue
        target = path.parent / file if file else path
        assert target.exists(), file
        if section:
            assert section in map(anchor, Page(target).sections), f"{file}#{section}"


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"](docs/{page.name}" not in readme] == []
