"""Space on disks."""

from __future__ import annotations

import shutil
from pathlib import Path

from neurokit.amounts import in_words
from neurokit.errors import NeurokitError


def require_space(folder: Path, size: int) -> None:
    """Refuse work whose result would not fit.

    Args:
        folder: where it will be written; it need not exist yet.
        size: in bytes.

    Raises:
        NeurokitError: there is less free space on the disk of the folder.
    """
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(existing).free
    if free < size:
        raise NeurokitError(
            f"{folder} has {in_words(free)} free, {in_words(size - free)} less than needed; "
            f"free some space or choose another place"
        )
