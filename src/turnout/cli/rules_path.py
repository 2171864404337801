"""The path of rules on a command line. An empty one, as of a variable of the shell that nobody set, is no path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["RulesPath"]


class RulesPath(click.Path):
    """A directory of rule files, or one rule file. `Path("")` would be the current directory."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; refused when it is empty."""
        if value == "":
            self.fail("it is empty; give a directory of rule files, or one rule file", param, ctx)
        return super().convert(value, param, ctx)
