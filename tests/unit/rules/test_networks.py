"""Reading IP addresses and networks as EventBridge does."""

from __future__ import annotations

import pytest

from turnout.rules.condition import networks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("010.000.00.1", "10.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("000.0.0.000", "0.0.0.0"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
    ],
)
def test_addresses_are_read_with_leading_zeros(text: str, expected: str) -> None:
    found = networks.address(text)
    assert found is not None
    assert found == networks.address(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0",
        "10.0.0.256",
        "1000.0.0.1",
        "0010.0000.0000.01",
        "10.0.0.1 ",
        "\u0663.0.0.1",
        "fe80::1%eth0",
        ":",
        "1::2::3",
    ],
)
def test_other_text_is_no_address(text: str) -> None:
    assert networks.address(text) is None


def test_a_very_long_text_is_no_address() -> None:
    assert networks.address("1" * 1_000_000) is None
    assert networks.literal_address(":" * 1_000_000) is None


def test_a_network_holds_addresses_of_its_own_version() -> None:
    network = networks.network("10.1.2.3/8")
    assert str(network) == "10.0.0.0/8"
    assert networks.contains(network, "10.255.255.255")
    assert not networks.contains(network, "::ffff:10.0.0.1")
    assert not networks.contains(networks.network("::/0"), "10.0.0.1")


def test_mapped_addresses_are_no_address_literals() -> None:
    assert networks.literal_address("::ffff:10.0.0.1") is None
    assert networks.literal_address("08:23") is None
    assert str(networks.literal_address("::1")) == "::1"
