"""Text that says where letters are, which are meant, where they go, or by which rules: never empty.

`--file "$FILE"` with a variable of the shell that nobody set would else be the queue of the settings, `--rules` the
current directory, and `show "$ID"` would show what has no id of an event.
"""

from __future__ import annotations

from typing import Any

import click

__all__ = ["GIVEN"]


class _Given(click.ParamType[str]):
    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text; refused when it is empty."""
        text = str(value)
        if not text.strip():
            else_ = "" if isinstance(param, click.Argument) else ", or leave the option out"
            self.fail(f"it is empty; give it a value{else_}", param, ctx)
        return text


GIVEN = _Given()
