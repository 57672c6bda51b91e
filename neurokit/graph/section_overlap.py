"""Section overlap: joining segments that end at one section with what lies over them in the next.

A neurite that the agglomeration cut between two sections, at a fold or a shift, shows as a segment
that ends and another that begins at nearly the same place.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from attrs import astuple, frozen
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled
from neurokit.graph.pairs import group_pairs
from neurokit.graph.partition import Lookup, compact, joined
from neurokit.graph.region_graph import UNIT
from neurokit.graph.section_table import (
    Numbered,
    SectionTable,
    ZAffinities,
    numbered,
    section_table,
)
from neurokit.graph.threads import side_by_side, slabs
from neurokit.params import param

Ids = NDArray[np.uint32]
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

    below: Ids
    above: Ids
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

    def lookup(self, labels_ZYX: NDArray[np.integer], z_affinities_ZYX: ZAffinities) -> Lookup:
        """The new id of every old one: 1..n in the order of the smallest id of a set, 0 for 0.

        Args:
            labels_ZYX: segment ids, compact from 1; 0 is background and overlaps with nothing.
            z_affinities_ZYX: the affinities to the section before, stored at the later one; read
                only where `affinity_threshold` asks for them.
        """
        asked = z_affinities_ZYX if self.affinity_threshold > 0 else None
        table = section_table(labels_ZYX, asked)
        return self.lookup_of(table, np.arange(table.ids, dtype=np.uint32))

    def lookup_of(self, table: SectionTable, segments: Lookup) -> Lookup:
        """The new id of every segment, as `lookup` gives it for the voxels of `segments[labels]`.

        Args:
            table: of an oversegmentation; with affinities if `affinity_threshold` asks for them.
            segments: the segment of each of its ids; compact from 1, or 0.
        """
        assert table.total is not None or self.affinity_threshold == 0
        overlaps = overlaps_of(table, segments)
        joins = self._joins(overlaps)
        count = int(segments.max(initial=0)) + 1
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


def overlaps_of(table: SectionTable, segments: Lookup) -> Overlaps:
    """The overlaps of every two consecutive sections, from the lowest section to the highest.

    Args:
        table: of an oversegmentation.
        segments: the segment of each of its ids.
    """
    of_range = partial(_of_range, table, segments.astype(np.uint32))
    parts = side_by_side(of_range, slabs((max(0, table.depth - 1),)))
    return _united([overlaps for part in parts for overlaps in part])


def _of_range(table: SectionTable, segments: Ids, pairs: tuple[int, int]) -> list[Overlaps]:
    """The overlaps of some sections with the next."""
    first, end = pairs
    free = np.zeros(int(segments.max()) + 1, np.uint32)
    sections = []
    for z in range(first, end + 1):
        here = slice(table.starts[z], table.starts[z + 1])
        sections.append(numbered(segments[table.fragment[here]], table.voxels[here], free))
    return [
        _between(table, z, sections[z - first], sections[z + 1 - first], free)
        for z in range(first, end)
    ]


def _between(table: SectionTable, z: int, below: Numbered, above: Numbered, free: Ids) -> Overlaps:
    """The overlaps of segments of section z and the next, of those of fragments added up."""
    here = slice(table.pair_starts[z], table.pair_starts[z + 1])
    groups = group_pairs(
        below.numbers[table.below[here]],
        above.numbers[table.above[here]],
        len(below.ids) + 1,
        len(above.ids) + 1,
    )

    def added_up(column: NDArray[np.integer]) -> IntArray:
        return np.add.reduceat(column[here][groups.order], groups.starts[:-1], dtype=np.int64)

    # Number 0 is background.
    objects = (groups.first > 0) & (groups.second > 0)
    first, second = groups.first[objects] - 1, groups.second[objects] - 1
    area = added_up(table.area)[objects]
    affinity = np.ones(len(area))
    if table.total is not None:
        affinity = added_up(table.total)[objects] * UNIT / area
    overlaps = Overlaps(
        below=below.ids[first],
        above=above.ids[second],
        area=area,
        below_area=below.sizes[first].astype(np.int64),
        above_area=above.sizes[second].astype(np.int64),
        ends=_absent(below.ids, above.ids, free)[first],
        starts=_absent(above.ids, below.ids, free)[second],
        best=_mutual_best(first, second, area, below.ids, above.ids),
        affinity=affinity,
    )
    return _chosen(overlaps, overlaps.below != overlaps.above)


@compiled
def _absent(ids: Ids, others: Ids, free: Ids) -> BoolArray:
    """Which of some ids are not among others; `free` is zero before and after."""
    absent = np.empty(len(ids), np.bool_)
    for one in others:
        free[one] = 1
    for place in range(len(ids)):
        absent[place] = free[ids[place]] == 0
    for one in others:
        free[one] = 0
    return absent


@compiled
def _mutual_best(
    first: Ids, second: Ids, area: IntArray, below_ids: Ids, above_ids: Ids
) -> BoolArray:
    """Of each overlap, whether each of the two is the other's largest; of equals, the smallest id.

    Args:
        first, second: places of the two in `below_ids` and `above_ids`.
        area: of each overlap.
        below_ids, above_ids: the segments of the two sections.
    """
    best_of_first = np.full(len(below_ids), -1)
    best_of_second = np.full(len(above_ids), -1)
    for pair in range(len(area)):
        best = best_of_first[first[pair]]
        if best < 0 or (area[pair], above_ids[second[best]]) > (
            area[best],
            above_ids[second[pair]],
        ):
            best_of_first[first[pair]] = pair
        best = best_of_second[second[pair]]
        if best < 0 or (area[pair], below_ids[first[best]]) > (area[best], below_ids[first[pair]]):
            best_of_second[second[pair]] = pair
    mutual = np.empty(len(area), np.bool_)
    for pair in range(len(area)):
        mutual[pair] = best_of_first[first[pair]] == pair == best_of_second[second[pair]]
    return mutual


def _chosen(overlaps: Overlaps, chosen: BoolArray) -> Overlaps:
    return Overlaps(*(column[chosen] for column in astuple(overlaps, recurse=False)))


def _united(parts: list[Overlaps]) -> Overlaps:
    columns = zip(*(astuple(part, recurse=False) for part in (_nothing(), *parts)), strict=True)
    return Overlaps(*(np.concatenate(column) for column in columns))


def _nothing() -> Overlaps:
    ids, areas, flags = np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.bool_)
    return Overlaps(ids, ids, areas, areas, areas, flags, flags, flags, np.empty(0))
