"""Level counts: a sparse histogram of levels for every edge, which grow as edges merge.

Nearly all edges hold one level or two of the 256, so that whole histograms, of a kilobyte each,
would be nearly empty, and slow to read. An edge with one level holds its entry itself; of an edge
with more, the entries lie in a block of a pool, whose size is a power of two.

An edge's record has the fields `entry`: its only one, or where its block begins; and `number`: how
many levels it holds.

A pool begins with room for the entries of two edges that merge, then the first free block of each
size (1, 2, 4, to 256 entries), or -1, and how much has been given out. A free block begins with
where the next one of its size is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled

Edges = NDArray[Any]
Pool = NDArray[np.int64]

# An entry is its level above its count, so that entries sort by level.
_COUNT_BITS = 40
_COUNT = (1 << _COUNT_BITS) - 1
_FREE = 256
_USED = _FREE + 9
_BLOCKS = _USED + 1
_NONE = -1


@compiled
def hold_levels(edges: Edges, levels: NDArray[np.uint8]) -> None:
    """Each edge holds one level, once."""
    for edge in range(len(levels)):
        edges[edge].entry = np.int64(levels[edge]) << _COUNT_BITS | 1
        edges[edge].number = 1


@compiled
def hold_histograms(
    edges: Edges,
    pool: Pool,
    starts: NDArray[np.int64],
    levels: NDArray[np.uint8],
    counts: NDArray[np.uint32],
) -> None:
    """Each edge holds its histogram, given as in `region_graph.Histograms`.

    The pool must have room for twice as many entries.
    """
    for edge in range(len(starts) - 1):
        for place in range(starts[edge], starts[edge + 1]):
            entry = np.int64(levels[place]) << _COUNT_BITS | np.int64(counts[place])
            pool[place - starts[edge]] = entry
        _store(edges, pool, edge, starts[edge + 1] - starts[edge])


def pool_with_room(pool: Pool | None, entries: int) -> Pool:
    """A pool with room for blocks of so many entries in all, and what the one given holds."""
    if pool is None:
        pool = np.full(_BLOCKS, _NONE, np.int64)
        pool[_USED] = _BLOCKS
    used = pool[_USED]
    if used + entries <= len(pool):
        return pool
    larger = np.empty(max(2 * len(pool), used + entries), np.int64)
    larger[:used] = pool[:used]
    return larger


@compiled
def has_room(pool: Pool, entries: int) -> bool:
    """Whether blocks of so many entries in all fit behind those that have been given out."""
    return bool(pool[_USED] + entries <= len(pool))


@compiled
def quantile_level(edges: Edges, pool: Pool, edge: int, quantile: int) -> int:
    """The level of an edge's percentile: the first up to which more than that share lies."""
    begin, length = edges[edge].entry, edges[edge].number
    if length == 1:
        return int(begin >> _COUNT_BITS)
    total = 0
    for place in range(begin, begin + length):
        total += pool[place] & _COUNT
    left = quantile * total // 100 + 1
    place = begin - 1
    while left > 0:
        place += 1
        left -= pool[place] & _COUNT
    return int(pool[place] >> _COUNT_BITS)


@compiled
def absorb(edges: Edges, pool: Pool, edge: int, other: int) -> None:
    """Add the levels of `other`, which is no more, to those of `edge`.

    The pool must have room for twice the levels of both, or 256.
    """
    one, two = edges[edge].entry, edges[other].entry
    both_have_one = edges[edge].number == 1 and edges[other].number == 1
    if both_have_one and one >> _COUNT_BITS == two >> _COUNT_BITS:
        edges[edge].entry = one + (two & _COUNT)
        return
    length = _merge(edges, pool, edge, other)
    _free(edges, pool, edge)
    _free(edges, pool, other)
    _store(edges, pool, edge, length)


@compiled
def _merge(edges: Edges, pool: Pool, edge: int, other: int) -> int:
    """Write the entries of both, in the order of levels, to the front; how many there are."""
    length = 0
    here, there = 0, 0
    here_end, there_end = int(edges[edge].number), int(edges[other].number)
    while here < here_end and there < there_end:
        one, two = _entry(edges, pool, edge, here), _entry(edges, pool, other, there)
        level, other_level = one >> _COUNT_BITS, two >> _COUNT_BITS
        here += level <= other_level
        there += other_level <= level
        if level == other_level:
            pool[length] = one + (two & _COUNT)
        else:
            pool[length] = min(one, two)
        length += 1
    for place in range(here, here_end):
        pool[length] = _entry(edges, pool, edge, place)
        length += 1
    for place in range(there, there_end):
        pool[length] = _entry(edges, pool, other, place)
        length += 1
    return length


@compiled
def _entry(edges: Edges, pool: Pool, edge: int, place: int) -> int:
    if edges[edge].number == 1:
        return int(edges[edge].entry)
    return int(pool[edges[edge].entry + place])


@compiled
def _store(edges: Edges, pool: Pool, edge: int, length: int) -> None:
    """Give an edge without a block the entries at the front."""
    edges[edge].number = length
    if length == 1:
        edges[edge].entry = pool[0]
        return
    size = _size(length)
    block = pool[_FREE + size]
    if block == _NONE:
        block = pool[_USED]
        pool[_USED] += 1 << size
    else:
        pool[_FREE + size] = pool[block]
    edges[edge].entry = block
    for place in range(length):
        pool[block + place] = pool[place]


@compiled
def _free(edges: Edges, pool: Pool, edge: int) -> None:
    """Take the block of an edge back."""
    if edges[edge].number > 1:
        size = _size(int(edges[edge].number))
        pool[edges[edge].entry] = pool[_FREE + size]
        pool[_FREE + size] = edges[edge].entry


@compiled
def _size(length: int) -> int:
    """The logarithm of the smallest block with room for so many entries."""
    size = 0
    while 1 << size < length:
        size += 1
    return size
