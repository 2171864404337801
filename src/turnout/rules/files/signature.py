"""Tells whether rule files have changed, without reading them."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["Signature", "signature"]

Signature = tuple[tuple[str, int, int, int, str], ...]


def signature(path: Path) -> Signature:
    """Names, numbers, sizes and times of what is at a path; empty when nothing is there."""
    try:
        found = sorted(path.iterdir()) if path.is_dir() else [path]
        return tuple(_entry(entry) for entry in found)
    except OSError:
        return ()


def _entry(path: Path) -> tuple[str, int, int, int, str]:
    target = os.readlink(path) if path.is_symlink() else ""
    try:
        status = path.stat()
    except FileNotFoundError:  # a dangling link, for a moment
        return (path.name, 0, 0, 0, target)
    # When the inode changed, not the content: archives, images and `cp -p` give files the times they like.
    return (path.name, status.st_ino, status.st_size, status.st_ctime_ns, target)
