"""Building region graphs: slab by slab, and uniting what each slab saw."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from neurokit.graph.affinities import Affinities, as_float
from neurokit.graph.compiled import compiled
from neurokit.graph.fragments import Fragments
from neurokit.graph.region_graph import LEVELS, UNIT, Histograms, RegionGraph
from neurokit.graph.threads import cores, side_by_side, slabs

Ids = NDArray[np.uint32]
Columns = tuple[Ids, Ids, NDArray[np.uint8], NDArray[np.int64], Ids]
"""The arrays of a `RegionGraph` without histograms, in their order."""

_SLAB_VOXELS = 1 << 20


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
    of_slab = partial(_of_slab, labels_ZYX, affinities_CZYX, ids, histograms)
    graph = united(side_by_side(of_slab, slabs(labels_ZYX.shape, _SLAB_VOXELS) or [(0, 0)]), ids)
    if not running_mean:
        return graph
    return evolve(graph, running_mean=_running_mean(graph, labels_ZYX, affinities_CZYX, ids))


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
    graph = RegionGraph(*_summed(first, second, highest, total, contacts, ids))
    if parts[0].histograms is None:
        return graph
    entries = zip(*map(_entries, parts), strict=True)
    return _with_histograms(graph, *(np.concatenate(entry) for entry in entries))


def _columns(graph: RegionGraph) -> Columns:
    return graph.first, graph.second, graph.highest, graph.total, graph.contacts


def _of_slab(
    labels_ZYX: Ids,
    affinities_CZYX: Affinities,
    ids: int,
    histograms: bool,
    slab: tuple[int, int],
) -> RegionGraph:
    """The graph of the affinities that are stored in a slab."""
    first, end = slab
    here_CZYX = as_float(affinities_CZYX[:, first:end])
    contacts = _contacts(labels_ZYX[max(0, first - 1) : end], here_CZYX)
    graph = RegionGraph(*_summed(*contacts, ids))
    if not histograms:
        return graph
    first_id, second_id, level, _, ones = contacts
    return _with_histograms(graph, first_id, second_id, level, ones)


def _running_mean(
    graph: RegionGraph, labels_ZYX: Ids, affinities_CZYX: Affinities, ids: int
) -> NDArray[np.float32]:
    """The mean of each edge, taken in the order of the volume, in single precision.

    Every thread goes through the whole volume, and counts for some of the edges.
    """
    starts = np.searchsorted(graph.first, np.arange(ids + 1, dtype=np.uint32))
    mean = np.zeros(len(graph.first), np.float32)
    seen = np.zeros(len(graph.first), np.uint32)

    def take(of_ids: tuple[int, int]) -> None:
        for slab in slabs(labels_ZYX.shape, _SLAB_VOXELS):
            here_CZYX = as_float(affinities_CZYX[:, slice(*slab)])
            _take_means(
                labels_ZYX[max(0, slab[0] - 1) : slab[1]],
                here_CZYX,
                graph.second,
                starts,
                mean,
                seen,
                of_ids,
            )

    bounds = np.linspace(0, ids, cores() + 1).astype(np.int64)
    side_by_side(take, list(pairwise(bounds.tolist())))
    return mean


@compiled
def _take_means(
    labels_ZYX: Ids,
    affinities_CZYX: NDArray[np.float32],
    second: Ids,
    starts: NDArray[np.int64],
    mean: NDArray[np.float32],
    seen: Ids,
    ids: tuple[int, int],
) -> None:
    """Add a slab to the means of the edges whose first fragment is one of a range of ids.

    Args:
        labels_ZYX: of the slab, and of the section before it where there is one.
        affinities_CZYX: of the slab.
        second: fragments of the edges.
        starts: the first edge of each first fragment.
        mean, seen: of each edge, the mean of so many affinities.
        ids: the first id and the one after the last.
    """
    _, depth, height, width = affinities_CZYX.shape
    before = labels_ZYX.shape[0] - depth
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
                    one, other = min(here, there), max(here, there)
                    if one == other or one == 0 or not ids[0] <= one < ids[1]:
                        continue
                    edge = starts[one]
                    while second[edge] != other:
                        edge += 1
                    count = seen[edge]
                    summed = affinities_CZYX[axis, z, y, x] + mean[edge] * np.float32(count)
                    mean[edge] = summed / np.float32(count + 1)
                    seen[edge] = count + 1


@compiled
def _contacts(labels_ZYX: Ids, affinities_CZYX: NDArray[np.float32]) -> Columns:
    """An edge for every affinity between two fragments.

    Args:
        labels_ZYX: of the slab, and of the section before it where there is one.
        affinities_CZYX: of the slab.
    """
    _, depth, height, width = affinities_CZYX.shape
    before = labels_ZYX.shape[0] - depth
    most = 3 * depth * height * width
    first, second = np.empty(most, np.uint32), np.empty(most, np.uint32)
    highest, total = np.empty(most, np.uint8), np.empty(most, np.int64)
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
                    if here == there or here == 0 or there == 0:
                        continue
                    affinity = affinities_CZYX[axis, z, y, x]
                    first[count], second[count] = min(here, there), max(here, there)
                    highest[count] = min(int(affinity * np.float32(LEVELS)), LEVELS - 1)
                    total[count] = int(affinity / UNIT)
                    count += 1
    ones = np.ones(count, np.uint32)
    return first[:count], second[:count], highest[:count], total[:count], ones


@compiled
def _summed(
    first: Ids,
    second: Ids,
    highest: NDArray[np.uint8],
    total: NDArray[np.int64],
    contacts: Ids,
    ids: int,
) -> Columns:
    """Edges with those between the same two fragments added up, in the order of a region graph."""
    starts, order = _by_id(first, ids)
    found = _room(len(first))
    of_second, of_edge = found[1], np.zeros(ids, np.int64)
    count = 0
    for one in range(ids):
        begin = count
        for place in range(starts[one], starts[one + 1]):
            edge = order[place]
            other = second[edge]
            # What an earlier fragment left here points to an edge of that one, or nowhere.
            known = of_edge[other]
            if not (begin <= known < count and of_second[known] == other):
                known = of_edge[other] = count
                _set(found, known, first[edge], other, np.uint8(0), np.int64(0), np.uint32(0))
                count += 1
            found[2][known] = max(found[2][known], highest[edge])
            found[3][known] += total[edge]
            found[4][known] += contacts[edge]
        _sort_by_second(found, begin, count)
    return (
        found[0][:count].copy(),
        found[1][:count].copy(),
        found[2][:count].copy(),
        found[3][:count].copy(),
        found[4][:count].copy(),
    )


@compiled
def _by_id(ids_of: Ids, ids: int) -> tuple[NDArray[np.int64], Ids]:
    """Where each id's places begin in the second array, which holds all places by id."""
    starts = np.zeros(ids + 1, np.int64)
    for one in ids_of:
        starts[one + 1] += 1
    for one in range(ids):
        starts[one + 1] += starts[one]
    order = np.empty(len(ids_of), np.uint32)
    free = starts[:-1].copy()
    for place in range(len(ids_of)):
        one = ids_of[place]
        order[free[one]] = place
        free[one] += 1
    return starts, order


@compiled
def _room(most: int) -> Columns:
    return (
        np.empty(most, np.uint32),
        np.empty(most, np.uint32),
        np.empty(most, np.uint8),
        np.empty(most, np.int64),
        np.empty(most, np.uint32),
    )


@compiled
def _set(
    columns: Columns,
    place: int,
    first: np.uint32,
    second: np.uint32,
    highest: np.uint8,
    total: np.int64,
    contacts: np.uint32,
) -> None:
    columns[0][place] = first
    columns[1][place] = second
    columns[2][place] = highest
    columns[3][place] = total
    columns[4][place] = contacts


_FEW = 32


@compiled
def _sort_by_second(columns: Columns, begin: int, end: int) -> None:
    """Sort the edges begin..end-1, which share their first fragment."""
    first, second, highest, total, contacts = columns
    if end - begin > _FEW:
        order = np.argsort(second[begin:end])
        second[begin:end] = second[begin:end][order]
        highest[begin:end] = highest[begin:end][order]
        total[begin:end] = total[begin:end][order]
        contacts[begin:end] = contacts[begin:end][order]
        return
    for place in range(begin + 1, end):
        moved = second[place], highest[place], total[place], contacts[place]
        while place > begin and second[place - 1] > moved[0]:
            _set(
                columns,
                place,
                first[place],
                second[place - 1],
                highest[place - 1],
                total[place - 1],
                contacts[place - 1],
            )
            place -= 1
        _set(columns, place, first[place], moved[0], moved[1], moved[2], moved[3])


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
