"""What results were made from, so that a valid one is kept and a stale one never is."""

from __future__ import annotations

from pathlib import Path

import h5py

from neurokit.prediction import DATASET


def stored_fingerprint(path: Path) -> str | None:
    """The fingerprint of the inputs of an HDF5 result; None without a readable result."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            found = file[DATASET].attrs.get("fingerprint")
    except (OSError, KeyError):
        return None
    return None if found is None else str(found)
