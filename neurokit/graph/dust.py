"""Dust: segments too small to be neurites, joined to the neighbour they cling to or removed."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled
from neurokit.graph.partition import Lookup, compact, root_of, set_sizes
from neurokit.params import param

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@frozen(kw_only=True)
class Dust:
    """Join small segments to their neighbours by the strongest contact, then remove the rest.

    The rule is that of the dust merge of PyTorch Connectomics' waterz, with one difference: where
    that reads the score an edge had when it was last queued, the affinities here are brought up to
    date with every join of the agglomeration.
    """

    enabled: bool = param(False, help="whether dust is treated at all")
    merge_size: int = param(
        800, help="a contact joins two segments if one has fewer voxels than this", low=0
    )
    merge_affinity: float = param(
        0.3, help="a contact joins two segments only if its affinity is above this", low=0, high=1
    )
    remove_size: int = param(
        600, help="what has fewer voxels than this after joining becomes background", low=0
    )

    def lookup(
        self,
        sizes: NDArray[np.integer],
        first: NDArray[np.integer],
        second: NDArray[np.integer],
        affinity: NDArray[np.floating],
    ) -> Lookup:
        """The new id of every old one: 1..n in the order of the smallest id of a set, or 0.

        Contacts are gone through from the strongest to the weakest, equal ones in the order of the
        table. A contact joins the two sets it leads to if one of them is, by then, smaller than
        `merge_size`.

        Args:
            sizes: voxels of each id, 0 for an id that does not occur; id 0 is background.
            first, second: the two ids of each contact.
            affinity: how strongly each contact binds, at most 1.
        """
        usable = np.flatnonzero(self._may_join(sizes, first, second, affinity))
        order = usable[_strongest_first(affinity[usable].astype(np.float64))]
        sets = _joined_by_size(
            sizes.astype(np.int64),
            first[order].astype(np.int64),
            second[order].astype(np.int64),
            self.merge_size,
        )
        large = set_sizes(sets, sizes) >= self.remove_size
        return compact(sets, (sizes > 0) & large[sets])

    def small(self, sizes: NDArray[np.integer]) -> BoolArray:
        """Which ids are small at first; a contact between two others joins them never."""
        return np.asarray(sizes < self.merge_size)

    def _may_join(
        self,
        sizes: NDArray[np.integer],
        first: NDArray[np.integer],
        second: NDArray[np.integer],
        affinity: NDArray[np.floating],
    ) -> BoolArray:
        """Which contacts could ever join: sets only grow, so two large ends stay large."""
        small = self.small(sizes)
        objects = (first > 0) & (second > 0)
        strong = affinity > self.merge_affinity
        return np.asarray(objects & strong & (small[first] | small[second]))


@compiled
def _strongest_first(affinity: NDArray[np.float64]) -> NDArray[np.uint32]:
    """The stable order of positive numbers, the largest first, by counting sorts of 16 bits each.

    The bits of positive numbers rise with the number.
    """
    keys = ~affinity.view(np.uint64)
    order = np.arange(len(keys)).astype(np.uint32)
    free, other = np.empty(1 << 16, np.uint32), np.empty_like(order)
    for shift in (0, 16, 32, 48):
        free[:] = 0
        for key in keys:
            free[(key >> np.uint64(shift)) & np.uint64(0xFFFF)] += 1
        if free.max() == len(keys):
            # All alike here: affinities of 256 levels differ in half of their bits.
            continue
        begin = 0
        for digit in range(len(free)):
            begin, free[digit] = begin + free[digit], begin
        for place in order:
            digit = (keys[place] >> np.uint64(shift)) & np.uint64(0xFFFF)
            other[free[digit]] = place
            free[digit] += 1
        order, other = other, order
    return order


@compiled
def _joined_by_size(sizes: IntArray, first: IntArray, second: IntArray, limit: int) -> IntArray:
    """The set of each id, once contacts have been gone through; `sizes` become those of sets."""
    sets = np.arange(len(sizes))
    for contact in range(len(first)):
        a, b = root_of(sets, first[contact]), root_of(sets, second[contact])
        if a == b or min(sizes[a], sizes[b]) >= limit:
            continue
        if sizes[a] < sizes[b]:
            a, b = b, a
        sets[b] = a
        sizes[a] += sizes[b]
    for member in range(len(sets)):
        sets[member] = root_of(sets, member)
    return sets
