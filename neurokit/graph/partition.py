"""Partitions of segment ids: joining ids into sets, and naming the sets 1, 2, 3 and so on.

A lookup is an array that holds, at each old id, the new one. Id 0 is background: it is never
joined to anything, and stays 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

IntArray = NDArray[np.int64]
Lookup = NDArray[np.unsignedinteger[Any]]


def joined(count: int, first: NDArray[np.integer], second: NDArray[np.integer]) -> IntArray:
    """The set of each of the ids 0..count-1, once first[i] and second[i] are joined for every i.

    A set is named by any number; use `compact` to name sets in order.
    """
    joins = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    _, sets = connected_components(joins, directed=False)
    return np.asarray(sets, dtype=np.int64)


def compact(sets: NDArray[np.integer], kept: NDArray[np.bool_]) -> Lookup:
    """The lookup that names the sets of the kept ids 1..n, in the order of their smallest kept id.

    Args:
        sets: the set of each id.
        kept: which ids get a name; the others become 0, as id 0 does in any case.

    Returns:
        One entry an id, of the type `id_type(n)`.
    """
    kept = kept.copy()
    kept[:1] = False
    _, smallest, which = np.unique(sets[kept], return_index=True, return_inverse=True)
    names = np.empty(len(smallest), dtype=np.int64)
    names[np.argsort(smallest)] = np.arange(1, len(smallest) + 1)
    lookup = np.zeros(len(sets), dtype=id_type(len(smallest)))
    lookup[kept] = names[which]
    return lookup


def id_type(largest: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The smallest unsigned type for ids up to `largest`, uint16 at least.

    Eight bits are left to grey values: viewers and label readers take uint8 for an image.
    """
    return np.dtype(np.uint16) if largest < 1 << 16 else np.min_scalar_type(largest)


class DisjointSets:
    """Sets that grow by joining two at a time, each with a size; for joins that depend on sizes."""

    def __init__(self, sizes: NDArray[np.integer]) -> None:
        # Lists: single elements of a NumPy array are slow to read.
        self._parent = list(range(len(sizes)))
        self._size: list[int] = sizes.tolist()

    def root(self, member: int) -> int:
        """The member that stands for the set of `member`."""
        parent = self._parent
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    def size(self, root: int) -> int:
        """The size of the set that `root` stands for."""
        return self._size[root]

    def join(self, first: int, second: int) -> None:
        """Join the sets of two different roots."""
        if self._size[first] < self._size[second]:
            first, second = second, first
        self._parent[second] = first
        self._size[first] += self._size[second]

    def roots(self) -> IntArray:
        """The root of every member."""
        return np.array([self.root(member) for member in range(len(self._parent))], dtype=np.int64)
