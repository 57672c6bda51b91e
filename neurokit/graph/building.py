"""Building region graphs: slab by slab, and uniting what each slab saw."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from neurokit.graph.affinities import Affinities, as_float
from neurokit.graph.compiled import compiled
from neurokit.graph.fragments import Fragments
from neurokit.graph.region_graph import LEVELS, UNIT, Histograms, RegionGraph
from neurokit.graph.threads import side_by_side, slabs

Ids = NDArray[np.uint32]
Records = NDArray[Any]
Columns = tuple[Ids, Ids, NDArray[np.uint8], NDArray[np.int64], Ids]
"""The arrays of a `RegionGraph` without histograms, in their order."""

_SLAB_VOXELS = 1 << 20
_FEW = 32
_EDGE = np.dtype(
    [
        ("total", np.int64),
        ("second", np.uint32),
        ("contacts", np.uint32),
        ("highest", np.uint8),
    ],
    align=True,
)


def region_graph(
    fragments: Fragments,
    affinities_CZYX: Affinities,
    *,
    histograms: bool = False,
    running_mean: bool = False,
) -> RegionGraph:
    """The region graph of a volume.

    Args:
        fragments: of the volume.
        affinities_CZYX: as in `watershed`.
        histograms: whether to count every level between two fragments, not the highest alone.
        running_mean: whether to take the mean of the affinities as the waterz package does, too.
    """
    labels_ZYX, ids = fragments.labels_ZYX, len(fragments.sizes)
    # A slab costs time for every id, too.
    each = slabs(labels_ZYX.shape, max(_SLAB_VOXELS, ids)) or [(0, 0)]
    of_slab = partial(_of_slab, labels_ZYX, affinities_CZYX, ids, histograms, running_mean)
    parts = side_by_side(of_slab, each)
    graph = united([part.graph for part in parts], ids)
    if not running_mean:
        return graph
    return evolve(graph, running_mean=_running_mean(graph, [part.contacts for part in parts], ids))


def united(parts: Sequence[RegionGraph], ids: int) -> RegionGraph:
    """One graph, of graphs that saw different affinities between the same fragments.

    Args:
        parts: at least one; all with histograms, or none.
        ids: one more than the largest id.
    """
    if len(parts) == 1:
        return parts[0]
    columns = zip(*map(_columns, parts), strict=True)
    first, second, highest, total, contacts = (np.concatenate(column) for column in columns)
    edges = np.empty(len(first), _EDGE)
    starts = _file_edges(first, second, highest, total, contacts, edges, ids)
    graph = _summed(starts, edges)
    if parts[0].histograms is None:
        return graph
    entries = zip(*map(_entries, parts), strict=True)
    return _with_histograms(graph, *(np.concatenate(entry) for entry in entries))


def _columns(graph: RegionGraph) -> Columns:
    return graph.first, graph.second, graph.highest, graph.total, graph.contacts


class _Contacts(NamedTuple):
    """The affinities between the fragments of a slab, in the order of the volume."""

    first: Ids
    second: Ids
    affinity: NDArray[np.float32]


@frozen(eq=False)
class _Slab:
    """The graph of a slab, and the contacts it was made from, where they are needed again."""

    graph: RegionGraph
    contacts: _Contacts


def _of_slab(
    labels_ZYX: Ids,
    affinities_CZYX: Affinities,
    ids: int,
    histograms: bool,
    keep_contacts: bool,
    slab: tuple[int, int],
) -> _Slab:
    """The graph of the affinities that are stored in a slab."""
    begin, end = slab
    contacts = _contacts(
        labels_ZYX[max(0, begin - 1) : end], as_float(affinities_CZYX[:, begin:end])
    )
    first, second, affinity = contacts
    edges = np.empty(len(first), _EDGE)
    graph = _summed(_file_contacts(first, second, affinity, edges, ids), edges)
    if histograms:
        levels = np.minimum(affinity * np.float32(LEVELS), LEVELS - 1).astype(np.uint8)
        graph = _with_histograms(graph, first, second, levels, np.ones(len(first), np.uint32))
    kept = slice(None) if keep_contacts else slice(0)
    return _Slab(graph, _Contacts(first[kept].copy(), second[kept].copy(), affinity[kept].copy()))


@compiled
def _contacts(labels_ZYX: Ids, affinities_CZYX: NDArray[np.float32]) -> _Contacts:
    """Every affinity between two fragments.

    Args:
        labels_ZYX: of the slab, and of the section before it where there is one.
        affinities_CZYX: of the slab.
    """
    _, depth, height, width = affinities_CZYX.shape
    before = labels_ZYX.shape[0] - depth
    most = 3 * depth * height * width
    first, second = np.empty(most, np.uint32), np.empty(most, np.uint32)
    affinity = np.empty(most, np.float32)
    count = 0
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                here = labels_ZYX[z + before, y, x]
                for axis in range(3):
                    there = here
                    if axis == 0 and z + before > 0:
                        there = labels_ZYX[z + before - 1, y, x]
                    elif axis == 1 and y > 0:
                        there = labels_ZYX[z + before, y - 1, x]
                    elif axis == 2 and x > 0:
                        there = labels_ZYX[z + before, y, x - 1]
                    if here != there and here != 0 and there != 0:
                        first[count], second[count] = min(here, there), max(here, there)
                        affinity[count] = affinities_CZYX[axis, z, y, x]
                        count += 1
    return _Contacts(first[:count], second[:count], affinity[:count])


@compiled
def _file_contacts(
    first: Ids, second: Ids, affinity: NDArray[np.float32], edges: Records, ids: int
) -> NDArray[np.int64]:
    """Fill in a record for each contact, by first fragments; where those of each begin."""
    starts = _starts(first, ids)
    free = starts[:-1].copy()
    for place in range(len(first)):
        edge = free[first[place]]
        free[first[place]] += 1
        edges[edge].second = second[place]
        edges[edge].highest = min(int(affinity[place] * np.float32(LEVELS)), LEVELS - 1)
        edges[edge].total = int(affinity[place] / UNIT)
        edges[edge].contacts = 1
    return starts


@compiled
def _file_edges(
    first: Ids,
    second: Ids,
    highest: NDArray[np.uint8],
    total: NDArray[np.int64],
    contacts: Ids,
    edges: Records,
    ids: int,
) -> NDArray[np.int64]:
    """Fill in a record for each edge of some graphs; as `_file_contacts`."""
    starts = _starts(first, ids)
    free = starts[:-1].copy()
    for place in range(len(first)):
        edge = free[first[place]]
        free[first[place]] += 1
        edges[edge].second = second[place]
        edges[edge].highest = highest[place]
        edges[edge].total = total[place]
        edges[edge].contacts = contacts[place]
    return starts


@compiled
def _starts(first: Ids, ids: int) -> NDArray[np.int64]:
    """Where each first fragment's places begin when they are sorted by that; and their number."""
    starts = np.zeros(ids + 1, np.int64)
    for one in first:
        starts[one + 1] += 1
    for one in range(ids):
        starts[one + 1] += starts[one]
    return starts


def _summed(starts: NDArray[np.int64], edges: Records) -> RegionGraph:
    """The graph of records, by first fragments; those of the same two fragments are added up."""
    lengths = _add_up(starts, edges)
    kept = _in_front(starts, lengths, edges)
    return RegionGraph(
        np.repeat(np.arange(len(lengths), dtype=np.uint32), lengths),
        edges["second"][:kept].copy(),
        edges["highest"][:kept].copy(),
        edges["total"][:kept].copy(),
        edges["contacts"][:kept].copy(),
    )


@compiled
def _add_up(starts: NDArray[np.int64], edges: Records) -> NDArray[np.int64]:
    """Add up the records of each first fragment in place; how many are left of each."""
    ids = len(starts) - 1
    lengths = np.zeros(ids, np.int64)
    place_of = np.zeros(ids, np.int64)
    spare = np.empty(1, edges.dtype)
    for one in range(ids):
        begin = end = starts[one]
        for place in range(begin, starts[one + 1]):
            other = edges[place].second
            # What an earlier fragment left here is no place of this one's, or of another edge.
            known = place_of[other]
            if begin <= known < end and edges[known].second == other:
                edges[known].highest = max(edges[known].highest, edges[place].highest)
                edges[known].total += edges[place].total
                edges[known].contacts += edges[place].contacts
            else:
                place_of[other] = end
                edges[end] = edges[place]
                end += 1
        _sort_by_second(edges[begin:end], spare)
        lengths[one] = end - begin
    return lengths


@compiled
def _sort_by_second(edges: Records, spare: Records) -> None:
    """Sort records; there is room for one in `spare`."""
    if len(edges) > _FEW:
        edges[:] = edges[np.argsort(edges["second"])]
        return
    for place in range(1, len(edges)):
        while place > 0 and edges[place - 1].second > edges[place].second:
            spare[0] = edges[place]
            edges[place] = edges[place - 1]
            edges[place - 1] = spare[0]
            place -= 1


@compiled
def _in_front(starts: NDArray[np.int64], lengths: NDArray[np.int64], edges: Records) -> int:
    """Close the gaps between the records that are left; how many there are."""
    kept = 0
    for one in range(len(lengths)):
        for place in range(starts[one], starts[one] + lengths[one]):
            edges[kept] = edges[place]
            kept += 1
    return kept


def _running_mean(graph: RegionGraph, each: Sequence[_Contacts], ids: int) -> NDArray[np.float32]:
    """The mean of each edge, taken in the order of the volume, in single precision."""
    starts = _starts(graph.first, ids)
    mean = np.zeros(len(graph.first), np.float32)
    seen = np.zeros(len(graph.first), np.uint32)
    for first, second, affinity in each:
        _take_means(first, second, affinity, starts, graph.second, mean, seen)
    return mean


@compiled
def _take_means(
    first: Ids,
    second: Ids,
    affinity: NDArray[np.float32],
    starts: NDArray[np.int64],
    second_of_edge: Ids,
    mean: NDArray[np.float32],
    seen: Ids,
) -> None:
    """Add contacts to the means of their edges, each of so many that it has seen."""
    for place in range(len(first)):
        edge = _find(second_of_edge, starts[first[place]], starts[first[place] + 1], second[place])
        count = np.float32(seen[edge])
        mean[edge] = (affinity[place] + mean[edge] * count) / np.float32(seen[edge] + 1)
        seen[edge] += 1


@compiled
def _find(rising: Ids, begin: int, end: int, wanted: np.uint32) -> int:
    """Where in rising values, from one place to before another, a value stands that is there."""
    while end - begin > 1:
        middle = (begin + end) // 2
        if rising[middle] <= wanted:
            begin = middle
        else:
            end = middle
    return begin


def _with_histograms(
    graph: RegionGraph,
    first: Ids,
    second: Ids,
    level: NDArray[np.uint8],
    count: Ids,
) -> RegionGraph:
    """The graph, with histograms of entries that belong to its edges, in any order and number."""
    order = np.lexsort((level, second, first))
    keys = first[order], second[order], level[order]
    new_edge = _changes(keys[:2])
    new_entry = _changes(keys)
    starts = np.flatnonzero(new_entry)
    histograms = Histograms(
        starts=np.append(np.flatnonzero(new_edge[new_entry]), len(starts)),
        levels=keys[2][starts],
        counts=np.add.reduceat(count[order], starts, dtype=np.uint32) if len(starts) else count,
    )
    return RegionGraph(*_columns(graph), histograms)


def _changes(keys: Sequence[NDArray[np.unsignedinteger]]) -> NDArray[np.bool_]:
    """At which places any of the keys differs from the place before, the first place included."""
    changes = np.ones(len(keys[0]), dtype=bool)
    changes[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return changes


def _entries(graph: RegionGraph) -> tuple[Ids, Ids, NDArray[np.uint8], Ids]:
    """The two fragments, the level and the count of every entry of a graph's histograms."""
    assert graph.histograms is not None
    lengths = np.diff(graph.histograms.starts)
    return (
        np.repeat(graph.first, lengths),
        np.repeat(graph.second, lengths),
        graph.histograms.levels,
        graph.histograms.counts,
    )
