"""What retry, archive and replay are asked to do, and by whom."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from turnout.cli.dlq.acting_options import Care
from turnout.dlq.services import Services
from turnout.dlq.sources import Place
from turnout.recovery.deliver.api import Act
from turnout.recovery.ledger.records import Action, Plan
from turnout.recovery.misnamed import Noticing

__all__ = ["Job", "who"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a command is asked to do."""

    command: str
    """As in `turnout dlq COMMAND`."""
    kind: str
    """How the names of its plans begin."""
    action: Action
    place: Place
    selects: Noticing
    what: str
    """For people: `Retry, by --cause X, to ...`."""
    unselected: str = ""
    """Why others were not selected, where the command assumed something that nobody wrote."""
    make: Callable[[Services, Plan], Awaitable[Act]]
    """Makes the action, of the plan's own options."""
    options: Mapping[str, str] = {}
    """What a plan must remember to go on."""
    care: Care


def who() -> str:
    """The user and the machine, as histories name them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    # Of a name that is no text in UTF-8, Python makes what no ledger and no archive can hold.
    return f"{user}@{socket.gethostname()}".encode(errors="replace").decode()
