"""Pairs of ids: equal ones found and put in order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled

Ids = NDArray[np.uint32]


class PairGroups(NamedTuple):
    """Equal pairs side by side, in ascending order of (first, second).

    Attributes:
        first, second: the two ids of each group.
        starts: where the members of each group begin in `order`, and, last, how many there are.
        order: the positions of all pairs, group by group; ascending within a group.
    """

    first: Ids
    second: Ids
    starts: NDArray[np.int64]
    order: Ids


@compiled
def group_pairs(first: Ids, second: Ids, firsts: int, seconds: int) -> PairGroups:
    """Group pairs: two counting sorts, by the second id and then, stable, by the first.

    The work grows with the number of pairs and of ids, so that ids should lie close together.

    Args:
        first, second: the ids of each of fewer than 2**32 pairs.
        firsts, seconds: more than the largest id on either side.
    """
    pairs = len(first)
    low_half = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    # What is moved carries all that is read later: reading it where it lay would miss the cache.
    by_second, end = np.empty(pairs, np.uint64), _bucket_starts(second, seconds)
    for pair in range(pairs):
        bucket = second[pair]
        by_second[end[bucket]] = (np.uint64(first[pair]) << shift) | np.uint64(pair)
        end[bucket] += 1
    by_first, end_first = np.empty(pairs, np.uint64), _bucket_starts(first, firsts)
    place = 0
    for bucket in range(seconds):
        while place < end[bucket]:
            moved = by_second[place]
            other = moved >> shift
            by_first[end_first[other]] = (np.uint64(bucket) << shift) | (moved & low_half)
            end_first[other] += 1
            place += 1

    groups, place = 0, 0
    for bucket in range(firsts):
        begin = place
        while place < end_first[bucket]:
            groups += place == begin or by_first[place] >> shift != by_first[place - 1] >> shift
            place += 1
    group_first, group_second = np.empty(groups, np.uint32), np.empty(groups, np.uint32)
    starts, order = np.full(groups + 1, pairs), np.empty(pairs, np.uint32)
    group, place = 0, 0
    for bucket in range(firsts):
        begin = place
        while place < end_first[bucket]:
            other = by_first[place] >> shift
            if place == begin or other != by_first[place - 1] >> shift:
                group_first[group], group_second[group] = bucket, other
                starts[group] = place
                group += 1
            order[place] = by_first[place] & low_half
            place += 1
    return PairGroups(group_first, group_second, starts, order)


@compiled
def _bucket_starts(ids: Ids, limit: int) -> Ids:
    """Where the pairs of each id will begin; moved on as they are put there."""
    counts = np.zeros(limit + 1, np.uint32)
    for one in ids:
        counts[one + 1] += 1
    for one in range(limit):
        counts[one + 1] += counts[one]
    return counts
