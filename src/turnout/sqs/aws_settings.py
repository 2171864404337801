"""What is wrong with AWS's own settings, as far as nobody has to be asked: no such profile, no region, no endpoint.

Time mends none of it, so a worker does not start with it. Permissions and queues that are missing are not looked for:
these may come while a worker tries again, and `turnout doctor` finds them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from botocore.exceptions import InvalidRegionError
from botocore.utils import validate_region_name

from turnout.errors import SqsError
from turnout.queues import queue_names
from turnout.sqs.place import endpoint_problems
from turnout.sqs.session import AwsConfig, AwsSession, foreign_errors

__all__ = ["aws_problems"]

# As botocore reads them: the first that is set counts.
_PROFILE = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")

# Whom a worker may speak to: queues, targets, the store of events. The endpoint of another service is somebody else's,
# and keeps nobody from starting.
_SERVICES = ("SQS", "SNS", "EVENTBRIDGE", "SFN", "DYNAMODB")
# Who lends credentials to whatever speaks to AWS.
_LENDERS = ("STS", "SSO", "SSO_OIDC")

_ADVICE = "set it to the region of the queues, as in eu-west-1, or to any for an emulator"


def aws_problems(queues: Iterable[str], *, also: str = "", services: Iterable[str] = _SERVICES) -> list[str]:
    """One sentence for each of AWS's own settings with which the queues with these URLs cannot be spoken to.

    `also` is the setting that makes a region necessary whatever the URLs tell. `services` are those whose endpoints
    matter, as they are called in AWS's variables.
    """
    environ = os.environ
    endpoints = ("AWS_ENDPOINT_URL", *(f"AWS_ENDPOINT_URL_{service}" for service in (*services, *_LENDERS)))
    found = list(endpoint_problems(environ, endpoints))
    try:
        with foreign_errors("Connect"):
            session = AwsSession(AwsConfig())
            configured = session.region  # which reads the profile
    except SqsError as error:
        return [*found, _about_profile(error, environ)]
    nowhere, wrong = [], set()
    for queue, name in queue_names(list(queues)).items():
        try:
            region = session.place(queue).region or ""
            validate_region_name(region)
        except SqsError:
            nowhere.append(name)
        except InvalidRegionError:
            wrong.add(region)
    found += [f"{_region_variable(environ)}: {region!r} is no region; {_ADVICE}" for region in sorted(wrong)]
    if nowhere:
        found.append(
            f"AWS_REGION: is not set, and the URLs of these queues tell no region: {', '.join(nowhere)}; {_ADVICE}"
        )
    elif also and not configured:
        found.append(f"AWS_REGION: is not set, which {also} needs")
    return found


def _about_profile(error: SqsError, environ: Mapping[str, str]) -> str:
    variable = next((name for name in _PROFILE if environ.get(name)), "")
    if error.code == "ProfileNotFound" and variable:
        files = (
            environ.get("AWS_CONFIG_FILE") or "~/.aws/config",
            environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials",
        )
        return f"{variable}: there is no profile {environ[variable]!r} in {' or '.join(files)}"
    return f"AWS's own settings: {error}"


def _region_variable(environ: Mapping[str, str]) -> str:
    names = ("AWS_REGION", "AWS_DEFAULT_REGION")
    return next((name for name in names if environ.get(name)), "region of the AWS profile")
