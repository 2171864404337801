"""IP networks and the addresses inside them. Host bits are masked; an IPv4 address is in no IPv6 network."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

__all__ = ["Network", "contains", "network"]

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST_ADDRESS = 45


def network(text: str) -> Network:
    """The network in CIDR notation. Raises ValueError with a reason."""
    return ipaddress.ip_network(text, strict=False)


def contains(network: Network, text: str) -> bool:
    """Whether the text is an address inside the network. Text that is not an address is not."""
    if len(text) > _LONGEST_ADDRESS:
        return False
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.version == network.version and address in network
