"""Contingency tables: how many voxels two label volumes share, for every pair of their ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.graph.compiled import compiled
from neurokit.graph.pairs import group_pairs
from neurokit.volumes import ArrayLike

IntArray = NDArray[np.int64]
Positions = NDArray[np.uint32]

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
    rows: Positions
    columns: Positions
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
    return _united(
        [
            _pairs_of(np.asarray(first[start:stop]), np.asarray(second[start:stop]))
            for start, stop in _slabs(tuple(first.shape))
        ]
    )


def grouped(table: Contingency, lookup: NDArray[np.unsignedinteger[Any]]) -> Contingency:
    """The table of the same rows and of what the column ids become.

    It equals, in every array, the table of the first volume and of `lookup[second]`.

    Args:
        table: its column ids are places in the lookup.
        lookup: the new id of every old one.
    """
    column_ids, columns = _distinct(lookup[table.column_ids])
    return _table(table.row_ids, table.rows, column_ids, columns[table.columns], table.counts)


def _pairs_of(first: NDArray[Any], second: NDArray[Any]) -> Contingency:
    """The table of one slab."""
    *ends, lengths = _runs(_as_int64(first), _as_int64(second))
    row_ids, rows = _distinct(ends[0].astype(first.dtype))
    column_ids, columns = _distinct(ends[1].astype(second.dtype))
    return _table(row_ids, rows, column_ids, columns, lengths)


def _united(tables: list[Contingency]) -> Contingency:
    """The table of a volume, of those of its slabs."""
    if len(tables) == 1:
        return tables[0]
    row_ids, rows = _distinct(np.concatenate([each.row_ids[each.rows] for each in tables]))
    column_ids, columns = _distinct(
        np.concatenate([each.column_ids[each.columns] for each in tables])
    )
    counts = np.concatenate([each.counts for each in tables])
    return _table(row_ids, rows, column_ids, columns, counts)


def _table(
    row_ids: NDArray[Any],
    rows: Positions,
    column_ids: NDArray[Any],
    columns: Positions,
    counts: IntArray,
) -> Contingency:
    """The table of pairs that may occur several times, each with a count."""
    groups = group_pairs(rows, columns, len(row_ids), len(column_ids))
    sums = np.add.reduceat(counts[groups.order], groups.starts[:-1])
    return Contingency(row_ids, column_ids, groups.first, groups.second, sums)


def _as_int64(labels: NDArray[Any]) -> IntArray:
    """Flat labels, different where they were; all in one type, so that one is compiled for."""
    return np.ascontiguousarray(labels).ravel().astype(np.int64, copy=False)


@compiled
def _runs(first: IntArray, second: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The two labels and the length of every run of the same pair."""
    runs = 0
    for voxel in range(len(first)):
        runs += voxel == 0 or (
            first[voxel] != first[voxel - 1] or second[voxel] != second[voxel - 1]
        )
    one, other, lengths = (
        np.empty(runs, np.int64),
        np.empty(runs, np.int64),
        np.zeros(runs, np.int64),
    )
    run = -1
    for voxel in range(len(first)):
        if voxel == 0 or (first[voxel] != first[voxel - 1] or second[voxel] != second[voxel - 1]):
            run += 1
            one[run], other[run] = first[voxel], second[voxel]
        lengths[run] += 1
    return one, other, lengths


def _distinct(values: NDArray[Any]) -> tuple[NDArray[Any], Positions]:
    """The distinct values, ascending, and the position of each value among them.

    Values that lie close together are marked in a table of their range, which is faster than
    sorting them.
    """
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if high - low > max(_MARKED_RANGE, 4 * values.size):
        distinct, positions = np.unique(values, return_inverse=True)
        return distinct, positions.astype(np.uint32)
    # Differences wrap around in 64 bits, which even the whole range of a smaller type fits into.
    offsets = values.astype(np.int64) - values.dtype.type(low).astype(np.int64)
    occurs = np.zeros(high - low + 1 if values.size else 0, dtype=bool)
    occurs[offsets] = True
    distinct = np.flatnonzero(occurs).astype(values.dtype) + values.dtype.type(low)
    return distinct, (np.cumsum(occurs) - 1).astype(np.uint32)[offsets]


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
