"""The report on dead letters in a real browser: headless Chromium without scripts, on screens of two widths, on paper.

Skipped where there is no Chromium (`make test` installs Debian's where it may). With SCREENSHOTS set to a directory,
what the browser showed is left there to be looked at.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect
from tests.e2e.test_page import CHROMIUM, CONTRAST
from tests.unit.recovery import letters
from tests.unit.recovery.report.stories import QUEUE, found, report

from turnout.recovery import read_letter
from turnout.recovery.report.model import Report
from turnout.recovery.report.page import render_html

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")

Story = Callable[[Page], Awaitable[None]]


def browse(
    folder: Path,
    story: Story,
    *,
    made: Report | None = None,
    width: int = 1280,
    dark: bool = False,
    scripts: bool = True,
) -> None:
    """Open the report as a file, as somebody who got it by mail does, and hold it to asking nobody for anything."""
    file = folder / "report.html"
    file.write_text(render_html(made or report()), encoding="utf-8")

    async def main() -> None:
        complaints: list[str] = []
        async with (
            async_playwright() as playwright,
            await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
        ):
            context = await browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if dark else "light",
                java_script_enabled=scripts,
            )
            page = await context.new_page()
            page.on("console", lambda message: complaints.append(message.text))
            page.on("request", lambda request: complaints.append(request.url))
            await page.goto(file.as_uri())
            await story(page)
            assert complaints == [file.as_uri()]

    asyncio.run(main())


async def keep(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder, f"{name}.png"), full_page=True)


def test_the_page_tells_what_lies_there_and_what_to_do_without_any_script(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        await expect(page).to_have_title("412 letters in events-dlq · Turnout")
        await expect(page.locator("h1")).to_have_text("412 letters in events-dlq")
        await expect(page.get_by_role("heading", level=2)).to_have_count(11)
        split = page.get_by_role("img", name="213 can be retried, 122 wait for a repair, 38 cannot be delivered")
        await expect(split).to_have_count(1)
        await expect(page.locator(".steps > li")).to_have_count(7)
        await expect(page.locator(".groups tbody tr").first).to_contain_text("RATE_LIMIT_EXCEEDED")
        await keep(page, "report-light")

    browse(tmp_path, story, scripts=False)


def test_the_plot_has_a_bar_for_every_count_and_a_table_that_says_the_same(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        plot = page.get_by_role("img", name="412 letters over 25 steps of 3 h")
        rectangles = await plot.locator("rect").all()
        boxes = [await one.bounding_box() for one in rectangles]
        assert len(boxes) > 40
        assert all(box and box["height"] > 0.5 and box["width"] > 4 for box in boxes)
        await page.get_by_text("The same as a table").click()
        cells: Sequence[str] = await page.locator("figure td.n").all_inner_texts()
        assert sum(int(cell) for cell in cells if cell.strip()) == 412
        assert len([cell for cell in cells if cell.strip()]) == len(boxes)
        row = await page.locator("figure tbody tr").first.bounding_box()
        assert row is not None
        assert row["height"] < 45, "a time is one line"

    browse(tmp_path, story)


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_can_be_read_in_light_and_dark(tmp_path: Path, dark: bool) -> None:
    async def story(page: Page) -> None:
        for summary in await page.locator("summary").all():
            await summary.click()
        worst, text = await page.evaluate(CONTRAST)
        assert worst >= 4.5, text
        await keep(page, f"report-{'dark' if dark else 'light-unfolded'}")

    browse(tmp_path, story, dark=dark)


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_nothing_sticks_out_of_the_window_however_narrow_it_is(tmp_path: Path, width: int) -> None:
    async def story(page: Page) -> None:
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await keep(page, f"report-{width}")

    browse(tmp_path, story, width=width)


def test_long_words_of_others_are_broken_and_do_not_widen_the_page(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320

    long = "n" * 200
    browse(
        tmp_path,
        story,
        made=report(notes=(long,), caveats=(long,), selection=f"--where detail.name == '{long}'"),
        width=320,
    )


@pytest.mark.parametrize("width", [320, 641, 768, 865, 1280])
def test_when_causes_failed_is_seen_without_scrolling_the_table(tmp_path: Path, width: int) -> None:
    async def story(page: Page) -> None:
        inside, outside = await page.locator(".scroll", has=page.locator(".groups")).evaluate(
            "table => [table.scrollWidth, table.clientWidth]"
        )
        assert inside <= outside
        await keep(page, f"report-causes-{width}")

    browse(tmp_path, story, width=width)


@pytest.mark.parametrize("width", [320, 1280])
def test_when_letters_of_a_cause_failed_is_told_as_two_times_and_in_which_year(tmp_path: Path, width: int) -> None:
    some = [*found(), read_letter(letters.own(last_failure="2025-12-12T15:16:10.000+00:00"), queue=QUEUE)]

    async def story(page: Page) -> None:
        times = await page.locator(".groups .when").all_inner_texts()
        assert [" ".join(time.split()) for time in times[:2]] == [
            "12 Dec 2025 \u2013 28 Nov 01:54",
            "27 Nov 22:26 \u2013 28 Nov 09:14",
        ]

    browse(tmp_path, story, made=report(some), width=width)


def test_tables_that_scroll_are_reached_and_scrolled_by_keyboard_in_any_browser(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        await page.get_by_text("The same as a table").click()
        for name in ("When they failed", "Why they failed"):
            await expect(page.get_by_role("group", name=name)).to_have_attribute("tabindex", "0")

    browse(tmp_path, story, width=390)


def test_on_paper_everything_is_unfolded_and_nothing_is_cut_off(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        await page.emulate_media(media="print")
        for sample in await page.locator(".sample pre").all():
            box = await sample.bounding_box()
            assert box is not None
            assert box["height"] > 10
        await page.set_viewport_size({"width": 690, "height": 980})  # A4 without its margins
        assert await page.evaluate("document.documentElement.scrollWidth") <= 690
        table = await page.locator(".groups").bounding_box()
        assert table is not None
        assert table["x"] + table["width"] <= 690
        pdf = await page.pdf(format="A4")
        assert pdf.startswith(b"%PDF")
        if folder := os.environ.get("SCREENSHOTS"):
            Path(folder, "report.pdf").write_bytes(pdf)

    browse(tmp_path, story)


def test_a_report_on_nothing_is_a_page_as_well(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        await expect(page.get_by_text("Nothing lies here.")).to_be_visible()

    browse(tmp_path, story, made=report([], known=None))


def test_one_letter_is_told_as_one(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        await expect(page.locator("h1")).to_have_text("1 letter in events-dlq")
        (box,) = [await one.bounding_box() for one in await page.locator(".plot rect").all()]
        assert box is not None
        assert box["width"] < 100
        await keep(page, "report-one")

    browse(tmp_path, story, made=report(found(1), known=None))
