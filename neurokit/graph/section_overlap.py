"""Section overlap: joining segments that end at one section with what lies over them in the next.

A neurite that the agglomeration cut between two sections, at a fold or a shift, shows as a segment
that ends and another that begins at nearly the same place.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.graph.contingency import Contingency, contingency, run_starts
from neurokit.graph.partition import Lookup, compact, joined
from neurokit.params import param

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@frozen(eq=False)
class Overlaps:
    """Pairs of different segments that overlap from one section to the next, of all sections.

    Attributes:
        below, above: the id in section z and the id in section z + 1; neither is 0.
        area: voxels of the overlap.
        below_area, above_area: voxels of each id in its own section of the two.
        ends: whether the id below has no voxel in section z + 1.
        starts: whether the id above has no voxel in section z.
        best: whether each is the other's largest overlap across these two sections; of equal
            ones the smallest id is the largest overlap.
        affinity: mean z affinity over the overlap; 1 where it was not asked for.
    """

    below: IntArray
    above: IntArray
    area: IntArray
    below_area: IntArray
    above_area: IntArray
    ends: BoolArray
    starts: BoolArray
    best: BoolArray
    affinity: NDArray[np.float64]


@frozen(kw_only=True)
class SectionOverlap:
    """Join segments across two sections where one ends and another begins in the same place.

    Any one of three rules joins a pair that overlaps from section z to section z + 1: a high
    intersection over union, if the lower ends or the upper starts there; each being the other's
    largest overlap, if the lower ends and the upper starts there; most of the smaller one lying
    over the other, if the lower ends or the upper starts there.

    All rules see the segments as they came, in every pair of sections, and all joins are applied
    together. Nothing hangs on the order of sections or rules, and a volume gives the same segments
    upside down. Applying joins one after another would differ where a joined segment goes on where
    one of its parts ended.
    """

    enabled: bool = param(False, help="whether segments are joined by overlap at all")
    iou_threshold: float = param(
        0.5, help="least intersection over union that joins", low=0, high=1
    )
    best_buddy: bool = param(True, help="whether to join two that are each other's best overlap")
    one_sided_threshold: float = param(
        0.8,
        help="least share of the smaller one's section in the overlap that joins",
        low=0,
        high=1,
    )
    one_sided_min_size: int = param(
        100, help="least voxels of the smaller one in its section for that share to count", low=0
    )
    affinity_threshold: float = param(
        0.0, help="least mean z affinity over the overlap for any join; 0 asks none", low=0, high=1
    )

    def lookup(
        self, labels_ZYX: NDArray[np.integer], z_affinities_ZYX: NDArray[np.floating]
    ) -> Lookup:
        """The new id of every old one: 1..n in the order of the smallest id of a set, 0 for 0.

        Args:
            labels_ZYX: segment ids, compact from 1; 0 is background and overlaps with nothing.
            z_affinities_ZYX: the affinities to the section before, stored at the later one; read
                only where `affinity_threshold` asks for them.
        """
        asked = z_affinities_ZYX if self.affinity_threshold > 0 else None
        overlaps = section_overlaps(labels_ZYX, asked)
        joins = self._joins(overlaps)
        count = int(labels_ZYX.max(initial=0)) + 1
        sets = joined(count, overlaps.below[joins], overlaps.above[joins])
        return compact(sets, np.ones(count, dtype=bool))

    def _joins(self, overlaps: Overlaps) -> BoolArray:
        union = overlaps.below_area + overlaps.above_area - overlaps.area
        smaller = np.minimum(overlaps.below_area, overlaps.above_area)
        alike = overlaps.area >= self.iou_threshold * union
        covered = (overlaps.area >= self.one_sided_threshold * smaller) & (
            smaller >= self.one_sided_min_size
        )
        one_stops = overlaps.ends | overlaps.starts
        joins = one_stops & (alike | covered)
        if self.best_buddy:
            joins |= overlaps.ends & overlaps.starts & overlaps.best
        return joins & (overlaps.affinity >= self.affinity_threshold)


def section_overlaps(
    labels_ZYX: NDArray[np.integer], z_affinities_ZYX: NDArray[np.floating] | None = None
) -> Overlaps:
    """The overlaps of every two consecutive sections, in the order of z, then of the ids.

    Args:
        labels_ZYX: segment ids from 0; 0 is background.
        z_affinities_ZYX: as in `SectionOverlap.lookup`; None gives every overlap affinity 1.
    """
    pairs = range(1, labels_ZYX.shape[0])
    parts = [
        _between(
            labels_ZYX[z - 1],
            labels_ZYX[z],
            None if z_affinities_ZYX is None else z_affinities_ZYX[z],
        )
        for z in pairs
    ]
    nothing = np.zeros((1, 0), dtype=labels_ZYX.dtype)
    columns = zip(*([_between(nothing, nothing, None), *parts]), strict=True)
    return Overlaps(*(np.concatenate(column) for column in columns))


def _between(
    lower_YX: NDArray[np.integer],
    upper_YX: NDArray[np.integer],
    affinities_YX: NDArray[np.floating] | None,
) -> tuple[NDArray[np.generic], ...]:
    """The fields of `Overlaps` for one section and the next."""
    table = contingency(lower_YX, upper_YX)
    below, above = table.row_ids[table.rows], table.column_ids[table.columns]
    kept = (below != 0) & (above != 0) & (below != above)
    affinity = np.ones(len(below))
    if affinities_YX is not None:
        affinity = _mean_by_pair(table, lower_YX.ravel(), upper_YX.ravel(), affinities_YX.ravel())
    fields = (
        below.astype(np.int64),
        above.astype(np.int64),
        table.counts,
        table.row_sizes[table.rows],
        table.column_sizes[table.columns],
        ~np.isin(below, table.column_ids),
        ~np.isin(above, table.row_ids),
        _mutual_best(table),
        affinity,
    )
    return tuple(field[kept] for field in fields)


def _mutual_best(table: Contingency) -> BoolArray:
    """Of each pair of the table, whether each id is the other's largest overlap.

    Background takes no part: a segment's largest overlap is with a segment.
    """
    objects = (table.row_ids[table.rows] != 0) & (table.column_ids[table.columns] != 0)
    counts = np.where(objects, table.counts, 0)
    best_of_row = _first_of_group(table.rows, np.lexsort((table.columns, -counts, table.rows)))
    best_of_column = _first_of_group(
        table.columns, np.lexsort((table.rows, -counts, table.columns))
    )
    return best_of_row & best_of_column


def _first_of_group(groups: IntArray, order: NDArray[np.intp]) -> BoolArray:
    """Which elements come first of their group, when gone through in `order`, group by group."""
    first = np.zeros(len(groups), dtype=bool)
    first[order[run_starts(groups[order])]] = True
    return first


def _mean_by_pair(
    table: Contingency,
    lower: NDArray[np.integer],
    upper: NDArray[np.integer],
    values: NDArray[np.floating],
) -> NDArray[np.float64]:
    """The mean over the voxels of each pair of the table, of flat arrays of one section."""
    starts = run_starts(lower, upper)
    run_sums = np.add.reduceat(values, starts, dtype=np.float64)
    rows = np.searchsorted(table.row_ids, lower[starts])
    columns = np.searchsorted(table.column_ids, upper[starts])
    width = len(table.column_ids)
    pairs = np.searchsorted(table.rows * width + table.columns, rows * width + columns)
    sums = np.bincount(pairs, weights=run_sums, minlength=len(table.counts))
    return np.asarray(sums / table.counts, dtype=np.float64)
