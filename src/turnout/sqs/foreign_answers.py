"""Answers that are not AWS's, as Amazon's library passes them on: a proxy's page, another program's JSON.

Here because everybody who speaks to AWS stands on this package. What each makes of such an answer is its own business.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from botocore.parsers import ResponseParserError

__all__ = ["BAD_ANSWER", "LENT_EXPIRED", "bad_answer", "dynamodb_answer", "lent_expired"]

BAD_ANSWER = (ResponseParserError, ValueError, AttributeError, KeyError, TypeError, RuntimeError)
"""What botocore's parsers, and whoever reads what they return, say when something else than the service answers; or
when what lends the credentials (a program of anybody's) gives none that can be read, or only expired ones.
"""

LENT_EXPIRED = "what lends the credentials gives expired ones: log in there again, or set this machine's clock"


def lent_expired(error: object) -> bool:
    """Whether the credentials were expired when they were lent, so that nobody was asked."""
    return isinstance(error, RuntimeError) and "still expired" in str(error)


def bad_answer(why: object, service: str) -> str:
    """What one of `BAD_ANSWER`, or a sentence of ours, says where `service` was to answer."""
    return LENT_EXPIRED if lent_expired(why) else f"the answer is not {service}'s: {why}"


async def dynamodb_answer(request: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """DynamoDB's answer. Raises KeyError, one of `BAD_ANSWER`, when it is not: DynamoDB numbers all of its own.

    botocore takes a page of HTML with status 200 for an answer that says nothing: no item is there, all was written.
    """
    answer = await request
    answer["ResponseMetadata"]["RequestId"]
    return answer
