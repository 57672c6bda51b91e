"""Contingency tables: how many voxels two label volumes share, for every pair of their ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.volumes import ArrayLike

IntArray = NDArray[np.int64]

_SLAB_VOXELS = 1 << 24
_MARKED_RANGE = 1 << 23


@frozen(eq=False)
class Contingency:
    """Every pair of ids that occurs, once, in ascending order of (row id, column id).

    Attributes:
        row_ids, column_ids: the distinct ids of the first and of the second volume, ascending,
            each of its volume's own type.
        rows, columns: of each pair, the positions of its ids in `row_ids` and `column_ids`.
        counts: of each pair, the voxels that carry it.
    """

    row_ids: NDArray[Any]
    column_ids: NDArray[Any]
    rows: IntArray
    columns: IntArray
    counts: IntArray

    @property
    def row_sizes(self) -> IntArray:
        """Voxels of each row id."""
        return _sums(self.rows, self.counts, len(self.row_ids))

    @property
    def column_sizes(self) -> IntArray:
        """Voxels of each column id."""
        return _sums(self.columns, self.counts, len(self.column_ids))


def contingency(first: ArrayLike, second: ArrayLike) -> Contingency:
    """The contingency table of two label volumes of one shape.

    Volumes are read a few sections at a time. Labels come in long runs, so that what is sorted is
    not voxels but runs of one and the same pair.

    Args:
        first, second: integers of any type and value, at least one axis; NumPy arrays or arrays
            that still lie in a file.

    Raises:
        NeurokitError: the shapes differ.
    """
    if tuple(first.shape) != tuple(second.shape):
        raise NeurokitError(
            f"labels of shape {_shape(first)} cannot be compared with labels of shape "
            f"{_shape(second)}; both must cover the same voxels"
        )
    slabs = [
        _pairs_of(np.asarray(first[start:stop]), np.asarray(second[start:stop]))
        for start, stop in _slabs(tuple(first.shape))
    ]
    row_ids, column_ids, counts = (np.concatenate(parts) for parts in zip(*slabs, strict=True))
    return _table(row_ids, column_ids, counts)


def run_starts(*labels: NDArray[Any]) -> NDArray[np.intp]:
    """Where, in flat arrays of one length, runs of the same combination of labels begin."""
    changes = np.ones(labels[0].size, dtype=bool)
    if changes.size:
        changes[1:] = False
    for each in labels:
        changes[1:] |= each[1:] != each[:-1]
    return np.flatnonzero(changes)


def _pairs_of(
    first: NDArray[Any], second: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], IntArray]:
    """The pairs in one slab, as (row ids, column ids, counts)."""
    first, second = first.ravel(), second.ravel()
    starts = run_starts(first, second)
    lengths = np.diff(starts, append=first.size).astype(np.int64)
    table = _table(first[starts], second[starts], lengths)
    return table.row_ids[table.rows], table.column_ids[table.columns], table.counts


def _table(first: NDArray[Any], second: NDArray[Any], counts: IntArray) -> Contingency:
    """The table of pairs that may occur several times, each with a count."""
    row_ids, rows = _distinct(first)
    column_ids, columns = _distinct(second)
    # One number a pair: there are fewer than 2**31 distinct ids of each volume.
    width = max(1, len(column_ids))
    pairs, which = _distinct(rows * width + columns)
    return Contingency(
        row_ids, column_ids, pairs // width, pairs % width, _sums(which, counts, len(pairs))
    )


def _distinct(values: NDArray[Any]) -> tuple[NDArray[Any], IntArray]:
    """The distinct values, ascending, and the position of each value among them.

    Values that lie close together are marked in a table of their range, which is faster than
    sorting them.
    """
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if high - low > _MARKED_RANGE:
        distinct, positions = np.unique(values, return_inverse=True)
        return distinct, positions.astype(np.int64)
    offsets = (values - values.dtype.type(low)).astype(np.int64)
    occurs = np.zeros(high - low + 1, dtype=bool)
    occurs[offsets] = True
    marked = np.flatnonzero(occurs) if values.size else np.empty(0, dtype=np.int64)
    distinct = marked.astype(values.dtype) + values.dtype.type(low)
    return distinct, (np.cumsum(occurs) - 1)[offsets]


def _sums(groups: NDArray[np.integer], counts: IntArray, length: int) -> IntArray:
    """The sum of the counts of each group; exact, as no sum reaches 2**53 voxels."""
    return np.bincount(groups, weights=counts, minlength=length).astype(np.int64)


def _slabs(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Ranges of the first axis, each of a bounded number of voxels; one if there are none."""
    section = max(1, int(np.prod(shape[1:], dtype=np.int64)))
    thickness = max(1, _SLAB_VOXELS // section)
    starts = range(0, max(1, shape[0]), thickness)
    return [(start, min(start + thickness, shape[0])) for start in starts]


def _shape(array: ArrayLike) -> str:
    return " x ".join(map(str, array.shape))
