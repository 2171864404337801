"""Answers that are not AWS's, as Amazon's library passes them on: a proxy's page, another program's JSON.

Here because everybody who speaks to AWS stands on this package. What each makes of such an answer is its own business.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from botocore.parsers import ResponseParserError

__all__ = ["BAD_ANSWER", "dynamodb_answer"]

BAD_ANSWER = (ResponseParserError, ValueError, AttributeError, KeyError, TypeError, RuntimeError)
"""What botocore's parsers, and whoever reads what they return, say when something else than the service answers; or
when what lends the credentials (a program of anybody's) gives none that can be read, or only expired ones.
"""


async def dynamodb_answer(request: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """DynamoDB's answer. Raises KeyError, one of `BAD_ANSWER`, when it is not: DynamoDB numbers all of its own.

    botocore takes a page of HTML with status 200 for an answer that says nothing: no item is there, all was written.
    """
    answer = await request
    answer["ResponseMetadata"]["RequestId"]
    return answer
