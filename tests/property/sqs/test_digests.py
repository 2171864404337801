"""Digests of attributes are those of Amazon's description, whatever the attributes are and however long."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hypothesis import example, given
from hypothesis import strategies as st

from turnout.message import Attribute
from turnout.sqs.digests import attributes_md5

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ATTRIBUTES = st.one_of(
    st.builds(Attribute, st.sampled_from(["String", "String.json", "Number"]), text=NAMES),
    st.builds(Attribute, st.just("Binary"), data=st.binary(max_size=2_000)),
)


def as_described(attributes: Mapping[str, Attribute]) -> str:
    """Step by step as the developer guide has it."""
    buffer = bytearray()
    for name in sorted(attributes):
        attribute = attributes[name]
        content = attribute.text.encode() if attribute.text is not None else attribute.data or b""
        for part in (name.encode(), attribute.data_type.encode()):
            buffer += len(part).to_bytes(4, "big") + part
        buffer += b"\x01" if attribute.text is not None else b"\x02"
        buffer += len(content).to_bytes(4, "big") + content
    return hashlib.md5(buffer, usedforsecurity=False).hexdigest()


@given(st.dictionaries(NAMES, ATTRIBUTES, max_size=10))
@example({"short": Attribute("Binary", data=b"x" * 400)})
@example({"long": Attribute("Binary", data=b"x" * 600)})
def test_attributes_have_the_digest_that_amazon_describes(attributes: dict[str, Attribute]) -> None:
    assert attributes_md5(attributes) == as_described(attributes)
