"""URLs that somebody typed into a setting: whether one leads to a server, and how to show it without its password."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["leads_to_a_server", "without_password"]


def leads_to_a_server(url: str) -> bool:
    """Whether this is http or https with a host, and with a port that can be one."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def without_password(url: str) -> str:
    """The URL with its user name and password struck out, however odd it is: a password may hold `/` and `@`, too."""
    return re.sub("//.*@", "//***@", url, flags=re.DOTALL)
