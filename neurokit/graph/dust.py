"""Dust: segments too small to be neurites, joined to the neighbour they cling to or removed."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.graph.partition import DisjointSets, Lookup, compact
from neurokit.params import param


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
        sets = DisjointSets(sizes)
        order = np.argsort(-affinity, kind="stable")
        order = order[self._may_join(sizes, first, second, affinity)[order]]
        for one, other in zip(first[order].tolist(), second[order].tolist(), strict=True):
            a, b = sets.root(one), sets.root(other)
            if a != b and min(sets.size(a), sets.size(b)) < self.merge_size:
                sets.join(a, b)
        roots = sets.roots()
        set_sizes = np.bincount(roots, weights=sizes, minlength=len(roots))
        return compact(roots, (sizes > 0) & (set_sizes[roots] >= self.remove_size))

    def _may_join(
        self,
        sizes: NDArray[np.integer],
        first: NDArray[np.integer],
        second: NDArray[np.integer],
        affinity: NDArray[np.floating],
    ) -> NDArray[np.bool_]:
        """Which contacts could ever join: sets only grow, so two large ends stay large."""
        small = np.minimum(sizes[first], sizes[second]) < self.merge_size
        objects = (first > 0) & (second > 0)
        return np.asarray(objects & small & (affinity > self.merge_affinity))
