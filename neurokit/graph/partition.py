"""Partitions of ids: which belong together, and what they are then called.

A lookup is an array that holds, at each old id, the new one. Id 0 is background: it is never
joined to anything, and stays 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled

IntArray = NDArray[np.int64]
Lookup = NDArray[np.unsignedinteger[Any]]


def joined(count: int, first: NDArray[np.integer], second: NDArray[np.integer]) -> IntArray:
    """The set of each of the ids 0..count-1, once first[i] and second[i] are joined for every i.

    A set is named by its smallest id.
    """
    sets = np.arange(count)
    _join(sets, first.astype(np.int64), second.astype(np.int64))
    return sets


def set_sizes(sets: NDArray[np.integer], sizes: NDArray[np.integer]) -> IntArray:
    """The size of each set, at the id that names it, and 0 at other ids.

    Args:
        sets: the set of each id, named by an id.
        sizes: of each id; together less than 2**53.
    """
    return np.bincount(sets, weights=sizes, minlength=len(sets)).astype(np.int64)


def compact(sets: NDArray[np.integer], kept: NDArray[np.bool_]) -> Lookup:
    """The lookup that names the sets of the kept ids 1..n, in the order of their smallest kept id.

    Args:
        sets: the set of each id, named by an id.
        kept: which ids get a name; the others become 0, as id 0 does in any case.

    Returns:
        One entry an id, of the type `id_type(n)`.
    """
    names = _names(sets.astype(np.int64), kept)
    return names.astype(id_type(int(names.max(initial=0))))


def id_type(largest: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The smallest unsigned type for ids up to `largest`, uint16 at least.

    Eight bits are left to grey values: viewers and label readers take uint8 for an image.
    """
    return np.dtype(np.uint16) if largest < 1 << 16 else np.min_scalar_type(largest)


@compiled
def root_of(parent: IntArray, member: int) -> int:
    """The member that stands for a set, in a forest where it is its own parent."""
    while parent[member] != member:
        parent[member] = parent[parent[member]]
        member = parent[member]
    return member


@compiled
def _join(sets: IntArray, first: IntArray, second: IntArray) -> None:
    for place in range(len(first)):
        a, b = root_of(sets, first[place]), root_of(sets, second[place])
        sets[max(a, b)] = min(a, b)
    for member in range(len(sets)):
        # A parent is the smaller of two, so that it points to its root by now.
        sets[member] = sets[sets[member]]


@compiled
def _names(sets: IntArray, kept: NDArray[np.bool_]) -> IntArray:
    names, name_of_set = np.zeros(len(sets), np.int64), np.zeros(len(sets), np.int64)
    count = 0
    for member in range(1, len(sets)):
        if not kept[member]:
            continue
        if name_of_set[sets[member]] == 0:
            count += 1
            name_of_set[sets[member]] = count
        names[member] = name_of_set[sets[member]]
    return names
