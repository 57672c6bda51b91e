"""What results were made from, so that a valid one is kept and a stale one never is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import h5py

from neurokit.checkpoint import Checkpoint
from neurokit.prediction import DATASET


def stored_fingerprint(path: Path) -> str | None:
    """The fingerprint of the inputs of an HDF5 result; None without a readable result."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            found = file[DATASET].attrs.get("fingerprint")
    except (OSError, KeyError):
        return None
    return None if found is None else str(found)


def weights_fingerprint(checkpoint: Checkpoint) -> str:
    """Sixteen hexadecimal digits of the weights that predict, wherever the file lies."""
    digest = hashlib.sha256()
    for name, tensor in sorted(checkpoint.best_weights.items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
