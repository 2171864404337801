"""A second, independent reading of event patterns, to hold the product to: the published algorithm, written naively.

An event is flattened to fields (dotted name, value, and which element of which array it is in). A combination of a
pattern matches when a field can be chosen for each of its names, in the order of the names, so that no two chosen
fields are in different elements of one array; `exists: false` wants no field of that name in the elements chosen so
far. Nothing here is shared with the product.
"""

from __future__ import annotations

from typing import NamedTuple

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Membership = dict[int, int]


class Found(NamedTuple):
    name: str
    value: Json
    elements: Membership


def flatten(event: Json) -> list[Found]:
    fields: list[Found] = []
    arrays = 0

    def visit(value: Json, name: str, elements: Membership) -> None:
        nonlocal arrays
        if isinstance(value, dict):
            for key, child in value.items():
                visit(child, f"{name}.{key}" if name else key, elements)
        elif isinstance(value, list):
            number, arrays = arrays, arrays + 1
            for index, child in enumerate(value):
                inside = {**elements, number: index} if isinstance(child, dict | list) else elements
                visit(child, name, inside)
        else:
            fields.append(Found(name, value, elements))

    visit(event, "", {})
    return fields


def combinations(
    pattern: dict[str, Json], name: str = "", before: list[dict[str, Json]] | None = None
) -> list[dict[str, Json]]:
    found = [{}] if before is None else before
    for key, value in pattern.items():
        if key == "$or":
            assert isinstance(value, list)
            grown: list[dict[str, Json]] = []
            for item in value:
                assert isinstance(item, dict)
                grown.extend(combinations(item, name, [dict(combination) for combination in found]))
            found = grown
            continue
        full = f"{name}.{key}" if name else key
        if isinstance(value, dict):
            found = combinations(value, full, found)
        else:
            for combination in found:
                combination[full] = value
    return found


def matches(pattern: dict[str, Json], event: Json) -> bool:
    fields = flatten(event)
    return any(_matches(sorted(combination.items()), fields, {}) for combination in combinations(pattern))


def _matches(wanted: list[tuple[str, Json]], fields: list[Found], chosen: Membership) -> bool:
    if not wanted:
        return True
    (name, leaf), *rest = wanted
    assert isinstance(leaf, list)
    near = [field for field in fields if field.name == name and _consistent(field.elements, chosen)]
    if {"exists": False} in leaf and not near and _matches(rest, fields, chosen):
        return True
    return any(
        any(_fits(item, field.value) for item in leaf) and _matches(rest, fields, {**chosen, **field.elements})
        for field in near
    )


def _consistent(elements: Membership, chosen: Membership) -> bool:
    return all(chosen.get(array, index) == index for array, index in elements.items())


def _fits(item: Json, value: Json) -> bool:
    if not isinstance(item, dict):
        return _same(item, value)
    ((operator, operand),) = item.items()
    text = value if isinstance(value, str) else None
    match operator:
        case "exists":
            return operand is True
        case "prefix":
            return text is not None and text.startswith(str(operand))
        case "anything-but":
            excluded = operand if isinstance(operand, list) else [operand]
            if isinstance(operand, dict):
                ((_, prefixes),) = operand.items()
                assert isinstance(prefixes, list)
                return text is None or not any(text.startswith(str(prefix)) for prefix in prefixes)
            return not any(_same(one, value) for one in excluded)
        case "numeric":
            assert isinstance(operand, list)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return number and value >= operand[1]  # type: ignore[operator]
    raise AssertionError(operator)


def _same(wanted: Json, value: Json) -> bool:
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (wanted, value))
    return wanted == value and (numbers or type(wanted) is type(value))
