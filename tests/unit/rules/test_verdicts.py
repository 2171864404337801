"""What comes of a set of rules, and that remembering it is bounded."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

from turnout.rules.condition.ast import Constant, Key, Path, Root
from turnout.rules.engine.found import Groups
from turnout.rules.model import Mode, Place, Rule
from turnout.rules.verdicts import Verdict, Verdicts

PLACE = Place("rules.yaml", 1, 1)


def rule(name: str, *send: str, mode: Mode = Mode.ACTIVE, stop: bool = False, group: Path | None = None) -> Rule:
    return Rule(name, Constant(True), send, PLACE, mode=mode, stop=stop, group=group)


def verdicts(rules: Sequence[Rule], *unmatched: str, groups: Groups | None = None) -> Verdicts:
    return Verdicts(rules, unmatched, (groups or Groups()).numbers)


def plain(verdict: Verdict) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return verdict.rules, verdict.targets, verdict.shadow


RULES = (rule("r0", "a", "b"), rule("r1", "b", "c"), rule("r2", "a"))


def test_rules_stand_in_their_order_and_targets_stand_once() -> None:
    told = verdicts(RULES)
    assert plain(told.of((2, 1, 0, 1))) == (("r0", "r1", "r2"), ("a", "b", "c"), ())
    assert plain(told.of((2, 1))) == (("r1", "r2"), ("b", "c", "a"), ())


def test_a_group_stands_for_its_rules() -> None:
    groups = Groups()
    found = groups.found([1, 0])
    assert plain(verdicts(RULES, groups=groups).of((2, found))) == (("r0", "r1", "r2"), ("a", "b", "c"), ())


def test_nothing_found_is_for_the_targets_of_the_unmatched() -> None:
    assert plain(verdicts(RULES, "rest").of(())) == ((), ("rest",), ())
    assert plain(verdicts([], "rest").known[()]) == ((), ("rest",), ())


def test_shadow_rules_send_nothing_and_stop_ends_the_list() -> None:
    told = verdicts(
        [
            rule("r0", "a", mode=Mode.SHADOW, stop=True),
            rule("r1", "b", stop=True),
            rule("r2", "c"),
            rule("r3", "d", mode=Mode.SHADOW),
        ],
        "rest",
    )
    assert plain(told.of((0, 1, 2, 3))) == (("r1",), ("b",), ("r0",))
    assert plain(told.of((2, 3))) == (("r2",), ("c",), ("r3",))
    assert plain(told.of((0,))) == ((), ("rest",), ("r0",))


def test_the_first_rule_that_sends_to_a_target_shapes_what_goes_there() -> None:
    told = verdicts([rule("r0", "a", group=Path(Root.EVENT, (Key("g"),))), rule("r1", "a", "b")])
    assert set(told.of((0, 1)).shapers or ()) == {"a"}
    assert told.of((1,)).shapers is None


def test_what_is_found_again_is_known_and_what_is_found_once_takes_no_room() -> None:
    told = verdicts(RULES)
    assert {(), (0,), (1,), (2,)} == set(told.known)
    told.of((0, 1))
    assert (0, 1) not in told.known
    again = told.of((0, 1))
    assert told.known[0, 1] is again


def test_what_is_remembered_is_bounded() -> None:
    rules = [rule(f"r{number}", "a") for number in range(100)]
    with patch("turnout.rules.verdicts._ROOM", 1_000), patch("turnout.rules.verdicts._MOST_ONCE", 50):
        told = verdicts(rules)
        for first in range(100):
            for second in range(first):
                for _ in range(2):
                    assert told.of((first, second)).rules == (f"r{second}", f"r{first}")
                assert len(told.known) < 101 + 300
    assert told.known[7,].rules == ("r7",)
