"""Carets: a place in an expression is found again in plain, quoted, folded and block scalars."""

import pytest

from turnout.rules.files.document import read_document
from turnout.rules.files.nodes import MapNode, ScalarNode
from turnout.rules.files.places import Source

DOCUMENTS = {
    "plain": "when: detail.a == 1 and WRONG == 2\n",
    "plain over two lines": "when: detail.a == 1\n   and WRONG == 2\n",
    "single quotes": "when: 'detail.a == ''x'' and WRONG == 2'\n",
    "single quotes over two lines": "when: 'detail.a == ''x''\n  and WRONG == 2'\n",
    "double quotes": 'when: "detail.a == \\"x\\" and \\x41b == 1 and WRONG == 2"\n',
    "double quotes over two lines": 'when: "detail.a == 1 \\\n   and\n  WRONG == 2"\n',
    "literal block": "when: |\n  detail.a == 1\n    and WRONG == 2\n",
    "folded block": "when: >-\n    detail.a == 1\n    and\n\n    WRONG == 2\n",
    "block with indentation indicator": "when: >2-\n    detail.a == 1\n  and WRONG == 2\n",
    "flow mapping": "{id: a, when: detail.a == 1 and WRONG == 2, send: [x]}\n",
    "wide characters": "when: \"detail.a == '日本語 😀' and WRONG == 2\"\n",
    "windows line breaks": "a: 1\r\nwhen: >-\r\n  detail.a == 1\r\n  and WRONG == 2\r\n",
    "anchor before": "when: &w detail.a == 1 and WRONG == 2\n",
    "anchor and tag before": "when: &w !!str\n  'detail.a == ''&w'' and WRONG == 2'\n",
    "anchor before a block": "when: &w >-\n  detail.a == 1\n  and WRONG == 2\n",
    "comment after": "when: detail.a == 1 and WRONG == 2 # WRONG\n",
}


def scalar(text: str) -> ScalarNode:
    root = read_document(text, lambda *_: None)
    assert isinstance(root, MapNode)
    node = root.get("when")
    assert isinstance(node, ScalarNode)
    return node


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_word_is_found_at_its_place(name: str) -> None:
    text = DOCUMENTS[name]
    node = scalar(text)
    source = Source("rules.yaml", text)
    line, column = source.place(node, node.text.index("WRONG"))
    assert source.line(line)[column : column + 5] == "WRONG"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_visible_character_is_found_at_its_place(name: str) -> None:
    text = DOCUMENTS[name]
    node = scalar(text)
    source = Source("rules.yaml", text)
    for offset, character in enumerate(node.text):
        line, column = source.place(node, offset)
        there = source.line(line)[column : column + 1]
        assert there == character or character.isspace() or there == "\\"


def test_the_end_of_an_expression_is_after_its_last_character() -> None:
    text = "when: detail.a ==\n"
    assert Source("rules.yaml", text).place(scalar(text), len("detail.a ==")) == (0, 17)
