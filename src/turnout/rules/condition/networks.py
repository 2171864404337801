"""IP addresses and networks. Host bits are masked; an IPv4 address is in no IPv6 network.

Addresses are read as EventBridge reads them: leading zeros of an IPv4 address count for nothing (`10.0.0.01`), and
an IPv6 address has no zone (`fe80::1%eth0` is not an address).
"""

from __future__ import annotations

import ipaddress
import re
from typing import TypeAlias

__all__ = ["Address", "Network", "address", "aws_network", "contains", "literal_address", "network"]

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST_ADDRESS = 45
_LONGEST_V4 = 15
_V4 = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)", re.ASCII)
_V6 = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")
_MASK = re.compile(r"[-+]?[0-9]{1,10}", re.ASCII)


def network(text: str) -> Network:
    """The network in CIDR notation. Raises ValueError with a reason."""
    return ipaddress.ip_network(text, strict=False)


def contains(network: Network, text: str) -> bool:
    """Whether the text is an address inside the network. Text that is not an address is not."""
    found = address(text)
    return found is not None and found.version == network.version and found in network


def address(text: str) -> Address | None:
    """The address that the text is, if it is one."""
    if len(text) > _LONGEST_ADDRESS or "%" in text:
        return None
    octets = _V4.fullmatch(text)
    if octets:
        if len(text) > _LONGEST_V4:
            return None
        text = ".".join(octet.lstrip("0") or "0" for octet in octets.groups())
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def literal_address(text: str) -> Address | None:
    """The address that a literal of an event pattern is compared as; None when it is compared as text."""
    return address(text) if _V4.fullmatch(text) or _V6.fullmatch(text) else None


def aws_network(text: str, written: str = "") -> Network:
    """The network of a pattern's `cidr`. Raises ValueError in EventBridge's words, which refuses single addresses.

    `written` stands in the error in place of the address: what the environment holds may be a secret.
    """
    parts = text.split("/")
    if len(parts) != 2 or not parts[1]:
        raise ValueError("Malformed CIDR, one '/' required")
    if not _MASK.fullmatch(parts[1]):
        raise ValueError("Malformed CIDR, mask bits must be an integer")
    bits = int(parts[1])
    if bits < 0:
        raise ValueError("Malformed CIDR, mask bits must not be negative")
    found = literal_address(parts[0])
    if found is None:
        shown = (written or parts[0])[:_LONGEST_ADDRESS].encode("ascii", "backslashreplace").decode()
        raise ValueError(f"Nonstandard IP address: {shown}")
    if bits >= found.max_prefixlen:
        raise ValueError(f"IPv{found.version} mask bits must be < {found.max_prefixlen}")
    return network(f"{found}/{bits}")
