"""What an examination finds: one record a check, each with what to do about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from turnout.doctor.facts import Silence, Why

__all__ = ["SEE_TO_CREDENTIALS", "Finding", "Severity", "error", "fine", "silent", "unknown", "warning"]

SEE_TO_CREDENTIALS = (
    "see to where the credentials come from: AWS's variables, its profile, or the role of this machine or pod"
)


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """Events are lost or not delivered, or will be."""
    WARNING = "warning"
    """It works, until something else goes wrong."""
    UNKNOWN = "unknown"
    """It could not be checked: a permission is missing, or nothing answered."""
    OK = "ok"


class Finding(msgspec.Struct, frozen=True):
    """The result of one check. `check` is its name, which stays the same; `subject` what was looked at."""

    check: str
    subject: str
    severity: Severity
    message: str
    advice: str = ""


def error(check: str, subject: str, message: str, advice: str) -> Finding:
    """Events are lost or not delivered, or will be."""
    return Finding(check, subject, Severity.ERROR, message, advice)


def warning(check: str, subject: str, message: str, advice: str) -> Finding:
    """It works, until something else goes wrong."""
    return Finding(check, subject, Severity.WARNING, message, advice)


def unknown(check: str, subject: str, message: str, advice: str) -> Finding:
    """It could not be checked."""
    return Finding(check, subject, Severity.UNKNOWN, message, advice)


def fine(check: str, subject: str, message: str) -> Finding:
    """It is as it should be."""
    return Finding(check, subject, Severity.OK, message)


def silent(
    check: str,
    subject: str,
    what: str,
    silence: Silence,
    missing: str,
    *,
    place: str = "",
    look_at: str = "network, endpoint and region",
) -> Finding:
    """What it means that there was no answer about `what`; `missing` is the advice where it does not exist.

    Only then it is named: what is wrong with several things in the same way is said once.
    """
    said = f"{silence.code}: {silence.message}" if silence.message else silence.code
    match silence.why:
        case Why.MISSING:
            return error(check, subject, f"the {what} does not exist{place}", missing)
        case Why.DENIED:
            advice = f"allow {silence.action} on it; the worker does without, the doctor does not"
            return unknown(check, subject, f"it may not be looked at: {said}", advice)
        case Why.THROTTLED:
            advice = "AWS was asked too much at once: run turnout doctor again in a minute"
            return unknown(check, subject, f"no answer: {said}", advice)
        case Why.UNKNOWN_CALLER:
            return error(check, subject, f"no answer: {said}", SEE_TO_CREDENTIALS)
        case Why.SETTINGS:
            return error(check, subject, silence.message, "correct it")
    return error(check, subject, f"no answer: {said}", f"look at {look_at}")
