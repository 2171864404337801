"""Lists in pages: shifting, empty, and without end."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import pytest

from turnout.errors import GenesysUnavailable, GenesysUnsupported
from turnout.genesys.answers import Json, JsonObject
from turnout.genesys.paging import Page, each_item, listed

OffsetPage: TypeAlias = Page[str]


def collect(page: Callable[[int], OffsetPage], *, most_pages: int = 100) -> list[str]:
    async def fetch(position: int) -> OffsetPage:
        return page(position)

    async def main() -> list[str]:
        items = each_item(fetch, 0, identity=str, operation="list", most_pages=most_pages)
        return [item async for item in items]

    return asyncio.run(main())


def by_offset(items: list[str], size: int) -> Callable[[int], OffsetPage]:
    def page(offset: int) -> OffsetPage:
        some = items[offset : offset + size]
        return Page(some, offset + len(some) if some else None)

    return page


@pytest.mark.parametrize("count", [0, 1, 3, 4, 10])
def test_every_item_comes_once_in_order(count: int) -> None:
    items = [str(number) for number in range(count)]
    assert collect(by_offset(items, 3)) == items


def test_what_a_shift_repeats_is_yielded_once() -> None:
    items = [str(number) for number in range(9)]
    asked: list[int] = []

    def shifting(offset: int) -> OffsetPage:
        asked.append(offset)
        found = by_offset(items, 3)(offset)
        if len(asked) < 3:
            items.insert(0, f"new-{len(asked)}")
        return found

    assert collect(shifting) == [str(number) for number in range(9)]
    assert asked == [0, 3, 6, 9, 11]


def test_a_page_that_only_repeats_does_not_end_the_list() -> None:
    pages = {0: Page(["a"], 1), 1: Page(["a"], 2), 2: Page(["b"], 3), 3: Page[str]([], None)}
    assert collect(pages.__getitem__) == ["a", "b"]


def test_pages_that_bring_nothing_new_are_too_many_only_in_a_row() -> None:
    pages = ["a", "a", "a", "b", "b", "b", "c"]
    assert collect(lambda at: Page([pages[at]], at + 1 if at + 1 < len(pages) else None)) == ["a", "b", "c"]


def test_a_cursor_may_lead_over_an_empty_page() -> None:
    pages = {0: Page(["a"], 1), 1: Page[str]([], 2), 2: Page(["b"], None)}
    assert collect(pages.__getitem__) == ["a", "b"]


def test_a_service_that_ignores_the_position_is_found_out() -> None:
    with pytest.raises(GenesysUnsupported, match="does not end after 4 pages"):
        collect(lambda offset: Page(["a", "b"], offset + 2))


def test_a_list_without_end_is_an_error_and_not_cut_silently() -> None:
    with pytest.raises(GenesysUnsupported, match="does not end after 7 pages"):
        collect(lambda offset: Page([str(offset)], offset + 1), most_pages=7)


def test_who_stops_early_asks_for_no_further_page() -> None:
    asked: list[int] = []

    async def fetch(position: int) -> OffsetPage:
        asked.append(position)
        return Page([str(position)], position + 1)

    async def main() -> None:
        async for item in each_item(fetch, 0, identity=str, operation="list"):
            if item == "1":
                break

    asyncio.run(main())
    assert asked == [0, 1]


@pytest.mark.parametrize("document", [{}, {"entities": None}, {"entities": []}, {"other": [1]}])
def test_a_page_without_items_has_many_forms(document: JsonObject) -> None:
    assert listed(document, "entities", "list") == []


@pytest.mark.parametrize("value", ["x", 1, {"a": 1}, [1], [{}, None], True])
def test_what_is_no_list_of_objects_is_not_taken_for_an_empty_page(value: Json) -> None:
    with pytest.raises(GenesysUnavailable, match="entities is no list of objects"):
        listed({"entities": value}, "entities", "list")
