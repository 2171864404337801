"""Where a queue lives: the region and, when its URL demands one, the endpoint to speak to; the URL of a queue's ARN.

Pure text work on queue URLs, ARNs and AWS's own settings; asking botocore for the endpoint of a region is in
`turnout.sqs.session`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from urllib.parse import urlsplit

import msgspec

from turnout.urls import leads_to_a_server, without_password

__all__ = ["Place", "amazons_url", "configured_region", "endpoint_problems", "find_place", "is_amazons"]

# By partition: what ends the host names of its endpoints, and of those that also speak IPv6. botocore has the same in a
# file that takes longer to load than most commands take.
_ENDS = {
    "aws": ("amazonaws.com", "api.aws"),
    "aws-cn": ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "aws-eusc": ("amazonaws.eu", "api.amazonwebservices.eu"),
    "aws-iso": ("c2s.ic.gov", "api.aws.ic.gov"),
    "aws-iso-b": ("sc2s.sgov.gov", "api.aws.scloud"),
    "aws-iso-e": ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    "aws-iso-f": ("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    "aws-us-gov": ("amazonaws.com", "api.aws"),
}
_SUFFIX = "(?:" + "|".join(sorted({re.escape(end) for ends in _ENDS.values() for end in ends})) + ")"
_AMAZONS = tuple({f".{end}" for ends in _ENDS.values() for end in ends})
_REGION = r"(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d+)"
_HOST = re.compile(rf"(?P<front>[a-z0-9-]+\.)?sqs(?P<fips>-fips)?\.{_REGION}\.(?P<vpce>vpce\.)?(?P<suffix>{_SUFFIX})")
_LEGACY_HOST = re.compile(r"(?:(?P<region>[a-z0-9-]+)\.)?queue\.amazonaws\.com(?:\.cn)?")


class Place(msgspec.Struct, frozen=True):
    """A region (None: whatever the profile says), and the origin in the queue's URL where that names an endpoint.

    `origin` is set for VPC, FIPS and dual-stack endpoints and for hosts that are not Amazon's. It is used when no
    endpoint is configured.
    """

    region: str | None
    origin: str | None


def configured_region(environment: Mapping[str, str]) -> str | None:
    """The region of the environment. botocore by itself reads `AWS_DEFAULT_REGION` only, AWS's other tools both."""
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or None


def find_place(queue: str, region: str | None, environment: Mapping[str, str]) -> Place:
    """The place of the queue with this URL.

    A region that the host name of the URL tells is right, because the queue exists nowhere else; otherwise it is
    `region` (the setting), then `AWS_REGION`, then `AWS_DEFAULT_REGION`.
    """
    parts = urlsplit(queue)
    host = parts.hostname or ""
    configured = region or configured_region(environment)
    if legacy := _LEGACY_HOST.fullmatch(host):
        return Place(legacy["region"] or "us-east-1", None)
    # Without user name and password, which have no business in a queue's URL.
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if host else None
    if found := _HOST.fullmatch(host):
        special = found["front"] or found["fips"] or found["vpce"] or found["suffix"].startswith("api.")
        return Place(found["region"], origin if special else None)
    return Place(configured, origin)


def endpoint_problems(environment: Mapping[str, str], names: Container[str] | None = None) -> tuple[str, ...]:
    """One sentence for each of AWS's variables that should hold an endpoint, of SQS or any service, and does not.

    `names` are the variables that matter, if not all do.
    """
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").strip().lower() == "true":
        return ()
    return tuple(
        f"{name}: {without_password(url)!r} is no endpoint; it looks like https://host or http://localhost:4566"
        for name, url in sorted(environment.items())
        if name.startswith("AWS_ENDPOINT_URL")
        and (names is None or name in names)
        and url
        and not leads_to_a_server(url)
    )


def is_amazons(host: str) -> bool:
    """Whether a host is Amazon's, and no emulator."""
    return host.endswith(_AMAZONS)


def amazons_url(arn: str) -> str:
    """The URL of the queue with this ARN, in Amazon's own form."""
    _, partition, _, region, account, name = arn.split(":", 5)
    end, _ = _ENDS.get(partition, _ENDS["aws"])
    return f"https://sqs.{region}.{end}/{account}/{name}"
