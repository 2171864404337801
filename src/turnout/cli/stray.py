"""A command that takes no arguments, and says by which option goes what was given as one: `turnout check rules`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

__all__ = ["WithoutArguments", "rules_are_meant"]


class WithoutArguments(click.Command):
    """Takes `stray`: the option that an argument was probably meant for."""

    def __init__(self, *arguments: Any, stray: Callable[[str], str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.allow_extra_args = True  # so that they can be refused here
        self._stray = stray

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options, and refuse the first argument."""
        left = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            first = ctx.args[0]
            ctx.fail(f"unexpected argument '{first}'; write {self._stray(first)} {first}")
        return left


def rules_are_meant(_: str) -> str:
    """The option of those commands that look at a directory of rules."""
    return "--rules"
