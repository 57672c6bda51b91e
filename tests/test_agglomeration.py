"""Agglomeration, against a slow version with real queues and against the waterz package."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from attrs import evolve
from scipy.ndimage import gaussian_filter

from neurokit import NeurokitError
from neurokit.graph import agglomeration
from neurokit.graph.agglomeration import merge_tree
from neurokit.graph.building import region_graph, united
from neurokit.graph.merge_tree import MergeTree
from neurokit.graph.package import SCORING_FUNCTIONS, agglomerate
from neurokit.graph.region_graph import Histograms, RegionGraph
from neurokit.graph.watershed import watershed

REAL = Path(__file__).parents[2] / "shared" / "data" / "fib25_affinities.h5"
CONTACT_FUNCTIONS = ("aff10_contact256", "aff50_contact256", "aff85_contact256")
SOME_FUNCTIONS = ("affmean", "aff10_his256", "aff50_his256", "aff85_his256", *CONTACT_FUNCTIONS)


class Edge:
    """An edge of the slow version.

    `counts` are the affinities at each of the 256 levels; of a mean, it is taken over `number`.
    """

    def __init__(self, one: int, other: int, counts: Any, mean: Any, number: int) -> None:
        self.ends = {one, other}
        self.counts, self.mean, self.number = counts, mean, number
        self.stale = self.gone = False
        self.score = np.float32(0)

    def take_in(self, other: Edge) -> None:
        # Means are taken in single precision, as the package does.
        weighted = self.mean * np.float32(self.number) + other.mean * np.float32(other.number)
        self.number += other.number
        self.mean = weighted / np.float32(self.number)
        self.counts = self.counts + other.counts
        self.stale = other.gone = True


def slow_edges(graph: RegionGraph, merge_function: str) -> Iterator[Edge]:
    means = graph.running_mean
    if means is None:
        means = np.array(
            [int(graph.total[n]) / 2**32 / int(graph.contacts[n]) for n in range(len(graph.total))],
            np.float32,
        )
    for number, (one, other) in enumerate(zip(graph.first, graph.second, strict=True)):
        counts = np.zeros(256, int)
        if not merge_function.endswith("_contact256"):
            counts[graph.highest[number]] = 1
        else:
            assert graph.histograms is not None
            entries = slice(*graph.histograms.starts[number : number + 2])
            counts[graph.histograms.levels[entries]] = graph.histograms.counts[entries]
        yield Edge(int(one), int(other), counts, means[number], int(graph.contacts[number]))


def slow_tree(graph: RegionGraph, ids: int, merge_function: str, until: float = 1.0) -> Any:
    """Parent and score of all ids by the definition: 256 queues, first in, first out."""
    queues: list[deque[Edge]] = [deque() for _ in range(256)]
    edges_of: list[dict[int, Edge]] = [{} for _ in range(ids)]

    def enqueue(edge: Edge) -> None:
        affinity = edge.mean
        if merge_function != "affmean":
            up_to = np.cumsum(edge.counts)
            share = int(merge_function[3:5]) * up_to[-1] // 100
            affinity = np.float32((np.flatnonzero(up_to > share)[0] + 0.5) / 256)
        edge.score = np.float32(1) - affinity
        queues[min(int(edge.score * 256), 255)].append(edge)

    for edge in slow_edges(graph, merge_function):
        one, other = edge.ends
        edges_of[one][other] = edges_of[other][one] = edge
        enqueue(edge)

    parent, joined_at = np.arange(ids), np.full(ids, np.inf, np.float32)
    highest = np.float32(0)
    while any(queues):
        queue = next(queue for queue in queues if queue)
        if queue[0].score >= np.float32(until):
            break
        edge = queue.popleft()
        highest = max(highest, edge.score)
        if edge.gone:
            continue
        if edge.stale:
            edge.stale = False
            enqueue(edge)
            continue
        name, child = sorted(edge.ends)
        parent[child], joined_at[child] = name, highest
        del edges_of[name][child], edges_of[child][name]
        for neighbour, moved in edges_of[child].items():
            del edges_of[neighbour][child]
            stays, goes = edges_of[name].get(neighbour), moved
            if stays is None:
                stays = moved
            else:
                if moved.score <= stays.score:
                    stays, goes = moved, stays
                stays.take_in(goes)
            stays.ends = {name, neighbour}
            edges_of[name][neighbour] = edges_of[neighbour][name] = stays
        edges_of[child] = {}
    return parent, joined_at


def graph_of(values_of: dict[tuple[int, int], Any]) -> RegionGraph:
    """The graph of edges with these affinities, in steps of 2**-32."""
    ends = sorted(values_of)
    values = [np.asarray(values_of[pair], np.int64) for pair in ends]
    entries = [np.unique(np.minimum(each >> 24, 255), return_counts=True) for each in values]
    columns = np.array(ends, np.uint32).reshape(-1, 2)
    return RegionGraph(
        first=columns[:, 0].copy(),
        second=columns[:, 1].copy(),
        highest=np.array([levels[-1] for levels, _ in entries], np.uint8),
        total=np.array([each.sum() for each in values], np.int64),
        contacts=np.array([len(each) for each in values], np.uint32),
        histograms=Histograms(
            starts=np.cumsum([0, *(len(levels) for levels, _ in entries)]),
            levels=np.concatenate([[], *(levels for levels, _ in entries)]).astype(np.uint8),
            counts=np.concatenate([[], *(counts for _, counts in entries)]).astype(np.uint32),
        ),
    )


def random_values(random: Any, levels: int, most: int = 5) -> Any:
    """Affinities of an edge; of few levels, so that edges tie, or of any value (0 levels)."""
    count = random.integers(1, most, endpoint=True)
    if levels == 0:
        return random.integers(0, 2**32, count, endpoint=True)
    return random.integers(0, levels, count) * (2**32 // max(1, levels - 1))


def random_graph(random: Any, ids: int, edges: int, levels: int) -> RegionGraph:
    every = list(itertools.combinations(range(1, ids), 2))
    chosen = random.permutation(len(every))[:edges]
    return graph_of({every[index]: random_values(random, levels) for index in chosen})


def assert_equals_the_slow_version(graph: RegionGraph, ids: int, merge_function: str) -> None:
    parent, score = slow_tree(graph, ids, merge_function)
    found = merge_tree(graph, ids, merge_function)
    assert found.parent.dtype == np.uint32
    assert found.score.dtype == np.float32
    assert np.array_equal(found.parent, parent)
    assert np.array_equal(found.score, score)


def of_line(*levels: int) -> RegionGraph:
    """Fragments 1, 2, 3... in a row; the highest affinity between one and the next."""
    return graph_of({(n, n + 1): [level << 24] for n, level in enumerate(levels, 1)})


def joins(tree: MergeTree) -> list[tuple[int, int, float]]:
    """Child, parent, and 256 times the score, of what was joined."""
    children = np.flatnonzero(np.isfinite(tree.score))
    return [(int(n), int(tree.parent[n]), 256 * float(tree.score[n])) for n in children]


def test_means_begin_with_those_of_the_graph() -> None:
    graph = graph_of({(1, 2): [1 << 31, 1 << 30], (2, 3): [3 << 30]})
    assert joins(merge_tree(graph, 4, "affmean")) == [(2, 1, 160.0), (3, 2, 64.0)]
    ours = evolve(graph, running_mean=np.array([0.75, 0.625], np.float32))
    assert joins(merge_tree(ours, 4, "affmean")) == [(2, 1, 64.0), (3, 1, 96.0)]


def test_the_best_is_joined_first() -> None:
    tree = merge_tree(of_line(200, 100, 250), 5, "aff50_his256")
    assert joins(tree) == [(2, 1, 55.5), (3, 1, 155.5), (4, 3, 5.5)]
    assert tree.until == 1.0


def test_of_equal_scores_the_first_is_joined_first() -> None:
    # 1-2 and 2-3 tie. Joined first, 1-2 leaves to 3 and 4 the lower halves of two levels each.
    edges = {(1, 2): [200 << 24], (1, 3): [10 << 24], (2, 3): [200 << 24], (3, 4): [150 << 24]}
    tree = merge_tree(graph_of(edges), 5, "aff10_his256")
    # 1-3 holds the levels 10 and 200 when it is its turn, and 3-4 is better than that.
    assert joins(tree) == [(2, 1, 55.5), (3, 1, 245.5), (4, 3, 105.5)]


def test_a_threshold_ends_the_joining_at_the_first_that_reaches_it() -> None:
    # Both wait in the same queue, so that a threshold between them ends it before either.
    edges = {(1, 2): [round(178.25 * 2**24)], (3, 4): [round(178.75 * 2**24)]}
    tree = merge_tree(graph_of(edges), 5, "affmean")
    assert joins(tree) == [(2, 1, 77.75), (4, 3, 77.75)]


def test_a_threshold_ends_the_joining_at_an_edge_that_is_no_more() -> None:
    # With 1-2 joined, 2-3 merges into 1-3, which has the better place. What is left of 2-3 still
    # comes before 4-5, and before 1-3 with its new mean.
    edges = {(1, 2): 246.0, (1, 3): 178.75, (2, 3): 178.25, (4, 5): 178.5}
    graph = graph_of({pair: [round(level * 2**24)] for pair, level in edges.items()})
    tree = merge_tree(graph, 6, "affmean")
    assert joins(tree) == [(2, 1, 10.0), (3, 1, 77.75), (5, 4, 77.75)]


@pytest.mark.parametrize("merge_function", SOME_FUNCTIONS)
@pytest.mark.parametrize("levels", [1, 2, 4, 40, 257, 0])
def test_random_graphs(merge_function: str, levels: int) -> None:
    random = np.random.default_rng([SOME_FUNCTIONS.index(merge_function), levels])
    for _ in range(6):
        ids = int(random.integers(2, 60))
        graph = random_graph(random, ids, int(random.integers(0, 6 * ids)), levels)
        assert_equals_the_slow_version(graph, ids, merge_function)


@pytest.mark.parametrize("quantile", range(10, 100, 5))
@pytest.mark.parametrize("values", ["his256", "contact256"])
def test_all_percentiles(quantile: int, values: str) -> None:
    random = np.random.default_rng(quantile)
    graph = random_graph(random, 50, 200, 30)
    assert_equals_the_slow_version(graph, 50, f"aff{quantile}_{values}")


@pytest.mark.parametrize("merge_function", SOME_FUNCTIONS)
def test_dense_graphs(merge_function: str) -> None:
    random = np.random.default_rng(SOME_FUNCTIONS.index(merge_function))
    for edges, levels in ((3000, 3), (8000, 0)):
        graph = random_graph(random, 201, edges, levels)
        assert_equals_the_slow_version(graph, 201, merge_function)


@pytest.mark.parametrize("merge_function", SOME_FUNCTIONS)
@pytest.mark.parametrize("levels", [5, 0])
def test_hubs(merge_function: str, levels: int) -> None:
    # Every hub touches most of the leaves, some leaves touch each other; hubs have names among
    # those of the leaves, and join soon or late.
    random = np.random.default_rng([SOME_FUNCTIONS.index(merge_function), levels])
    leaves = np.arange(1, 2500)
    hubs = [1, 1200, 2499]
    pairs = {tuple(sorted((hub, leaf))) for hub in hubs for leaf in random.choice(leaves, 1700)}
    pairs |= {tuple(sorted(pair)) for pair in random.choice(leaves, (1500, 2)).tolist()}
    values_of = {
        (int(one), int(other)): random_values(random, levels, 2)
        for one, other in sorted(pairs)
        if one != other
    }
    graph = graph_of(values_of)
    assert np.bincount(np.append(graph.first, graph.second))[hubs].min() > 1000
    assert_equals_the_slow_version(graph, 2500, merge_function)


@pytest.mark.parametrize("leaves", [300, 3000])
@pytest.mark.parametrize("merge_function", ["affmean", "aff85_his256"])
def test_stars_that_meet(leaves: int, merge_function: str) -> None:
    # Two stars with the same leaves: each edge of the one merges with one of the other.
    random = np.random.default_rng(leaves)
    middle = leaves // 2
    hubs = (middle, leaves + 2)
    rays = [n for n in range(1, leaves + 2) if n != middle]
    values_of = {
        (min(hub, ray), max(hub, ray)): random_values(random, 4) for hub in hubs for ray in rays
    }
    values_of[hubs] = np.array([2**32])
    graph = graph_of(values_of)
    assert_equals_the_slow_version(graph, leaves + 3, merge_function)


@pytest.mark.parametrize("merge_function", SOME_FUNCTIONS)
def test_a_grid_becomes_one_segment(merge_function: str) -> None:
    random = np.random.default_rng(4)
    names = random.permutation(np.arange(1, 901)).reshape(30, 30)
    sides = [(names[1:], names[:-1]), (names[:, 1:], names[:, :-1])]
    pairs = np.concatenate([np.stack([a.ravel(), b.ravel()], 1) for a, b in sides])
    values_of = {
        (int(one), int(other)): random_values(random, 20) for one, other in np.sort(pairs, axis=1)
    }
    graph = graph_of(values_of)
    assert_equals_the_slow_version(graph, 901, merge_function)
    tree = merge_tree(graph, 901, "aff85_his256")
    assert np.isfinite(tree.score[2:]).all()
    assert set(tree.names(1.0)[1:].tolist()) == {1}


@pytest.mark.parametrize("merge_function", SOME_FUNCTIONS)
def test_a_tree_that_ends_early_agrees_up_to_there(merge_function: str) -> None:
    random = np.random.default_rng(6)
    graph = random_graph(random, 80, 300, 100)
    whole = merge_tree(graph, 80, merge_function)
    on_scores = whole.score[np.isfinite(whole.score)][:5].tolist()
    for until in (0.0, 0.25, 0.5, *random.random(5).tolist(), *on_scores):
        part = merge_tree(graph, 80, merge_function, until=until)
        parent, score = slow_tree(graph, 80, merge_function, until)
        assert part.until == until
        assert np.array_equal(part.parent, parent)
        assert np.array_equal(part.score, score)
        for share in (0.3, 0.9, 1.0):
            assert np.array_equal(part.names(share * until), whole.names(share * until))


@pytest.mark.parametrize("merge_function", SOME_FUNCTIONS)
def test_without_edges(merge_function: str) -> None:
    for ids in (1, 2, 7):
        tree = merge_tree(graph_of({}), ids, merge_function)
        assert tree.parent.tolist() == tree.names(1.0).tolist() == list(range(ids))
        assert np.isinf(tree.score).all()


@pytest.mark.parametrize("merge_function", SOME_FUNCTIONS)
def test_the_order_of_parts_changes_nothing(merge_function: str) -> None:
    random = np.random.default_rng(8)
    ids = 40
    parts = [random_graph(random, ids, int(edges), 10) for edges in random.integers(0, 150, 6)]
    trees = [
        merge_tree(united([parts[place] for place in order], ids), ids, merge_function)
        for order in (range(6), random.permutation(6), random.permutation(6))
    ]
    assert np.isfinite(trees[0].score).sum() > 30
    for tree in trees[1:]:
        assert np.array_equal(tree.parent, trees[0].parent)
        assert np.array_equal(tree.score, trees[0].score)


def by_package(
    affinities_CZYX: Any, merge_function: str, aff_threshold: tuple[float, float], threshold: float
) -> Any:
    labels_ZYX, _ = agglomerate(
        affinities_CZYX,
        threshold=threshold,
        merge_function=merge_function,
        aff_threshold=aff_threshold,
        discretize_queue=256,
    )
    return labels_ZYX


def assert_equals_the_package(
    affinities_CZYX: Any,
    merge_function: str,
    aff_threshold: tuple[float, float],
    thresholds: list[float],
) -> list[int]:
    """The package names a segment by its smallest fragment, too. The numbers of segments."""
    fragments = watershed(affinities_CZYX, aff_threshold)
    graph = region_graph(fragments, affinities_CZYX, running_mean=merge_function == "affmean")
    tree = merge_tree(graph, len(fragments.sizes), merge_function)
    segments = []
    for threshold in thresholds:
        names = tree.names(threshold)
        expected = by_package(affinities_CZYX, merge_function, aff_threshold, threshold)
        assert np.array_equal(names[fragments.labels_ZYX], expected)
        segments.append(len(np.unique(names)) - 1)
    return segments


def smooth_noise(random: Any, shape: tuple[int, ...]) -> Any:
    """Affinities in [0, 1] that change slowly, as a network's do."""
    noise = gaussian_filter(random.standard_normal((3, *shape)), (0, 1, 2, 2), mode="wrap")
    return (1 / (1 + np.exp(-4 * noise / noise.std()))).astype(np.float32)


def volume_of(kind: str, random: Any, shape: tuple[int, ...]) -> Any:
    if kind == "smooth":
        return smooth_noise(random, shape)
    uniform = random.random((3, *shape), dtype=np.float32)
    if kind == "uniform":
        return uniform
    if kind == "strong":
        return np.sqrt(uniform)
    levels = int(kind.removesuffix(" levels"))
    return (np.floor(uniform * levels) / np.float32(levels - 1)).astype(np.float32)


KINDS = ("uniform", "strong", "smooth", "2 levels", "3 levels", "20 levels", "256 levels")


@pytest.mark.parametrize("merge_function", sorted(SCORING_FUNCTIONS))
@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_package(merge_function: str, kind: str) -> None:
    random = np.random.default_rng(
        [sorted(SCORING_FUNCTIONS).index(merge_function), KINDS.index(kind)]
    )
    shape = tuple(random.integers((1, 8, 8), (7, 18, 18)).tolist())
    low, high = random.random() * 0.5, random.uniform(0.7, 1)
    # Also exactly at a score, where it is not joined any more.
    on_score = 1 - (int(random.integers(20, 250)) + 0.5) / 256
    thresholds = [0.02, *random.random(3).tolist(), on_score, 1.0]
    affinities = volume_of(kind, random, shape)
    assert_equals_the_package(affinities, merge_function, (low, high), thresholds)


@pytest.mark.parametrize("merge_function", ["affmean", "aff50_his256", "aff85_his256"])
def test_equals_the_package_on_larger_volumes(merge_function: str) -> None:
    random = np.random.default_rng(9)
    for kind in ("uniform", "smooth"):
        affinities = volume_of(kind, random, (10, 40, 40))
        thresholds = [0.05, 0.1, 0.2, 0.3, 0.5, 0.8]
        segments = assert_equals_the_package(affinities, merge_function, (0.05, 0.99), thresholds)
        assert segments[0] > 500
        assert segments[0] > segments[2] > segments[4]


@pytest.fixture(scope="module")
def real() -> Any:
    if not REAL.exists():
        pytest.skip(f"{REAL} is absent: nothing was compared on real affinities")
    with h5py.File(REAL) as file:
        return np.ascontiguousarray(file["affinities"][:, :12, :60, :60])


# Most of what joins in these affinities joins below a threshold of 0.1.
REAL_THRESHOLDS = [0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 0.9]


@pytest.mark.parametrize("aff_threshold", [(0.1, 0.999), (0.0, 1.0), (0.3, 0.9), (0.5, 0.97)])
@pytest.mark.parametrize(
    "merge_function", ["affmean", "aff15_his256", "aff50_his256", "aff85_his256"]
)
def test_equals_the_package_on_real_affinities(
    real: Any, merge_function: str, aff_threshold: tuple[float, float]
) -> None:
    affinities = real.astype(np.float32) / np.float32(255)
    segments = assert_equals_the_package(affinities, merge_function, aff_threshold, REAL_THRESHOLDS)
    assert segments[0] > 100, "too few segments for the comparison to mean anything"
    assert segments[0] > segments[-1]


@pytest.mark.parametrize("merge_function", SOME_FUNCTIONS)
def test_real_affinities_equal_the_slow_version(real: Any, merge_function: str) -> None:
    fragments = watershed(real, (0.1, 0.999))
    graph = region_graph(fragments, real, histograms=True, running_mean=True)
    assert len(graph.first) > 2000
    assert_equals_the_slow_version(graph, len(fragments.sizes), merge_function)


def test_more_than_there_are_numbers_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    affinities = np.random.default_rng(3).random((3, 3, 3, 3), dtype=np.float32)
    fragments = watershed(affinities, (0.1, 0.99))
    graph = region_graph(fragments, affinities)
    ids, edges = len(fragments.sizes), len(graph.first)
    monkeypatch.setattr(agglomeration, "_MOST", max(ids, edges) - 1)
    with pytest.raises(NeurokitError) as error:
        merge_tree(graph, ids, "affmean")
    assert str(error.value) == (
        f"{ids - 1:,} fragments and {edges:,} contacts are too many to agglomerate at once, "
        f"{max(ids, edges) - 1:,} are the most; decode the volume in parts"
    )
    monkeypatch.setattr(agglomeration, "_MOST", max(ids, edges))
    assert len(merge_tree(graph, ids, "affmean").parent) == ids
