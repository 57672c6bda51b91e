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
fewer edges is joined to the other, and the edge between two segments is found among those of one of
them, or, where that has many, in a table.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
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

Index = NDArray[np.int32]
Records = NDArray[Any]

_NONE = -1
_MEAN = -1
"""In place of a percentile."""
_MANY = 64
"""Edges from which on those of a segment are found in the table."""

_MOST = 2**31 - 1
"""Edges, and ids, that there are numbers for."""

_FRAGMENT = np.dtype(
    [("begin", np.int64), ("length", np.int32), ("next", np.int32)]  # of its range; of its chain
)
# Half a cache line.
_EDGE = np.dtype(
    {
        "names": [
            "entry",  # of percentiles, see level_counts;
            "mean",  # of a mean, in the same place
            "number",  # of levels, or of the affinities that the mean is taken over
            "place",  # in the queues
            "stale",  # whether it has merged with another since it came there
            # Of the place with the number of this edge:
            "edge",  # that stands there, or -1
            "score",  # at which it came there
            "next",  # the place behind it, or -1
        ],
        "formats": [
            np.int64,
            np.float32,
            np.uint32,
            np.int32,
            np.bool_,
            np.int32,
            np.float32,
            np.int32,
        ],
        "offsets": [0, 0, 8, 12, 16, 20, 24, 28],
    }
)
_PROGRESS = np.dtype(
    [
        ("level", np.int64),  # of the queue in turn
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

    ends: Index  # the two segments of each edge; -1 of one that is no more
    incident: Index  # edges, by fragment
    fragments: Records
    names: NDArray[np.uint32]  # of segments
    degrees: Index  # edges of each segment
    many: NDArray[np.bool_]  # segments whose edges are in the table
    around: Index  # room for the neighbours of a segment, and the edges that lead there,
    beside: Index  # and the same for a fragment that is joined to it


def merge_tree(
    graph: RegionGraph, ids: int, merge_function: str, *, until: float = 1.0
) -> MergeTree:
    """All segmentations that agglomerating a region graph passes through, up to a threshold.

    Args:
        graph: with what the merge function needs.
        ids: one more than the largest fragment id.
        merge_function: one of `statistic.MERGE_FUNCTIONS`.
        until: the highest threshold that the tree is to answer for; less is less work.

    Raises:
        NeurokitError: there are more edges or fragments than numbers for them.
    """
    if max(ids, len(graph.first)) > _MOST:
        raise NeurokitError(
            f"{ids - 1:,} fragments and {len(graph.first):,} contacts are too many to agglomerate "
            f"at once, {_MOST:,} are the most; decode the volume in parts"
        )
    net = _linked(graph, ids)
    edges = np.empty(len(graph.first), _EDGE)
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


def _linked(graph: RegionGraph, ids: int) -> _Net:
    """Segments of one fragment each."""
    count = len(graph.first)
    degrees = np.bincount(graph.first, minlength=ids) + np.bincount(graph.second, minlength=ids)
    most = max(_MANY, int(degrees.max(initial=0)))
    net = _Net(
        ends=np.empty((count, 2), np.int32),
        incident=np.empty(2 * count, np.int32),
        fragments=np.zeros(ids, _FRAGMENT),
        names=np.arange(ids, dtype=np.uint32),
        degrees=degrees.astype(np.int32),
        many=np.zeros(ids, np.bool_),
        around=np.empty((2, most), np.int32),
        beside=np.empty((2, most), np.int32),
    )
    net.fragments["next"] = _NONE
    net.fragments["begin"] = np.cumsum(degrees) - degrees
    _link(graph.first, graph.second, net.ends, net.incident, net.fragments)
    return net


@compiled
def _link(
    first: NDArray[np.uint32],
    second: NDArray[np.uint32],
    ends: Index,
    incident: Index,
    fragments: Records,
) -> None:
    """Fill in the ends of all edges, and the ranges of all fragments."""
    for edge in range(len(first)):
        ends[edge, 0], ends[edge, 1] = first[edge], second[edge]
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
        edges[edge].place = edges[edge].edge = edge
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
    ends, names = net.ends, net.names
    level, highest = progress[0].level, progress[0].highest
    while level < LEVELS:
        place = queues[level, 0]
        if place == _NONE:
            level += 1
            continue
        if edges[place].score >= until:
            break
        edge = edges[place].edge
        if edge != _NONE and not edges[edge].stale:
            entries, pairs = _room_for_joining(
                net.degrees[ends[edge, 0]], net.degrees[ends[edge, 1]], quantile
            )
            if not (has_room(pool, entries) and has_room_for_pairs(table, pairs)):
                progress[0].level, progress[0].highest = level, highest
                progress[0].entries, progress[0].pairs = entries, pairs
                return False
        queues[level, 0] = edges[place].next
        # A threshold ends the joining at the first place that reaches it: whatever comes after
        # that place is joined at no less.
        highest = max(highest, edges[place].score)
        if edge == _NONE:
            continue
        if edges[edge].stale:
            edges[edge].stale = False
            score = _score(edges, pool, edge, quantile)
            level = min(level, _enqueue(queues, edges, edge, score))
            continue
        one, other = names[ends[edge, 0]], names[ends[edge, 1]]
        parent[max(one, other)], joined_at[max(one, other)] = min(one, other), highest
        _join(net, edges, pool, table, edge, quantile)
    return True


@compiled
def _room_for_joining(one: int, other: int, quantile: int) -> tuple[int, int]:
    """How many entries and pairs joining segments with so many edges each can add."""
    fewer, more = min(one, other), max(one, other)
    # Edges move, and those of the larger segment may all be entered after that.
    return 0 if quantile == _MEAN else LEVELS * fewer, fewer + fewer + more


@compiled
def _enqueue(queues: NDArray[np.int64], edges: Records, edge: int, score: np.float32) -> int:
    """Put an edge with its place at the end of the queue of a score; the level of that."""
    level = min(max(int(score * np.float32(LEVELS)), 0), LEVELS - 1)
    place = edges[edge].place
    edges[place].score = score
    edges[place].next = _NONE
    if queues[level, 0] == _NONE:
        queues[level, 0] = place
    else:
        edges[queues[level, 1]].next = place
    queues[level, 1] = place
    return level


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
    quantile: int,
) -> None:
    """Join the two ends of an edge. The join's number tells its marks from earlier ones."""
    ends, incident, fragments, names, degrees, many, around, beside = net
    into, gone = ends[edge, 0], ends[edge, 1]
    if degrees[into] < degrees[gone]:
        into, gone = gone, into
    gone_is_larger = names[gone] > names[into]
    names[into] = min(names[into], names[gone])
    ends[edge, 0] = ends[edge, 1] = _NONE
    degree = degrees[into] - 1
    if not many[into]:
        _look_around(ends, incident, fragments, into, around)

    fragment, last = gone, gone
    while fragment != _NONE:
        begin, length = fragments[fragment].begin, fragments[fragment].length
        _look_beside(ends, incident[begin : begin + length], gone, beside)
        if many[into]:
            for place in range(length):
                beside[1, place] = find_pair(table, into, beside[0, place])
        else:
            for place in range(length):
                beside[1, place] = _edge_to(beside[0, place], around, degree)
        kept = begin
        for place in range(length):
            neighbour, known = beside[0, place], beside[1, place]
            if neighbour == _NONE:
                continue
            moved = incident[begin + place]
            if known == _NONE:
                degrees[into] += 1
                ends[moved, 0], ends[moved, 1] = into, neighbour
                incident[kept] = moved
                kept += 1
                if many[into] or many[neighbour]:
                    add_pair(table, into, neighbour, moved)
            else:
                _keep_better_place(edges, known, moved, gone_is_larger)
                if quantile == _MEAN:
                    _add_mean(edges, known, moved)
                else:
                    absorb(edges, pool, known, moved)
                ends[moved, 0] = ends[moved, 1] = _NONE
                degrees[neighbour] -= 1
        fragments[fragment].length = kept - begin
        last, fragment = fragment, fragments[fragment].next

    # The chain of the one goes behind the first fragment of the other.
    fragments[last].next = fragments[into].next
    fragments[into].next = gone
    degrees[into] -= 1
    if degrees[into] > _MANY and not many[into]:
        many[into] = True
        _enter_all(ends, incident, fragments, table, into)


@compiled
def _look_around(
    ends: Index, incident: Index, fragments: Records, segment: int, around: Index
) -> None:
    """Write down the neighbours of a segment and its edges, and drop edges that are no more."""
    count = 0
    before, fragment = segment, segment
    while fragment != _NONE:
        kept = begin = fragments[fragment].begin
        for place in range(begin, begin + fragments[fragment].length):
            edge = incident[place]
            one, other = ends[edge, 0], ends[edge, 1]
            if one != _NONE:
                around[0, count] = other if one == segment else one
                around[1, count] = edge
                count += 1
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
def _look_beside(ends: Index, incident: Index, segment: int, beside: Index) -> None:
    """Write down the neighbours over a range of edges; -1 over one that is no more."""
    for place in range(len(incident)):
        one, other = ends[incident[place], 0], ends[incident[place], 1]
        beside[0, place] = other if one == segment else one


@compiled
def _edge_to(neighbour: int, around: Index, count: int) -> int:
    """The edge to a neighbour, if it is among the first so many, else -1."""
    edge = _NONE
    # Without leaving early, several are compared at a time.
    for place in range(count):
        edge = around[1, place] if around[0, place] == neighbour else edge
    return edge


@compiled
def _keep_better_place(edges: Records, kept: int, moved: int, moved_is_of_larger: bool) -> None:
    """Give an edge the better place of its own and that of the one that merges into it.

    Args:
        edges: with the places of both.
        kept, moved: the two edges.
        moved_is_of_larger: whether `moved` was the edge of the segment with the larger name, whose
            place is the better one of equals.
    """
    edges[kept].stale = True
    mine, its = edges[kept].place, edges[moved].place
    better = edges[its].score < edges[mine].score
    if better or (moved_is_of_larger and edges[its].score == edges[mine].score):
        edges[kept].place = its
        edges[its].edge = kept
        edges[mine].edge = _NONE
    else:
        edges[its].edge = _NONE


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
