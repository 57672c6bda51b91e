"""Section tables: which fragments lie over each other from one section to the next, and how far."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled
from neurokit.graph.pairs import group_pairs
from neurokit.graph.region_graph import UNIT
from neurokit.graph.threads import side_by_side, slabs

Ids = NDArray[np.uint32]
IntArray = NDArray[np.int64]
ZAffinities = NDArray[np.floating] | NDArray[np.uint8]


@frozen(eq=False)
class SectionTable:
    """The fragments of each section, and those that overlap from each section to the next.

    Sections follow each other in the arrays. Background is left out.

    Attributes:
        ids: one more than the largest fragment id.
        starts: where the fragments of each section begin, and, last, how many there are in all.
        fragment, voxels: the id of each fragment in its section, and how large it is there.
        pair_starts: where the overlaps of each section with the next begin, and, last, how many
            there are in all.
        below, above: of each overlap, the place of its two fragments among those of their
            sections, counted from 0.
        area: voxels of each overlap.
        total: the sum of the z affinities over each overlap, in steps of `region_graph.UNIT`;
            None where affinities were not asked for.
    """

    ids: int
    starts: IntArray
    fragment: Ids
    voxels: Ids
    pair_starts: IntArray
    below: Ids
    above: Ids
    area: Ids
    total: IntArray | None

    @property
    def depth(self) -> int:
        """How many sections there are."""
        return len(self.starts) - 1


class Numbered(NamedTuple):
    """The ids of one section by numbers 1..n, in the order in which they first occur.

    Attributes:
        numbers: of each element; 0 of id 0, which is no id.
        ids: of numbers 1..n.
        sizes: of numbers 1..n.
    """

    numbers: Ids
    ids: Ids
    sizes: Ids


def section_table(
    labels_ZYX: NDArray[np.integer], z_affinities_ZYX: ZAffinities | None = None
) -> SectionTable:
    """The table of a volume.

    Args:
        labels_ZYX: ids from 0, which is background; they should lie close together.
        z_affinities_ZYX: affinities to the section before, stored at the later one: in [0, 1], or
            unsigned 8-bit values, 255 for 1.
    """
    ids = int(labels_ZYX.max(initial=0)) + 1
    of_slab = partial(_of_slab, labels_ZYX, z_affinities_ZYX, ids)
    parts = side_by_side(of_slab, slabs(labels_ZYX.shape))
    sections = [section for sections, _ in parts for section in sections]
    pairs = [pair for _, pairs in parts for pair in pairs]
    return SectionTable(
        ids=ids,
        starts=_starts([section.fragment for section in sections]),
        fragment=_strung([section.fragment for section in sections], np.uint32),
        voxels=_strung([section.voxels for section in sections], np.uint32),
        pair_starts=_starts([pair.below for pair in pairs]),
        below=_strung([pair.below for pair in pairs], np.uint32),
        above=_strung([pair.above for pair in pairs], np.uint32),
        area=_strung([pair.area for pair in pairs], np.uint32),
        total=None
        if z_affinities_ZYX is None
        else _strung([pair.total for pair in pairs], np.int64),
    )


class _Section(NamedTuple):
    fragment: Ids
    voxels: Ids


class _Pair(NamedTuple):
    below: Ids
    above: Ids
    area: Ids
    total: IntArray


def _of_slab(
    labels_ZYX: NDArray[np.integer],
    z_affinities_ZYX: ZAffinities | None,
    ids: int,
    slab: tuple[int, int],
) -> tuple[list[_Section], list[_Pair]]:
    """The sections of a slab, and the overlaps of each with the section after it."""
    first, end = slab
    free = np.zeros(ids, np.uint32)
    ones = np.ones(labels_ZYX[0].size, np.uint32)
    sections, pairs = [], []
    # One section at a time: the numbers of all would take as much memory as the labels.
    below: Numbered | None = None
    for z in range(first, min(end + 1, labels_ZYX.shape[0])):
        section = numbered(labels_ZYX[z].astype(np.uint32).ravel(), ones, free)
        if below is not None:
            z_affinities_YX = None if z_affinities_ZYX is None else z_affinities_ZYX[z]
            pairs.append(_overlaps(below, section, z_affinities_YX))
        if z < end:
            sections.append(_Section(section.ids, section.sizes))
        below = section
    return sections, pairs


def _overlaps(below: Numbered, above: Numbered, z_affinities_YX: ZAffinities | None) -> _Pair:
    groups = group_pairs(below.numbers, above.numbers, len(below.ids) + 1, len(above.ids) + 1)
    area = np.diff(groups.starts).astype(np.uint32)
    total = np.zeros(len(area), np.int64)
    if z_affinities_YX is not None:
        steps = _in_units(z_affinities_YX).ravel()
        total = np.add.reduceat(steps[groups.order], groups.starts[:-1])
    objects = (groups.first > 0) & (groups.second > 0)
    return _Pair(
        groups.first[objects] - 1, groups.second[objects] - 1, area[objects], total[objects]
    )


@compiled
def numbered(elements: Ids, sizes: Ids, free: Ids) -> Numbered:
    """Number the ids that occur.

    Args:
        elements: ids, in any order and number.
        sizes: of each element; those of one id are added up.
        free: a zero for every id there may be; it is used, and zero again afterwards.
    """
    numbers, ids = np.zeros(len(elements), np.uint32), np.empty(len(elements), np.uint32)
    sums = np.zeros(len(elements), np.uint32)
    count = 0
    for place in range(len(elements)):
        one = elements[place]
        if one == 0:
            continue
        if free[one] == 0:
            ids[count] = one
            count += 1
            free[one] = count
        numbers[place] = free[one]
        sums[free[one] - 1] += sizes[place]
    for one in ids[:count]:
        free[one] = 0
    return Numbered(numbers, ids[:count].copy(), sums[:count].copy())


def _in_units(affinities: ZAffinities) -> IntArray:
    """Affinities in steps of `UNIT`, whose sums do not depend on their order."""
    if affinities.dtype == np.uint8:
        return _in_units(np.arange(256, dtype=np.float32) / np.float32(255))[affinities]
    return (affinities.astype(np.float64) / UNIT).astype(np.int64)


def _starts(parts: list[Ids]) -> IntArray:
    """Where each part begins once they are strung together, and where the last ends."""
    return np.cumsum([0, *map(len, parts)], dtype=np.int64)


def _strung(parts: list[NDArray[Any]], dtype: type) -> NDArray[Any]:
    """The parts one after another; there may be none."""
    return np.concatenate([np.empty(0, dtype), *parts])
