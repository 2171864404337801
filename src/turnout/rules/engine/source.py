"""Makes Python functions from generated text, with everything an operator wrote passed in by value.

`Function` collects the text and the constants of one function; `Foundry` compiles, each distinct text once however
many functions are made of it. Text holds generated names and fixed words only. What it says is written in checks.py
and index.py.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

from turnout.rules.engine.support import NAMES

__all__ = ["Code", "Foundry", "Function"]

Code: TypeAlias = Callable[[Any, "str | bytes", object, Any, list[int]], None]
"""(projected event, body, metadata, the function's own data, what was found so far)."""


class Function:
    """One function under construction."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._constants: dict[Hashable, str] = {}
        self._values: list[object] = []

    def line(self, depth: int, text: str) -> None:
        """Add a line, `depth` levels deep in the function's body."""
        self._lines.append(f"{'    ' * (depth + 2)}{text}\n")

    def constant(self, value: object, key: Hashable = None) -> str:
        """The name of a constant. Two with equal keys are one; without a key, a constant is none but itself."""
        if key is None:
            key = "id", id(value)
        name = self._constants.get(key)
        if name is None:
            name = self._constants[key] = f"k{len(self._values)}"
            self._values.append(value)
        return name

    def followed_by(self, *lines: str) -> Function:
        """A function that goes on with these lines, which are indented by themselves."""
        other = Function()
        other._lines = [*self._lines, *(f"        {line}\n" for line in lines)]
        other._constants, other._values = self._constants, self._values
        return other

    @property
    def text(self) -> str:
        """A function that takes the constants and returns the function."""
        names = ", ".join(self._constants.values())
        body = "".join(self._lines) or "        pass\n"
        return f"def make({names}):\n    def function(e, b, m, x, out):\n{body}    return function\n"

    @property
    def identity(self) -> Hashable:
        """Functions with the same identity do the same. Their constants are alive as long as they are."""
        return self.text, tuple(self._constants)

    @property
    def values(self) -> tuple[object, ...]:
        """The constants, in the order in which `text` takes them."""
        return tuple(self._values)


class Foundry:
    """Compiles functions for one ruleset."""

    def __init__(self) -> None:
        self._makers: dict[str, Callable[..., Code]] = {}
        self._made: dict[Hashable, Code] = {}

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that was compiled."""
        return tuple(self._makers)

    def make(self, function: Function) -> Code:
        """The function. Those of one identity are one object."""
        identity = function.identity
        made = self._made.get(identity)
        if made is None:
            made = self._made[identity] = self._maker(function.text)(*function.values)
        return made

    def _maker(self, text: str) -> Callable[..., Code]:
        maker = self._makers.get(text)
        if maker is None:
            space: dict[str, Callable[..., Code]] = {}
            exec(compile(text, "<rules>", "exec"), dict(NAMES), space)  # noqa: S102 - nothing an operator wrote is in it
            maker = self._makers[text] = space["make"]
        return maker
