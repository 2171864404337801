"""Asks yes or no without holding up the event loop, which meanwhile keeps letters from becoming visible to others."""

from __future__ import annotations

import asyncio
import sys

import click

__all__ = ["confirmed"]


async def confirmed(question: str, stop: asyncio.Event) -> bool:
    """Whether the operator says yes; no when stopped. Raises `click.UsageError` when there is nobody to ask."""
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: give --yes, or --dry-run to see the plan alone")
    click.echo(f"{question} [y/N]: ", nl=False)
    sys.stdout.flush()
    answered = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), answered.set)
    try:
        waits = [asyncio.create_task(event.wait(), name="answer") for event in (answered, stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    if stop.is_set():
        click.echo()
        return False
    return sys.stdin.readline().strip().lower() in ("y", "yes")
