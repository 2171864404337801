"""The bounds on what a rule may ask for, so that nothing an operator writes can hang or exhaust the worker."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one rule's condition and on rule files. Exceeding one is a problem that names it (TR210)."""

    expression_length: int = 20_000
    """Characters of one expression."""
    depth: int = 40
    """Parentheses, `not`, functions and quantifiers inside each other."""
    nodes: int = 2_000
    """Conditions and terms in one rule."""
    list_items: int = 10_000
    """Literals in one list."""
    path_length: int = 1_000
    """Characters of one path."""
    path_segments: int = 32
    """Steps of one path, those of its filters included."""
    wildcard_stars: int = 16
    """`*` in one `wildcard` pattern."""
    pattern_combinations: int = 1_000
    """Ways to satisfy an event pattern that `$or` may multiply out to."""
    regex_length: int = 1_000
    """Characters of one regular expression."""
    regex_memory_bytes: int = 1 << 20
    """What RE2 may use for one compiled expression."""
    regex_steps: int = 2_000
    """Steps (RE2's instructions) of one regular expression."""
    regex_work: int = 4_000_000
    """Bytes of a text times the steps of the expression it is tried on: some 50 ms a text at worst, mostly far less."""
    file_bytes: int = 32 << 20
    """Size of one rule file."""
    yaml_depth: int = 100
    """Nesting of a rule file, its example events included."""
    alias_nodes: int = 10_000
    """Nodes that YAML aliases may add to one file."""


DEFAULT_LIMITS = Limits()
