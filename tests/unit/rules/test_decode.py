"""Bodies: hostile input gets a clear outcome and never an exception."""

import json

import pytest

from turnout.failures import Reason
from turnout.rules.decode import decode
from turnout.rules.model import Rejection


def nested(levels: int, inner: str = "1") -> str:
    return '{"a":' * levels + inner + "}" * levels


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "not json",
        "{",
        '{"a":1',
        '{"a":1}x',
        '{"a":1,}',
        "{'a':1}",
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        '{"a":01}',
        '{"a":"\t"}',
        '{"a":"1}',
        '{"a":"\\x"}',
        "\ufeff{}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        b'{"a":"\xff"}',
        '{"a":1}'.encode("utf-16"),
        b"\x00",
    ],
)
def test_what_is_not_json_is_rejected_as_such(body: str | bytes) -> None:
    found = decode(body)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.INVALID_JSON
    assert found.message.startswith("the body is not JSON: ")
    assert " at at " not in found.message


@pytest.mark.parametrize(
    ("body", "kind"),
    [("[]", "an array"), ('"x"', "a string"), ("5", "a number"), ("true", "true or false"), ("null", "null")],
)
def test_json_that_is_not_an_object_is_rejected_as_such(body: str, kind: str) -> None:
    found = decode(body)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.NOT_AN_OBJECT
    assert kind in found.message


@pytest.mark.parametrize("levels", [100_000, 300_000])
@pytest.mark.parametrize("form", ["objects", "arrays", "mixed"])
def test_nesting_that_no_decoder_follows_is_too_deep(levels: int, form: str) -> None:
    body = {
        "objects": nested(levels),
        "arrays": nested(1, "[" * (levels - 1) + "]" * (levels - 1)),
        "mixed": nested(levels // 2, "[" * (levels - levels // 2) + "]" * (levels - levels // 2)),
    }[form]
    found = decode(body)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.TOO_DEEP


@pytest.mark.parametrize("body", [nested(500), nested(1, "[" * 499 + "]" * 499)])
def test_nesting_of_hundreds_of_levels_is_accepted(body: str) -> None:
    assert isinstance(decode(body), dict)
    assert isinstance(decode(body.encode()), dict)
    # The slow decoder, which half of a surrogate pair makes necessary, follows as far.
    assert isinstance(decode('{"s":"\\ud800",' + body[1:]), dict)


def test_the_slow_decoder_has_a_limit_too() -> None:
    found = decode('{"s":"\\ud800",' + nested(100_000)[1:])
    assert isinstance(found, Rejection)
    assert found.reason is Reason.TOO_DEEP


def test_many_brackets_are_not_deep() -> None:
    assert decode(json.dumps({"a": [[]] * 5_000, "b": "[" * 5_000})) == {"a": [[]] * 5_000, "b": "[" * 5_000}


def test_numbers_beyond_a_float_are_infinite() -> None:
    found = decode('{"a":1e999,"b":-1e999,"c":' + "1" * 10_000 + ',"d":' + "1" * 400 + "}")
    assert found == {"a": float("inf"), "b": float("-inf"), "c": float("inf"), "d": int("1" * 400)}


def test_large_integers_keep_every_digit() -> None:
    assert decode('{"a":9007199254740993,"b":18446744073709551617}') == {
        "a": 9007199254740993,
        "b": 18446744073709551617,
    }


def test_the_last_of_two_equal_keys_counts() -> None:
    assert decode('{"a":1,"a":2}') == {"a": 2}
    assert decode('{"a":1,"a":2,"s":"\\ud800"}') == {"a": 2, "s": "\ud800"}


@pytest.mark.parametrize("body", ['{"a":"\\ud800"}', '{"a":"\ud800"}', '{"\\udfff":1}', '{"a":"\\ud83d\\u0041"}'])
def test_half_of_a_surrogate_pair_is_accepted(body: str) -> None:
    assert isinstance(decode(body), dict)


def test_a_rejection_does_not_quote_the_body() -> None:
    found = decode('{"ani": "tel:+15555550457", secret}')
    assert isinstance(found, Rejection)
    assert "5555" not in found.message
    assert "secret" not in found.message
    assert "column 29" in found.message


def test_a_body_of_one_mebibyte_is_decoded() -> None:
    body = json.dumps({"a": "x" * (1 << 20)})
    assert decode(body) == {"a": "x" * (1 << 20)}
