"""Judges who we are to AWS and whether our clocks agree."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.doctor.facts import Caller, Why
from turnout.doctor.findings import SEE_TO_CREDENTIALS, Finding, error, fine, unknown, warning

__all__ = ["judge_caller", "judge_clock", "proxy_in_the_way"]

# Signature Version 4 lets a request be five minutes old (IAM user guide, "Elements of an AWS API request signature").
_REFUSED_SECONDS = 300.0
_NOTICED_SECONDS = 30.0

_SUBJECT = "AWS"
_NO_CREDENTIALS = frozenset({"NoCredentialsError", "PartialCredentialsError"})
_NO_REGION = "NoRegion"
_UNASKED = ": it was asked nothing about queues, targets and stores"


def judge_caller(caller: Caller) -> Iterator[Finding]:
    """Whether there are credentials, and whether they work."""
    silence = caller.silence
    if silence is not None and not caller.endpoint and silence.code != _NO_REGION:
        what = f"nothing could be asked about queues, targets and stores: {silence.message}"
        if silence.why is Why.UNKNOWN_CALLER:
            yield error("credentials", _SUBJECT, what, SEE_TO_CREDENTIALS)
        else:
            yield error("settings", _SUBJECT, what, "correct it; these are AWS's own settings, variables or a profile")
        return
    if not caller.region:
        unasked = _UNASKED if silence is not None and silence.code == _NO_REGION else ""
        yield error("region", _SUBJECT, f"no region is set{unasked}", "set AWS_REGION to the region of the queues")
        if unasked:
            return
    else:
        yield fine("region", _SUBJECT, caller.region)
    if silence is None:
        yield fine("credentials", _SUBJECT, caller.arn)
    elif silence.code in _NO_CREDENTIALS:
        yield error(
            "credentials",
            _SUBJECT,
            f"there are no credentials for AWS{_UNASKED}",
            "give this process a role (task role, IRSA, instance profile), or set AWS_PROFILE, or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    elif silence.why in (Why.DENIED, Why.UNKNOWN_CALLER):
        unasked = _UNASKED if silence.why is Why.UNKNOWN_CALLER else ""
        yield error(
            "credentials",
            _SUBJECT,
            f"AWS does not accept the credentials: {silence.code}: {silence.message}{unasked}",
            "give this process a role (task role, IRSA, instance profile), or set AWS_PROFILE; "
            "temporary credentials expire: log in again",
        )
    elif caller.emulator:
        yield fine("credentials", _SUBJECT, f"the emulator at {caller.endpoint} does not know callers")
    else:
        yield unknown(
            "credentials",
            _SUBJECT,
            f"AWS could not be asked who this is: {silence.code}: {silence.message}",
            "let this machine reach the STS endpoint of the region (in a VPC: an interface endpoint for sts)",
        )


def proxy_in_the_way() -> Finding:
    """That the worker's client cannot go the way that the environment asks for. We go it: we use the other one."""
    return error(
        "proxy",
        _SUBJECT,
        "the environment asks for a proxy, which the worker's client of SQS does not speak to",
        "set TURNOUT_SQS_CLIENT=aioboto3, or except the endpoint's host with NO_PROXY",
    )


def judge_clock(caller: Caller) -> Iterator[Finding]:
    """Whether our clock is near AWS's: signatures depend on it, and so do leases and ages."""
    ahead = caller.ahead_seconds
    if ahead is None and not caller.endpoint:
        return  # nobody was asked, and there is a finding about that
    if ahead is None:
        yield unknown("clock", "clock", "AWS did not tell the time", "compare `date -u` with a time server")
    elif abs(ahead) < _NOTICED_SECONDS:
        yield fine("clock", "clock", f"{abs(ahead):.0f} s from AWS's")
    else:
        where = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} AWS's"
        advice = "start time synchronisation (chrony; on EC2 169.254.169.123)"
        if abs(ahead) >= _REFUSED_SECONDS:
            yield error("clock", "clock", f"the clock is {where}: AWS refuses what it signs", advice)
        else:
            yield warning("clock", "clock", f"the clock is {where}; from 300 s on AWS refuses what it signs", advice)
