"""Skeletons: neurons as trees of nodes, against which a segmentation can be scored."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.atomic import replacing
from neurokit.errors import NeurokitError

_ARRAYS = {"ids": np.int64, "voxels": np.int64, "edges": np.int64, "lengths_nm": np.float64}


@frozen(eq=False)
class Skeletons:
    """The skeletons of a volume's neurons.

    Attributes:
        ids: int64 (N,), the neuron that each node belongs to; above 0.
        voxels: int64 (N, 3), the voxel (z, y, x) that each node lies in; it may lie outside of
            the volume.
        edges: int64 (E, 2), places of the two nodes that each edge joins, of one neuron.
        lengths_nm: float64 (E,), of the edges.

    Raises:
        NeurokitError: the arrays do not fit each other, or an id is not above 0.
    """

    ids: NDArray[np.int64]
    voxels: NDArray[np.int64]
    edges: NDArray[np.int64]
    lengths_nm: NDArray[np.float64]

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change when the skeletons do."""
        digest = hashlib.sha256()
        for name in _ARRAYS:
            digest.update(np.ascontiguousarray(getattr(self, name)).data)
        return digest.hexdigest()[:16]

    def __attrs_post_init__(self) -> None:
        problem = self._problem()
        if problem is not None:
            raise NeurokitError(f"these are no skeletons: {problem}")

    def _problem(self) -> str | None:
        nodes, edges = len(self.ids), len(self.edges)
        wanted = {"ids": (nodes,), "voxels": (nodes, 3), "edges": (edges, 2)}
        for name, shape in (wanted | {"lengths_nm": (edges,)}).items():
            array = getattr(self, name)
            if array.shape != shape:
                return f"'{name}' has shape {array.shape}, not {shape}"
            if array.dtype != _ARRAYS[name]:
                return f"'{name}' has type {array.dtype}, not {np.dtype(_ARRAYS[name])}"
        if nodes and self.ids.min() < 1:
            return f"a node has the id {self.ids.min()}, and ids must be above 0"
        if edges and not 0 <= self.edges.min() <= self.edges.max() < nodes:
            return f"an edge names a node that is not among the {nodes}"
        first, second = self.edges.T
        if (self.ids[first] != self.ids[second]).any():
            return "an edge joins nodes of two neurons"
        if not (np.isfinite(self.lengths_nm) & (self.lengths_nm >= 0)).all():
            return "an edge has a length that is negative or not finite"
        return None


def write_skeletons(path: Path, skeletons: Skeletons) -> None:
    """Write skeletons to a NumPy archive (`.npz`), whole or not at all.

    Raises:
        NeurokitError: the file cannot be written.
    """
    with replacing(path) as partial, partial.open("wb") as file:
        arrays: dict[str, Any] = {name: getattr(skeletons, name) for name in _ARRAYS}
        np.savez_compressed(file, **arrays)


def read_skeletons(path: Path) -> Skeletons:
    """The skeletons in a file written by `write_skeletons`; nothing in it is ever executed.

    Raises:
        NeurokitError: the file is missing, damaged, or holds no skeletons.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: _integers(archive[name]) for name in _ARRAYS}
    except FileNotFoundError as error:
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise NeurokitError(f"file not found: {path}{where}; check the path") from error
    except OSError as error:
        raise NeurokitError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # damaged archives, and other files, fail in many ways
        raise NeurokitError(
            f"{path} holds no skeletons as neurokit.write_skeletons writes them, or is damaged"
        ) from error
    try:
        return Skeletons(**arrays)
    except NeurokitError as error:
        raise NeurokitError(f"{path}: {error}") from error


def _integers(array: NDArray[Any]) -> NDArray[Any]:
    """Integers of any type in 64 bits; what does not fit, or is none, stays as it is."""
    fits = array.dtype.kind in "iu" and array.max(initial=0) <= np.iinfo(np.int64).max
    return array.astype(np.int64, copy=False) if fits else array
