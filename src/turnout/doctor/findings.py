"""What an examination finds: one record a check, each with what to do about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["LATER", "Finding", "Severity", "error", "fine", "unknown", "warning"]

LATER = "AWS was asked too much at once: run turnout doctor again in a minute"
"""The advice where a question was throttled."""


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
