"""The MD5 digests by which SQS and its clients check that bodies and attributes arrived as they were sent.

Source: Amazon SQS developer guide, "Calculating the MD5 message digest for message attributes".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from turnout.message import Attribute

__all__ = ["attributes_md5", "body_md5"]

_STRING, _BINARY = b"\x01", b"\x02"

# A checksum, not a signature: allowed where FIPS forbids MD5 for security. To copy an empty one takes OpenSSL a third
# of the time that it takes to make one.
_new_md5 = hashlib.md5(usedforsecurity=False).copy


def body_md5(body: str | bytes) -> str:
    """MD5OfMessageBody, in hexadecimal."""
    digest = _new_md5()
    digest.update(body.encode() if isinstance(body, str) else body)
    return digest.hexdigest()


def attributes_md5(attributes: Mapping[str, Attribute]) -> str:
    """MD5OfMessageAttributes, in hexadecimal; of no attributes, SQS gives none."""
    digest = _new_md5()
    for name in sorted(attributes) if len(attributes) > 1 else attributes:
        attribute = attributes[name]
        text = attribute.text
        if text is None:
            value, kind = attribute.data or b"", _BINARY
        else:
            value, kind = text.encode(), _STRING
        digest.update(_before_value(name, attribute.data_type, kind, len(value)) + value)
    return digest.hexdigest()


# The names and lengths are the same few for ever, unless somebody means to make trouble.
@lru_cache(maxsize=512)
def _before_value(name: str, data_type: str, kind: bytes, length: int) -> bytes:
    parts = (name.encode(), data_type.encode())
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts) + kind + length.to_bytes(4, "big")
