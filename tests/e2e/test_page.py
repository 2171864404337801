"""The status page in a real browser: headless Chromium, driven by Playwright.

Skipped where there is no Chromium (`make test` installs Debian's where it may). With SCREENSHOTS set to a directory,
what the browser showed is left there to be looked at.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.async_api import Locator, Page, Route, async_playwright, expect
from playwright.async_api import TimeoutError as NothingCame
from tests.unit.pipeline.yard import event
from tests.unit.service.snapshots import Seen, observed

from turnout.service.http import HttpConfig, serving
from turnout.service.page.pages import StatusPages

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")

RULES = """
targets:
  crm: {queue: crm, priority: 0}
  archive: {queue: archive, priority: 5}
unmatched: drop
rules:
  - {id: critical-priority, description: Supervisors see these first, when: detail.to == 'one', send: [crm]}
  - {id: everything-else, description: For the records, when: detail.to == 'two' and detail.n > 5, send: [archive]}
  - {id: tried-out, when: detail.to == 'three', send: [crm, archive], mode: shadow}
"""

# The least contrast between text and what is behind it, as WCAG 2 reckons it, with the text it was found at.
CONTRAST = """() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return {r, g, b, a}; };
  const light = ({r, g, b}) => [r, g, b]
    .map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.a === 1) return colour;
    }
    return {r: 255, g: 255, b: 255};
  };
  let worst = [99, ""];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < worst[0]) worst = [contrast, walker.currentNode.data.trim()];
  }
  return worst;
}"""


# The contrast of an element's border with what is inside of it.
EDGE = """(element) => {
  const light = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number)
    .map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const style = getComputedStyle(element);
  const [a, b] = [light(style.borderTopColor), light(style.backgroundColor)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


# The colour of a picture near its right edge, below where a corner is rounded and above where text begins.
PIXEL = """async (source) => {
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  return [...canvas.getImageData(image.width - 3, 9, 1, 1).data].slice(0, 3);
}"""


class Browsing(NamedTuple):
    """A page in a browser, the worker behind it, and what the browser complained about."""

    page: Page
    seen: Seen
    url: str
    complaints: list[str]


@asynccontextmanager
async def browsing(
    *, token: str = "", scripts: bool = True, width: int = 1280, dark: bool = False, rules: str = RULES
) -> AsyncIterator[Browsing]:
    async with observed(rules, seconds=100) as seen:
        pages = StatusPages(seen.view, lambda text: text)
        async with (
            serving(HttpConfig(0, token=token), seen.view, pages) as port,
            async_playwright() as playwright,
            await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
        ):
            url = f"http://127.0.0.1:{port}/"
            context = await browser.new_context(
                http_credentials={"username": "anybody", "password": token} if token else None,
                java_script_enabled=scripts,
                viewport={"width": width, "height": 900},
                color_scheme="dark" if dark else "light",
            )
            page = await context.new_page()
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on(
                "request",
                lambda request: None if request.url.startswith((url, "data:")) else complaints.append(request.url),
            )
            await page.goto(url)
            yield Browsing(page, seen, url, complaints)
            if token == "" or scripts:
                assert complaints == []


def browse(story: Callable[[Browsing], Awaitable[None]], **how: object) -> None:
    async def main() -> None:
        async with browsing(**how) as there:  # type: ignore[arg-type]
            await story(there)

    asyncio.run(main())


async def keep(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder, f"{name}.png"), full_page=True)


async def height(shown: Locator) -> float:
    box = await shown.bounding_box()
    assert box is not None
    return box["height"]


async def work(seen: Seen, count: int) -> None:
    """Have `count` messages routed, some of each kind."""
    before = len(seen.yard.watch.accounts)
    kinds = [event("one"), event("two", n=9), event("three"), event("nobody"), "not JSON"]
    await seen.yard.publish(*(kinds[number % len(kinds)] for number in range(count)))
    await seen.yard.watch.wait(before + count)


def test_the_page_shows_what_the_worker_does_while_it_does_it() -> None:
    async def story(there: Browsing) -> None:
        page = there.page
        await expect(page.get_by_role("status").first).to_have_text("Working")
        await expect(page).to_have_title("Working · Turnout")
        await expect(page.locator("#books")).to_contain_text("0 received")
        await work(there.seen, 10)
        await expect(page.locator("#books")).to_contain_text("10 received =")
        row = page.locator("#rule-rows tr", has_text="critical-priority")
        await expect(row.locator("td").nth(3)).to_have_text("2")
        await expect(row.locator("td").nth(4)).to_have_text("just now")
        await expect(page.locator("#letter-list")).to_contain_text("INVALID_JSON")
        await keep(page, "working")

    browse(story)


def test_a_failing_target_is_told_in_the_headline_and_in_its_row() -> None:
    async def story(there: Browsing) -> None:
        there.seen.yard.sqs.fail_calls("archive", "SendMessageBatch", "QueueDoesNotExist")
        await work(there.seen, 20)
        await expect(there.page.locator("#verdict")).to_contain_text("Working, with trouble")
        await expect(there.page.locator("#verdict")).to_contain_text("target archive fails: to be repaired by you")
        row = there.page.locator("#target-rows tr", has_text="archive")
        await expect(row).to_contain_text("QueueDoesNotExist")
        await keep(there.page, "trouble")

    browse(story)


def test_a_pasted_event_is_explained_by_keyboard_alone() -> None:
    async def story(there: Browsing) -> None:
        page = there.page
        await page.get_by_label("An event, as JSON").focus()
        await page.keyboard.type(event("two", n=3))
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        answer = page.locator("#explanation")
        await expect(answer).to_contain_text("No rule matches, so it is dropped")
        await expect(answer).to_be_focused()
        culprit = answer.locator(".culprit").first
        await expect(culprit).to_contain_text("detail.n > 5")
        await expect(culprit).to_contain_text("is 3")
        await work(there.seen, 5)
        await expect(page.locator("#books")).to_contain_text("5 received =")
        await expect(answer).to_contain_text("These rules come nearest")  # the page went on, the answer stayed
        await keep(page, "explained")

    browse(story)


def test_while_the_rules_are_asked_no_answer_to_another_event_stands_there() -> None:
    async def story(there: Browsing) -> None:
        page = there.page
        told, go = asyncio.Event(), asyncio.Event()

        async def hold(route: Route) -> None:
            if "three" in (route.request.post_data or ""):
                told.set()
                await go.wait()
            await route.continue_()

        async def ask(body: str) -> None:
            await page.get_by_label("An event, as JSON").fill(body)
            await page.get_by_role("button", name="Where would it go?").click()

        answer = page.locator("#explanation")
        await ask(event("one"))
        await expect(answer).to_contain_text("It goes to crm")
        await page.route("**/explain", hold)
        await ask(event("three"))
        await told.wait()
        await expect(answer).to_have_text("The rules are being asked \u2026")
        await ask(event("two", n=9))
        await expect(answer).to_contain_text("It goes to archive")
        async with page.expect_response("**/explain"):
            go.set()
        await work(there.seen, 5)
        await expect(page.locator("#books")).to_contain_text("5 received =")
        await expect(answer).to_contain_text("It goes to archive")

    browse(story)


def test_rules_are_filtered_while_one_types() -> None:
    async def story(there: Browsing) -> None:
        await there.page.get_by_label("Rule id contains").press_sequentially("tried")
        await expect(there.page.locator("#rule-rows tr")).to_have_count(1)
        await expect(there.page.locator("#rule-rows")).to_contain_text("tried-out")
        assert there.page.url == there.url

    browse(story)


def test_a_paused_page_stands_still_until_it_goes_on() -> None:
    async def story(there: Browsing) -> None:
        pause = there.page.get_by_role("button", name="Pause")
        await pause.click()
        await expect(pause).to_have_attribute("aria-pressed", "true")
        await expect(pause).to_have_text("Pause")  # "Paused, pressed" would be told twice
        await keep(there.page, "paused")
        await work(there.seen, 5)
        with pytest.raises(NothingCame):
            # Longer than the time between two refreshes.
            async with there.page.expect_request("**/*", timeout=2500):
                pass
        await pause.click()
        await expect(there.page.locator("#books")).to_contain_text("5 received =")

    browse(story)


def test_a_worker_that_is_gone_is_told() -> None:
    async def story(there: Browsing) -> None:
        await there.page.route("**/*", lambda route: route.abort())
        await expect(there.page.locator("#connection")).to_contain_text("What you see is old")
        await expect(there.page.locator("#connection")).to_contain_text(await there.page.locator("#as-of").inner_text())
        await expect(there.page).to_have_title("No answer · Turnout")
        await expect(there.page.locator("#verdict")).to_be_hidden()  # else it would go on to say "Working"
        await keep(there.page, "gone")
        await there.page.unroute_all()
        await expect(there.page.locator("#connection")).to_be_empty()
        await expect(there.page.locator("#verdict")).to_be_visible()
        await expect(there.page).to_have_title("Working · Turnout")
        there.complaints.clear()

    browse(story)


def test_the_title_of_a_tab_that_is_not_seen_does_not_go_on_to_say_that_all_is_well() -> None:
    async def story(there: Browsing) -> None:
        page = there.page
        await page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
        await page.clock.install()
        async with page.expect_response("**/*"):  # the refresh that was due when the tab went out of sight
            pass
        await page.route("**/*", lambda route: route.abort())
        async with asyncio.timeout(10):
            while await page.title() != "No answer · Turnout":
                await page.clock.run_for(10_000)
        there.complaints.clear()

    browse(story)


def test_an_answer_that_is_no_status_page_is_not_taken_for_news() -> None:
    async def story(there: Browsing) -> None:
        await there.page.route("**/*", lambda route: route.fulfill(body="<title>Please log in</title>"))
        await expect(there.page.locator("#connection")).to_contain_text("something else than a worker answers")
        await expect(there.page).to_have_title("No answer · Turnout")

    browse(story)


def test_what_is_focused_selected_or_scrolled_stays_so_while_figures_change() -> None:
    async def story(there: Browsing) -> None:
        page = there.page
        await work(there.seen, 5)
        await expect(page.locator("#letter-list")).to_contain_text("INVALID_JSON")
        table = page.get_by_role("group", name="Letters")
        await table.focus()
        await table.evaluate("table => { table.scrollLeft = 90; }")
        await table.evaluate("table => getSelection().selectAllChildren(table.querySelector('tbody code'))")
        await work(there.seen, 5)
        await expect(page.locator("#letter-list")).to_contain_text("The last 2")
        await expect(table).to_be_focused()
        assert await table.evaluate("table => table.scrollLeft") == 90
        assert await page.evaluate("getSelection().toString()") == "INVALID_JSON"

    browse(story, width=360)


@pytest.mark.parametrize("width", [1280, 360])
def test_a_long_condition_is_unfolded_by_keyboard_and_stays_so_while_figures_change(width: int) -> None:
    names = ", ".join(f"'one-{number}'" for number in range(40))

    async def story(there: Browsing) -> None:
        page = there.page
        condition = page.locator("#when-critical-priority summary")
        folded = await height(condition)
        assert folded < 60
        await keep(page, f"folded-{width}")
        await condition.focus()
        await page.keyboard.press("Enter")
        assert await height(condition) > 2 * folded
        await keep(page, f"unfolded-{width}")
        await work(there.seen, 5)
        await expect(page.locator("#books")).to_contain_text("5 received =")
        assert await height(condition) > 2 * folded
        await expect(condition).to_be_focused()
        await page.get_by_label("Rule id contains").fill("tried")
        await expect(page.locator("#rule-rows tr")).to_have_count(1)
        assert await page.locator("#rule-rows details[open]").count() == 0, (
            "what is unfolded is that rule, not that row"
        )
        assert await page.evaluate("document.documentElement.scrollWidth") == width

    rules = RULES.replace("detail.to == 'one'", f"\"detail.to in ['one', {names}]\"")
    rules = rules.replace("detail.to == 'three'", f"\"detail.to in ['three', {names}]\"")
    browse(story, width=width, rules=rules)


def test_long_names_and_sentences_do_not_widen_the_page() -> None:
    name = "n" * 76  # with what stands before it the longest that a queue can have
    rules = RULES.replace("crm", f"crm-{name}").replace("critical-priority", f"critical-{name}")

    async def story(there: Browsing) -> None:
        there.seen.yard.sqs.fail_calls(f"crm-{name}", "SendMessageBatch", "QueueDoesNotExist")
        await work(there.seen, 20)
        await expect(there.page.locator("#verdict")).to_contain_text(f"target crm-{name} fails")
        assert await there.page.evaluate("document.documentElement.scrollWidth") == 360
        for table in ("target-rows", "rule-rows"):
            box = await there.page.locator(f"#{table} tr th").first.bounding_box()
            assert box is not None
            assert box["width"] < 200, "a name leaves the other columns room"
        state = await there.page.locator("#target-rows .badge.bad").bounding_box()
        assert state is not None
        assert state["x"] + 40 < 360, "whether a target works is seen without scrolling"
        assert state["height"] < 80
        await keep(there.page, "long")

    browse(story, width=360, rules=rules)


@pytest.mark.parametrize("width", [360, 1280])
def test_a_table_is_shaded_at_the_edge_behind_which_there_are_more_columns(width: int) -> None:
    async def story(there: Browsing) -> None:
        table = there.page.get_by_role("group", name="Rules")
        assert await light_at_right_edge(table) == (width == 1280)
        await table.evaluate("table => { table.scrollLeft = 10000; }")
        assert await light_at_right_edge(table)

    browse(story, width=width)


async def light_at_right_edge(shown: Locator) -> bool:
    """Whether the element has its own ground, and no shade, just inside its right border."""
    picture = base64.b64encode(await shown.screenshot()).decode()
    async with await shown.page.context.new_page() as page:
        pixel = await page.evaluate(PIXEL, f"data:image/png;base64,{picture}")
    return bool(pixel == [255, 255, 255])


def test_without_scripts_everything_is_there_and_events_are_explained() -> None:
    async def story(there: Browsing) -> None:
        page = there.page
        await expect(page.get_by_role("button", name="Pause")).to_be_hidden()
        await page.get_by_label("An event, as JSON").fill(event("one"))
        await page.get_by_role("button", name="Where would it go?").click()
        await expect(page.locator("#explanation")).to_contain_text("It goes to crm by critical-priority")
        await page.get_by_label("Rule id contains").fill("tried")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("#rule-rows tr")).to_have_count(1)

    browse(story, scripts=False)


def test_the_token_is_asked_for_as_browsers_ask_for_passwords() -> None:
    async def story(there: Browsing) -> None:
        await expect(there.page.get_by_role("heading", name="Turnout")).to_be_visible()
        await work(there.seen, 5)
        await expect(there.page.locator("#books")).to_contain_text("5 received =")

    browse(story, token="correct horse battery")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_stands_out_from_its_ground(dark: bool) -> None:
    async def story(there: Browsing) -> None:
        there.seen.yard.sqs.fail_calls("archive", "SendMessageBatch", "QueueDoesNotExist")
        await work(there.seen, 20)
        await expect(there.page.locator("#verdict")).to_contain_text("with trouble")
        await there.page.get_by_label("An event, as JSON").fill(event("two", n=3))
        await there.page.get_by_role("button", name="Where would it go?").click()
        await expect(there.page.locator("#explanation")).to_contain_text("No rule matches")
        contrast, text = await there.page.evaluate(CONTRAST)
        assert contrast >= 4.5, text
        await keep(there.page, "dark" if dark else "light")

    browse(story, dark=dark)


def test_on_paper_all_columns_and_conditions_are_there_and_nothing_that_is_to_be_pressed() -> None:
    names = ", ".join(f"'one-{number}'" for number in range(40))
    rules = RULES.replace("detail.to == 'one'", f"\"detail.to in ['one', {names}]\"")

    async def story(there: Browsing) -> None:
        page = there.page
        there.seen.yard.sqs.fail_calls("archive", "SendMessageBatch", "QueueDoesNotExist")
        await work(there.seen, 20)
        await expect(page.locator("#verdict")).to_contain_text("with trouble")
        await page.emulate_media(media="print")
        for table in await page.locator(".scroll").all():
            inside, outside = await table.evaluate("table => [table.scrollWidth, table.clientWidth]")
            assert inside <= outside
        assert await page.evaluate("document.documentElement.scrollWidth") <= 690
        assert await height(page.locator("#when-critical-priority .condition")) > 60
        for unusable in ("#pause", "nav", "#ask", "form[role=search]"):
            await expect(page.locator(unusable)).to_be_hidden()
        await expect(page.locator("#as-of")).to_be_visible()
        await keep(page, "paper")

    browse(story, width=690, rules=rules)  # A4 without its margins


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_is_written_into_or_pressed_has_an_edge_that_is_seen(dark: bool) -> None:
    async def story(there: Browsing) -> None:
        for shown in (there.page.get_by_label("Rule id contains"), there.page.get_by_label("An event, as JSON")):
            assert await shown.evaluate(EDGE) >= 3
        assert await there.page.get_by_role("button", name="Pause").evaluate(EDGE) >= 3

    browse(story, dark=dark)


def test_on_a_telephone_nothing_sticks_out_to_the_side() -> None:
    async def story(there: Browsing) -> None:
        await work(there.seen, 10)
        await expect(there.page.locator("#books")).to_contain_text("10 received =")
        assert await there.page.evaluate("document.documentElement.scrollWidth") == 360
        await keep(there.page, "telephone")

    browse(story, width=360)
