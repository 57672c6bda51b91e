"""Amounts of bytes in words."""

from __future__ import annotations

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def in_words(size: int) -> str:
    """An amount of bytes: `25 bytes`, `3.1 MB`."""
    if size < 1000:
        return "1 byte" if size == 1 else f"{size} bytes"
    larger = range(1, len(_UNITS))
    step = next((n for n in larger if round(size / 1000**n, 1) < 1000), len(_UNITS))
    return f"{size / 1000**step:.1f} {_UNITS[step - 1]}"
