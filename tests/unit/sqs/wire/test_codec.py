"""Which code and which words an error answer has."""

from __future__ import annotations

import pytest

from turnout.sqs.wire.codec import error_code


@pytest.mark.parametrize(
    ("body", "header", "told"),
    [
        (b'{"__type": "a#B", "message": "No."}', "", ("a#B", "No.")),
        (b'{"__type": "a#B", "Message": "No."}', "C;Sender", ("a#B", "No.")),
        (b'{"__type": "a#B", "message": "small", "Message": "capital"}', "", ("a#B", "small")),
        (b'{"message": "No."}', "C;Sender", ("C", "No.")),
        (b"{}", "C", ("C", "")),
        (b'{"message": "No."}', "", None),
        (b"<html>", "C;Sender", None),
        (b"\xff", "", None),
        (b"[" * 100_000, "", None),
    ],
)
def test_an_error_has_the_code_and_the_words_of_its_body_and_else_the_code_of_its_header(
    body: bytes, header: str, told: tuple[str, str] | None
) -> None:
    assert error_code(body, header) == told
