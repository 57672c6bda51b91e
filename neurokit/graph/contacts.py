"""Contacts: what is left of a region graph between the segments of an agglomeration."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled
from neurokit.graph.pairs import group_pairs
from neurokit.graph.region_graph import LEVELS, UNIT, Histograms, RegionGraph
from neurokit.graph.statistic import needs_histograms, quantile_of

Ids = NDArray[np.uint32]
IntArray = NDArray[np.int64]
Levels = NDArray[np.uint8]


@frozen(eq=False)
class Contacts:
    """Pairs of touching segments, each once, in ascending order of (first, second).

    Attributes:
        first, second: the names of the two segments, the smaller first.
        affinity: how strongly each contact binds, in [0, 1].
    """

    first: Ids
    second: Ids
    affinity: NDArray[np.float64]


def contacts_between(
    graph: RegionGraph,
    names: Ids,
    merge_function: str,
    threshold: float,
    asked: NDArray[np.bool_] | None = None,
) -> Contacts:
    """The contacts between segments, with their affinities as of now.

    As in the waterz package, contacts whose score, 1 - affinity, is below the threshold are left
    out. There are few: those whose score had been higher while the agglomeration passed.

    Args:
        graph: between fragments.
        names: of each fragment id, the name of its segment: the smallest id in it.
        merge_function: the statistic that is the affinity; one of `statistic.MERGE_FUNCTIONS`.
        threshold: of the agglomeration, a bound on scores.
        asked: of each name, whether contacts of that segment are wanted; one of the two has to
            be. None asks for all.
    """
    wanted = np.ones(len(names), dtype=bool) if asked is None else asked
    edges, first, second = _edges_between(graph.first, graph.second, names, wanted)
    groups = group_pairs(first, second, len(names), len(names))
    affinity = _affinities(graph, edges[groups.order], groups.starts, merge_function)
    # Single precision throughout, as in the package.
    score = (1 - affinity.astype(np.float64)).astype(np.float32)
    left = score >= np.float32(threshold)
    return Contacts(groups.first[left], groups.second[left], 1 - score[left].astype(np.float64))


@compiled
def _edges_between(
    first: Ids, second: Ids, names: Ids, wanted: NDArray[np.bool_]
) -> tuple[Ids, Ids, Ids]:
    """The edges that lead from one segment to another, and the two names, the smaller first."""
    edges, ones, others = (
        np.empty(len(first), np.uint32),
        np.empty(len(first), np.uint32),
        np.empty(len(first), np.uint32),
    )
    found = 0
    for edge in range(len(first)):
        one, other = names[first[edge]], names[second[edge]]
        if one != other and (wanted[one] or wanted[other]):
            edges[found], ones[found], others[found] = edge, min(one, other), max(one, other)
            found += 1
    return edges[:found], ones[:found], others[:found]


def _affinities(
    graph: RegionGraph, edges: Ids, starts: IntArray, merge_function: str
) -> NDArray[np.float32]:
    """The statistic of each group of edges."""
    quantile = quantile_of(merge_function)
    if quantile is None:
        total = np.add.reduceat(graph.total[edges], starts[:-1])
        contacts = np.add.reduceat(graph.contacts[edges], starts[:-1], dtype=np.int64)
        return (total * UNIT / contacts).astype(np.float32)
    if needs_histograms(merge_function):
        assert graph.histograms is not None
        level = _quantiles_of_all(graph.histograms, edges, starts, quantile)
    else:
        level = _quantiles_of_highest(graph.highest[edges], starts, quantile)
    return ((level + 0.5) / LEVELS).astype(np.float32)


@compiled
def _quantiles_of_highest(levels: Levels, starts: IntArray, quantile: int) -> Levels:
    """The level at the quantile of each group, every edge counted once."""
    found = np.empty(len(starts) - 1, np.uint8)
    counts = np.zeros(LEVELS, np.int64)
    for group in range(len(found)):
        begin, end = starts[group], starts[group + 1]
        if end - begin == 1:
            found[group] = levels[begin]
            continue
        low = levels[begin]
        for place in range(begin, end):
            counts[levels[place]] += 1
            low = min(low, levels[place])
        found[group] = _take_quantile(counts, low, end - begin, quantile)
        for place in range(begin, end):
            counts[levels[place]] = 0
    return found


def _quantiles_of_all(
    histograms: Histograms, edges: Ids, starts: IntArray, quantile: int
) -> Levels:
    """The level at the quantile of each group, every affinity counted."""
    return _quantiles_of_entries(
        histograms.starts, histograms.levels, histograms.counts, edges, starts, quantile
    )


@compiled
def _quantiles_of_entries(
    entry_starts: IntArray,
    levels: Levels,
    entry_counts: Ids,
    edges: Ids,
    starts: IntArray,
    quantile: int,
) -> Levels:
    found = np.empty(len(starts) - 1, np.uint8)
    counts = np.zeros(LEVELS, np.int64)
    for group in range(len(found)):
        of_all = 0
        for place in range(starts[group], starts[group + 1]):
            edge = edges[place]
            for entry in range(entry_starts[edge], entry_starts[edge + 1]):
                counts[levels[entry]] += entry_counts[entry]
                of_all += entry_counts[entry]
        found[group] = _take_quantile(counts, 0, of_all, quantile)
        counts[:] = 0
    return found


@compiled
def _take_quantile(counts: IntArray, low: int, of_all: int, quantile: int) -> int:
    """The first level, from `low` on, at which the count reaches the pivot of the package."""
    pivot = quantile * of_all // 100 + 1
    level, reached = low, counts[low]
    while reached < pivot:
        level += 1
        reached += counts[level]
    return level
