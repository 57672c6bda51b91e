"""Agglomeration: joining the two segments with the best score, again and again.

This is the hierarchical agglomeration of Funke et al., "Large scale image segmentation with
structured loss based deep learning for connectome reconstruction" (doi
10.1109/TPAMI.2018.2835450). With 256 levels of scores nearly all decisions are ties, so that their
order is part of the result. It is that of the waterz package with `discretize_queue = 256`:

- Edges wait in 256 queues by score, first in, first out, at first in the order of the graph.
- Where two edges between the same two segments merge, the one with the smaller score keeps its
  place in the queues; of equal ones, that of the segment with the larger name. When it is its turn,
  it is scored anew and goes to the end of a queue.
- The segment with the smaller name gives the joined one its name.

What may be done in any order is done in the order that reads the least memory, as nearly all the
time goes into waiting for it: what belongs together lies together in records, the segment with
fewer edges is joined to the other, and the edge between two segments is found by marking the
neighbours of one of them, or, where that has many, in a table.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled
from neurokit.graph.level_counts import (
    Pool,
    absorb,
    has_room,
    hold_histograms,
    hold_levels,
    pool_with_room,
    quantile_level,
)
from neurokit.graph.merge_tree import MergeTree
from neurokit.graph.pair_table import (
    PairTable,
    add_pair,
    find_pair,
    has_room_for_pairs,
    table_with_room,
)
from neurokit.graph.region_graph import LEVELS, UNIT, RegionGraph
from neurokit.graph.statistic import needs_histograms, quantile_of

Index = NDArray[np.signedinteger]
Records = NDArray[Any]

_NONE = -1
_MEAN = -1
"""In place of a percentile."""
_MANY = 64
"""Edges from which on those of a segment are found in the table."""

_PROGRESS = np.dtype(
    [
        ("level", np.int64),  # of the queue in turn
        ("joins", np.int64),  # so far
        ("highest", np.float32),  # score that has been looked at
        ("entries", np.int64),  # that the next join needs room for in the pool,
        ("pairs", np.int64),  # and in the table
    ]
)


class _Net(NamedTuple):
    """Segments and the edges between them; arrays of compiled code.

    The fragments that a segment consists of form a chain. Each has a range of `incident`, the edges
    that were its own at first; what is no more is taken out when a range is gone through.
    """

    ends: Index  # the two segments of each edge; of one that is no more, -1 and who took it in
    incident: Index  # edges, by fragment
    near: Index  # room for the neighbours over a range of edges, and the edges that lead there
    segments: Records
    fragments: Records
    names: NDArray[np.uint32]  # of segments


def _record_types(edges: int) -> tuple[np.dtype[Any], np.dtype[Any], np.dtype[Any]]:
    """Records of segments, of fragments and of edges; those of edges fill half a cache line."""
    index = np.dtype(np.int32 if edges < 2**31 else np.int64)
    k = index.itemsize
    segment = {
        "names": [
            "marked_by",  # the number of the join of whose segment this is a neighbour,
            "mark",  # and the edge that leads there
            "degree",  # edges
            "many",  # whether its edges are in the table
        ],
        "formats": [index, index, index, np.bool_],
        "offsets": [0, k, 2 * k, 3 * k],
        "itemsize": 4 * k,
    }
    fragment = {
        "names": ["begin", "length", "next"],  # of its range, and of its chain, or -1
        "formats": [np.int64, index, index],
    }
    edge = {
        "names": [
            "entry",  # of percentiles, see level_counts;
            "mean",  # of a mean, in the same place
            "number",  # of levels, or of the affinities that the mean is taken over
            "place",  # in the queues; places have the numbers of the edges that were there first
            "score",  # at which it came there
            "stale",  # whether it has merged with another since
            "next_place",  # of the place with the number of this edge: the one behind it,
            "place_score",  # and the score of who stands there, or stood there last
        ],
        "formats": [
            np.int64,
            np.float32,
            np.uint32,
            index,
            np.float32,
            np.bool_,
            index,
            np.float32,
        ],
        "offsets": [0, 0, 8, 12, 12 + k, 16 + k, 20 + k, 20 + 2 * k],
        "itemsize": 24 + 2 * k,
    }
    return np.dtype(segment), np.dtype(fragment), np.dtype(edge)  # type: ignore[call-overload]


def merge_tree(
    graph: RegionGraph, ids: int, merge_function: str, *, until: float = 1.0
) -> MergeTree:
    """All segmentations that agglomerating a region graph passes through, up to a threshold.

    Args:
        graph: with what the merge function needs.
        ids: one more than the largest fragment id.
        merge_function: one of `statistic.MERGE_FUNCTIONS`.
        until: the highest threshold that the tree is to answer for; less is less work.
    """
    segment_type, fragment_type, edge_type = _record_types(len(graph.first))
    net = _linked(graph, ids, segment_type, fragment_type)
    edges = np.empty(len(graph.first), edge_type)
    pool = _hold_statistics(graph, merge_function, edges)
    table = table_with_room(None, net.ends, 0)
    quantile = quantile_of(merge_function)
    parent = np.arange(ids, dtype=np.uint32)
    score = np.full(ids, np.inf, np.float32)
    queues = np.full((LEVELS, 2), _NONE)
    progress = np.zeros(1, _PROGRESS)
    _line_up(edges, pool, queues, _MEAN if quantile is None else quantile)
    while True:
        # Compiled code that allocates would count references wherever it touches an array.
        done = _agglomerate(
            net,
            edges,
            pool,
            table,
            queues,
            progress,
            _MEAN if quantile is None else quantile,
            np.float32(until),
            parent,
            score,
        )
        if done:
            return MergeTree(parent, score, until)
        pool = pool_with_room(pool, progress["entries"][0])
        table = table_with_room(table, net.ends, progress["pairs"][0])


def _linked(
    graph: RegionGraph, ids: int, segment_type: np.dtype[Any], fragment_type: np.dtype[Any]
) -> _Net:
    """Segments of one fragment each."""
    count, index = len(graph.first), segment_type["mark"]
    net = _Net(
        ends=np.empty((count, 2), index),
        incident=np.empty(2 * count, index),
        near=np.empty((2, count), index),
        segments=np.zeros(ids, segment_type),
        fragments=np.zeros(ids, fragment_type),
        names=np.arange(ids, dtype=np.uint32),
    )
    net.segments["marked_by"] = _NONE
    _link(graph.first, graph.second, net)
    return net


@compiled
def _link(first: NDArray[np.uint32], second: NDArray[np.uint32], net: _Net) -> None:
    """Fill in the edges of all fragments."""
    ends, incident, _, segments, fragments, _ = net
    for edge in range(len(first)):
        ends[edge, 0], ends[edge, 1] = first[edge], second[edge]
        segments[first[edge]].degree += 1
        segments[second[edge]].degree += 1
    begin = 0
    for fragment in range(len(fragments)):
        fragments[fragment].next = _NONE
        fragments[fragment].begin = begin
        begin += segments[fragment].degree
    for edge in range(len(first)):
        for fragment in (first[edge], second[edge]):
            incident[fragments[fragment].begin + fragments[fragment].length] = edge
            fragments[fragment].length += 1


def _hold_statistics(graph: RegionGraph, merge_function: str, edges: Records) -> Pool:
    """Note what is known of the affinities of each edge; the pool that this takes."""
    pool = pool_with_room(None, 0)
    if needs_histograms(merge_function):
        assert graph.histograms is not None
        of_all = graph.histograms
        pool = pool_with_room(pool, 2 * len(of_all.levels))
        hold_histograms(edges, pool, of_all.starts, of_all.levels, of_all.counts)
    elif quantile_of(merge_function) is not None:
        hold_levels(edges, graph.highest)
    else:
        edges["number"] = graph.contacts
        edges["mean"] = graph.total * UNIT / graph.contacts
        if graph.running_mean is not None:
            edges["mean"] = graph.running_mean
    return pool


@compiled
def _line_up(edges: Records, pool: Pool, queues: NDArray[np.int64], quantile: int) -> None:
    """Let all edges wait, in their order."""
    for edge in range(len(edges)):
        edges[edge].stale = False
        edges[edge].place = edge
        _enqueue(queues, edges, edge, _score(edges, pool, edge, quantile))


@compiled
def _agglomerate(
    net: _Net,
    edges: Records,
    pool: Pool,
    table: PairTable,
    queues: NDArray[np.int64],
    progress: Records,
    quantile: int,
    until: np.float32,
    parent: NDArray[np.uint32],
    joined_at: NDArray[np.float32],
) -> bool:
    """Join until no score is below `until`; fill in parent and score of a `MergeTree`.

    Returns:
        True when all is done; False where the pool or the table lacks room for the next join, as
        `progress` says. It goes on from there when they have it.
    """
    ends, _, _, segments, _, names = net
    level, highest = progress[0].level, progress[0].highest
    while level < LEVELS:
        place = queues[level, 0]
        if place == _NONE:
            level += 1
            continue
        if edges[place].place_score >= until:
            break
        edge = _edge_at(ends, edges, place)
        if edge != _NONE and not edges[edge].stale:
            entries, pairs = _room_for_joining(segments, ends[edge, 0], ends[edge, 1], quantile)
            if not (has_room(pool, entries) and has_room_for_pairs(table, pairs)):
                progress[0].level, progress[0].highest = level, highest
                progress[0].entries, progress[0].pairs = entries, pairs
                return False
        queues[level, 0] = edges[place].next_place
        # A threshold ends the joining at the first place that reaches it: whatever comes after
        # that place is joined at no less.
        highest = max(highest, edges[place].place_score)
        if edge == _NONE:
            continue
        if edges[edge].stale:
            edges[edge].stale = False
            score = _score(edges, pool, edge, quantile)
            level = min(level, _enqueue(queues, edges, edge, score))
            continue
        progress[0].joins += 1
        one, other = names[ends[edge, 0]], names[ends[edge, 1]]
        parent[max(one, other)], joined_at[max(one, other)] = min(one, other), highest
        _join(net, edges, pool, table, edge, progress[0].joins, quantile)
    return True


@compiled
def _room_for_joining(segments: Records, one: int, other: int, quantile: int) -> tuple[int, int]:
    """How many entries and pairs joining two segments can add."""
    fewer = min(segments[one].degree, segments[other].degree)
    more = max(segments[one].degree, segments[other].degree)
    # Edges move, and those of the larger one may all be entered after that.
    return 0 if quantile == _MEAN else LEVELS * fewer, fewer + fewer + more


@compiled
def _enqueue(queues: NDArray[np.int64], edges: Records, edge: int, score: np.float32) -> int:
    """Put an edge with its place at the end of the queue of a score; the level of that."""
    level = min(max(int(score * np.float32(LEVELS)), 0), LEVELS - 1)
    edges[edge].score = score
    place = edges[edge].place
    edges[place].place_score = score
    edges[place].next_place = _NONE
    if queues[level, 0] == _NONE:
        queues[level, 0] = place
    else:
        edges[queues[level, 1]].next_place = place
    queues[level, 1] = place
    return level


@compiled
def _edge_at(ends: Index, edges: Records, place: int) -> int:
    """The edge that stands at a place; -1 if that is no more, or stands at a better one."""
    edge = place
    while edge != _NONE and ends[edge, 0] == _NONE:
        edge = ends[edge, 1]
    return edge if edge != _NONE and edges[edge].place == place else _NONE


@compiled
def _score(edges: Records, pool: Pool, edge: int, quantile: int) -> np.float32:
    """One minus the statistic, in single precision."""
    if quantile == _MEAN:
        return np.float32(np.float32(1) - edges[edge].mean)
    level = quantile_level(edges, pool, edge, quantile)
    return np.float32(1) - np.float32((level + 0.5) / LEVELS)


@compiled
def _join(
    net: _Net,
    edges: Records,
    pool: Pool,
    table: PairTable,
    edge: int,
    join: int,
    quantile: int,
) -> None:
    """Join the two ends of an edge. The join's number tells its marks from earlier ones."""
    ends, incident, near, segments, fragments, names = net
    into, gone = ends[edge, 0], ends[edge, 1]
    if segments[into].degree < segments[gone].degree:
        into, gone = gone, into
    gone_is_larger = names[gone] > names[into]
    names[into] = min(names[into], names[gone])
    ends[edge, 0] = ends[edge, 1] = _NONE
    many = segments[into].many
    if not many:
        _mark_neighbours(ends, incident, segments, fragments, into, join)
    degree = segments[into].degree - 1

    fragment, last = gone, gone
    while fragment != _NONE:
        begin, length = fragments[fragment].begin, fragments[fragment].length
        _look_around(ends, incident, near, segments, gone, join, begin, length)
        kept = begin
        for place in range(length):
            neighbour = near[0, place]
            if neighbour == _NONE:
                continue
            moved = incident[begin + place]
            known = find_pair(table, into, neighbour) if many else near[1, place]
            if known == _NONE:
                degree += 1
                ends[moved, 0], ends[moved, 1] = into, neighbour
                incident[kept] = moved
                kept += 1
                if many or segments[neighbour].many:
                    add_pair(table, into, neighbour, moved)
            else:
                _keep_better_place(edges, known, moved, gone_is_larger)
                if quantile == _MEAN:
                    _add_mean(edges, known, moved)
                else:
                    absorb(edges, pool, known, moved)
                ends[moved, 0], ends[moved, 1] = _NONE, known
                segments[neighbour].degree -= 1
        fragments[fragment].length = kept - begin
        last, fragment = fragment, fragments[fragment].next

    # The chain of the one goes behind the first fragment of the other.
    fragments[last].next = fragments[into].next
    fragments[into].next = gone
    segments[into].degree = degree
    if degree > _MANY and not many:
        segments[into].many = True
        _enter_all(ends, incident, fragments, table, into)


@compiled
def _look_around(
    ends: Index,
    incident: Index,
    near: Index,
    segments: Records,
    segment: int,
    join: int,
    begin: int,
    length: int,
) -> None:
    """Write down the neighbours over a range of edges, and the edges that marks tell there.

    Nothing here waits for what is read: the processor fetches from many places at a time.
    """
    for place in range(length):
        edge = incident[begin + place]
        one, other = ends[edge, 0], ends[edge, 1]
        neighbour = other if one == segment else one
        at = max(neighbour, 0)
        near[0, place] = neighbour
        near[1, place] = segments[at].mark if segments[at].marked_by == join else _NONE


@compiled
def _mark_neighbours(
    ends: Index,
    incident: Index,
    segments: Records,
    fragments: Records,
    segment: int,
    join: int,
) -> None:
    """Note at every neighbour the edge that leads to it, and drop edges that are no more."""
    before, fragment = segment, segment
    while fragment != _NONE:
        kept = begin = fragments[fragment].begin
        for place in range(begin, begin + fragments[fragment].length):
            edge = incident[place]
            one, other = ends[edge, 0], ends[edge, 1]
            if one != _NONE:
                neighbour = other if one == segment else one
                segments[neighbour].marked_by = join
                segments[neighbour].mark = edge
                incident[kept] = edge
                kept += 1
        fragments[fragment].length = kept - begin
        following = fragments[fragment].next
        if kept == begin and fragment != segment:
            fragments[before].next = following
        else:
            before = fragment
        fragment = following


@compiled
def _keep_better_place(edges: Records, kept: int, moved: int, moved_is_of_larger: bool) -> None:
    """Give an edge the better place of its own and that of the one that merges into it.

    Args:
        edges: with the places of both.
        kept, moved: the two edges.
        moved_is_of_larger: whether `moved` was the edge of the segment with the larger name, whose
            place is the better one of equals.
    """
    mine, its = edges[kept].score, edges[moved].score
    if its < mine or (its == mine and moved_is_of_larger):
        edges[kept].place, edges[kept].score = edges[moved].place, its
    edges[kept].stale = True


@compiled
def _add_mean(edges: Records, kept: int, moved: int) -> None:
    """Make the mean of an edge that of both, in single precision, as the waterz package does."""
    of_kept, of_moved = np.float32(edges[kept].number), np.float32(edges[moved].number)
    number = np.int64(edges[kept].number) + np.int64(edges[moved].number)
    weighted = edges[moved].mean * of_moved + edges[kept].mean * of_kept
    edges[kept].mean = weighted / np.float32(number)
    edges[kept].number = number


@compiled
def _enter_all(
    ends: Index, incident: Index, fragments: Records, table: PairTable, segment: int
) -> None:
    """Enter all edges of a segment in the table."""
    fragment = segment
    while fragment != _NONE:
        begin = fragments[fragment].begin
        for place in range(begin, begin + fragments[fragment].length):
            edge = incident[place]
            if ends[edge, 0] != _NONE:
                add_pair(table, ends[edge, 0], ends[edge, 1], edge)
        fragment = fragments[fragment].next
