"""A group of commands whose modules are imported when a command is called, so that none pays for another's imports."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """Takes `lazy`: for each command's name, where it is, as `module:attribute`.

    `elsewhere` has commands that people look for here, and how they are called.
    """

    def __init__(
        self,
        *arguments: Any,
        lazy: Mapping[str, str],
        elsewhere: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._lazy = lazy
        self._elsewhere = elsewhere

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order in which they were given."""
        return list(self._lazy)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with, or a failure that says which one was probably meant."""
        name = args[0]
        if name not in self._lazy and name[:1].isalpha() and not ctx.resilient_parsing:
            from turnout.rules.spelling import nearest  # only here: the package it is in takes long to import

            there = self._elsewhere.get(name)
            ctx.fail(
                f"No such command '{name}'" + (f"; it is '{there}'." if there else nearest(name, self._lazy) or ".")
            )
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        place = self._lazy.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{place} is not a command")
        return command
