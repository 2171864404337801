"""From an address of a letter to a destination: the rules' targets by name, everything else by what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from turnout.errors import Fault, TargetError
from turnout.recovery.deliver.address import Address, Kind
from turnout.rules import Ruleset
from turnout.rules.spelling import nearest
from turnout.targets.api import Destination
from turnout.targets.destinations import Destinations

__all__ = ["Doors"]


class Doors:
    """Implements `turnout.recovery.deliver.delivering.Doors`: each destination once, anew when the rules changed.

    `rules` are loaded when the first target is asked for by name. `instead` replaces places by others, ARN by endpoint:
    an API destination's URL is nowhere to be read.
    """

    def __init__(
        self, destinations: Destinations, rules: Callable[[], Ruleset], instead: Mapping[str, str] | None = None
    ) -> None:
        self._destinations = destinations
        self._rules = rules
        self._instead = instead or {}
        self._made: dict[Address, Destination] = {}
        self._fingerprint = ""

    def __call__(self, address: Address) -> Destination:
        """See the protocol. Raises `TargetError`, `RulesError`."""
        if address.kind is Kind.TARGET and (fingerprint := self._rules().fingerprint) != self._fingerprint:
            self._made.clear()
            self._fingerprint = fingerprint
        destination = self._made.get(address)
        if destination is None:
            destination = self._made[address] = self._make(address)
        return destination

    def _make(self, address: Address) -> Destination:
        match address.kind:
            case Kind.TARGET:
                return self._target(address.value)
            case Kind.QUEUE:
                return self._destinations.queue(address.value)
            case Kind.URL:
                return self._destinations.endpoint(address.value)
            case Kind.ARN:
                url = self._instead.get(address.value) or self._instead.get(address.value.rpartition("/")[0])
                return self._destinations.endpoint(url) if url else self._destinations.at_arn(address.value)

    def _target(self, name: str) -> Destination:
        rules = self._rules()
        target = rules.targets.get(name)
        if target is None:
            raise _missing(name, f"the rules have no target of this name{nearest(name, rules.targets)}")
        if target.unresolved:
            raise _missing(name, f"environment variable {target.unresolved[0]} is not set, which its address needs")
        return self._destinations(target)


def _missing(name: str, why: str) -> TargetError:
    return TargetError(why, code="UnknownTarget", fault=Fault.CONFIG, retryable=False, target=name)
