"""The MD5 digests by which SQS and its clients check that bodies and attributes arrived as they were sent.

Source: Amazon SQS developer guide, "Calculating the MD5 message digest for message attributes".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial

from turnout.message import Attribute

__all__ = ["attributes_md5", "body_md5"]

_STRING, _BINARY = b"\x01", b"\x02"

# A checksum, not a signature: allowed where FIPS forbids MD5 for security.
_md5 = partial(hashlib.md5, usedforsecurity=False)


def body_md5(body: str | bytes) -> str:
    """MD5OfMessageBody, in hexadecimal."""
    return _md5(body.encode() if isinstance(body, str) else body).hexdigest()


def attributes_md5(attributes: Mapping[str, Attribute]) -> str:
    """MD5OfMessageAttributes, in hexadecimal; of no attributes, SQS gives none."""
    digest = _md5()
    for name in sorted(attributes):
        attribute = attributes[name]
        value = attribute.text.encode() if attribute.text is not None else attribute.data or b""
        kind = _STRING if attribute.text is not None else _BINARY
        for part in (name.encode(), attribute.data_type.encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        digest.update(kind + len(value).to_bytes(4, "big") + value)
    return digest.hexdigest()
