"""Space on disks, and amounts of bytes in words."""

from __future__ import annotations

import shutil
from pathlib import Path

from neurokit.errors import NeurokitError

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def in_words(size: int) -> str:
    """An amount of bytes: `25 bytes`, `3.1 MB`."""
    if size < 1000:
        return "1 byte" if size == 1 else f"{size} bytes"
    larger = range(1, len(_UNITS))
    step = next((n for n in larger if round(size / 1000**n, 1) < 1000), len(_UNITS))
    return f"{size / 1000**step:.1f} {_UNITS[step - 1]}"


def require_space(folder: Path, size: int) -> None:
    """Refuse to begin what would fill the disk.

    Args:
        folder: where to write; it exists.
        size: bytes that will be written.

    Raises:
        NeurokitError: there is less free space than that.
    """
    free = shutil.disk_usage(folder).free
    if free < size:
        raise NeurokitError(
            f"{folder} has {in_words(free)} free, and {in_words(size)} are needed; free some space "
            f"or choose another place"
        )
