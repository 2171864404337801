"""Our signatures are botocore's, header for header, whatever is signed."""

from __future__ import annotations

import datetime
import hashlib
from unittest import mock
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.sqs.credentials import Credentials
from turnout.sqs.wire.endpoint import parse_endpoint
from turnout.sqs.wire.sign import CONTENT_TYPE, Signer, canonical_path

KEYS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=16, max_size=20)
SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=44)
CREDENTIALS = st.builds(Credentials, KEYS, SECRETS, st.none() | SECRETS)
REGIONS = st.sampled_from(["us-east-1", "eu-central-1", "us-gov-west-1", "cn-northwest-1", "eusc-de-east-1"])
HOSTS = st.sampled_from(
    [
        "https://sqs.us-east-1.amazonaws.com",
        "https://sqs-fips.us-gov-west-1.amazonaws.com",
        "https://vpce-0123-abcd.sqs.eu-west-1.vpce.amazonaws.com",
        "http://localhost:4566",
        "http://127.0.0.1:80",
        "https://localhost:443",
        "https://LocalHost:8443",
        "http://[::1]:9324",
        "http://[::1]",
    ]
)
SEGMENTS = st.text("abcXYZ019-._~%!$&'()*+,;=:@", max_size=6) | st.sampled_from([".", "..", ""])
PATHS = st.just("") | st.lists(SEGMENTS, max_size=4).map(lambda segments: "/" + "/".join(segments))
TIMES = st.integers(0, 4_102_444_800)
TARGETS = st.sampled_from(["ReceiveMessage", "SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"])


def botocores_headers(
    url: str, region: str, credentials: Credentials, target: str, body: bytes, seconds: int
) -> dict[str, str]:
    request = AWSRequest("POST", url, data=body)
    request.headers["Content-Type"] = CONTENT_TYPE
    request.headers["X-Amz-Target"] = target
    request.headers["X-Amzn-Query-Mode"] = "true"
    now = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    boto = BotoCredentials(credentials.access_key, credentials.secret_key, credentials.token)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(boto, "sqs", region).add_auth(request)
    names = ("X-Amz-Date", "X-Amz-Security-Token", "Authorization")
    return {name: request.headers[name] for name in names if name in request.headers}


@settings(max_examples=3000, deadline=None)
@given(HOSTS, PATHS, REGIONS, CREDENTIALS, TARGETS, st.binary(max_size=200), TIMES)
def test_signatures_are_botocores(
    host: str, path: str, region: str, credentials: Credentials, operation: str, body: bytes, seconds: int
) -> None:
    endpoint = parse_endpoint(host + path, ca_bundle="") if host.startswith("http:") else None
    authority = endpoint.authority if endpoint else tls_authority(host)
    path = endpoint.path if endpoint else f"{path.removesuffix('/')}/"
    target = f"AmazonSQS.{operation}"
    ours = Signer(region, authority, path).headers(target, hashlib.sha256(body).hexdigest(), credentials, seconds + 0.9)
    theirs = botocores_headers(f"{host}{path}", region, credentials, target, body, seconds)
    assert dict(line.split(": ", 1) for line in ours.removesuffix("\r\n").split("\r\n")) == theirs


def tls_authority(host: str) -> str:
    parts = urlsplit(host)
    return f"{parts.hostname}:{parts.port}" if parts.port not in (None, 443) else str(parts.hostname)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TIMES, CREDENTIALS, TARGETS), min_size=2, max_size=8))
def test_what_a_signer_remembers_never_shows(requests: list[tuple[int, Credentials, str]]) -> None:
    signer = Signer("eu-west-1", "sqs.eu-west-1.amazonaws.com")
    digest = hashlib.sha256(b"{}").hexdigest()
    for seconds, credentials, target in [*requests, *requests]:
        fresh = Signer("eu-west-1", "sqs.eu-west-1.amazonaws.com")
        assert signer.headers(target, digest, credentials, seconds) == fresh.headers(
            target, digest, credentials, seconds
        )


def test_the_key_is_made_anew_at_midnight() -> None:
    signer = Signer("eu-west-1", "h")
    credentials = Credentials("AKID", "secret")
    before = signer.headers("T", "0", credentials, 86_399.9)
    after = signer.headers("T", "0", credentials, 86_400.0)
    assert "19700101/eu-west-1" in before
    assert "19700102/eu-west-1" in after


def test_dot_segments_are_resolved_and_the_rest_is_encoded() -> None:
    assert canonical_path("/a/./b/../c d/") == "/a/c%20d/"
    assert canonical_path("/") == "/"
    assert canonical_path("//") == "/"
    assert canonical_path("/%20") == "/%2520"
