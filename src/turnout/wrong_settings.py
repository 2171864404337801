"""What is wrong with a setting, in plain words that tell the operator what it must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout.queues import is_queue_url
from turnout.urls import leads_to_a_server, without_password

__all__ = ["check_queue_urls", "in_plain_words"]


def in_plain_words(problem: Mapping[str, Any], synonym: str) -> str:
    """What a problem, as pydantic has it, means. `synonym` is what else the variable may be called, if anything."""
    kind, limits, given = problem["type"], problem.get("ctx", {}), problem.get("input")
    match kind:
        case "missing":
            return f"is not set (or {synonym})" if synonym else "is not set"
        case "too_short":
            return "is not set"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"must be a whole number, but is {given!r}"
        case "float_parsing" | "float_type" | "finite_number":
            return f"must be a number, but is {given!r}"
        case "string_unicode":
            return "has bytes that are no text in UTF-8"
        case "greater_than_equal":
            return f"must be {limits['ge']} or more, but is {given}"
        case "greater_than":
            return f"must be more than {limits['gt']}, but is {given}"
        case "less_than_equal":
            return f"must be {limits['le']} or less, but is {given}"
        case "bool_parsing" | "bool_type":
            return f"must be true or false, but is {given!r}"
        case "literal_error":
            return f"must be {limits['expected']}, but is {given!r}"
        case "value_error":
            return str(limits["error"])
        case _:
            return str(problem["msg"])


def check_queue_urls(*urls: str) -> None:
    """Raise `ValueError` that names those which are no queue URLs, without their passwords."""
    wrong = [repr(without_password(url)) for url in urls if not (is_queue_url(url) and leads_to_a_server(url))]
    if wrong:
        what = "is not a queue URL; it" if len(wrong) == 1 else "are not queue URLs; one"
        raise ValueError(
            f"{', '.join(wrong)} {what} looks like https://sqs.eu-west-1.amazonaws.com/123456789012/events"
        )
