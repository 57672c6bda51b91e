"""Region graphs, against a slow version with a dictionary."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from neurokit.graph import threads
from neurokit.graph.building import region_graph, united
from neurokit.graph.fragments import Fragments
from neurokit.graph.region_graph import RegionGraph
from neurokit.graph.watershed import watershed

Pairs = list[tuple[int, int, Any]]
"""Two fragments and an affinity between them."""


def touching(labels_ZYX: Any, affinities_CZYX: Any) -> Pairs:
    """Every affinity between two fragments, in the order of the voxels that it is stored at."""
    if affinities_CZYX.dtype == np.uint8:
        affinities_CZYX = affinities_CZYX.astype(np.float32) / np.float32(255)
    found = []
    for voxel in itertools.product(*map(range, labels_ZYX.shape)):
        for axis in range(3):
            before = tuple(place - (each == axis) for each, place in enumerate(voxel))
            if before[axis] < 0:
                continue
            one, other = sorted((int(labels_ZYX[voxel]), int(labels_ZYX[before])))
            if 0 < one < other:
                found.append((one, other, affinities_CZYX[axis][voxel]))
    return found


def of_pairs(pairs: Pairs, ids: int, *, histograms: bool = False) -> RegionGraph:
    """The graph of a volume in which nothing but these pairs touches, each once."""
    labels = np.zeros((1, 1, 3 * len(pairs) + 1), np.uint32)
    affinities = np.zeros((3, *labels.shape), np.float32)
    for place, (one, other, affinity) in enumerate(pairs):
        labels[0, 0, 3 * place : 3 * place + 2] = one, other
        affinities[2, 0, 0, 3 * place + 1] = affinity
    return region_graph(of_labels(labels, ids), affinities, histograms=histograms)


def of_labels(labels_ZYX: Any, ids: int | None = None) -> Fragments:
    sizes = np.bincount(labels_ZYX.ravel().astype(np.int64), minlength=ids or 1)
    return Fragments(labels_ZYX, sizes)


def slow_graph(pairs: Pairs) -> list[Any]:
    """The rows that a graph should have, with the histogram of each."""
    values: dict[tuple[int, int], list[Fraction]] = {}
    for one, other, affinity in pairs:
        values.setdefault((one, other), []).append(Fraction(float(affinity)))
    rows = []
    for ends, affinities in sorted(values.items()):
        levels = [min(math.floor(256 * affinity), 255) for affinity in affinities]
        total = sum(math.floor(affinity * 2**32) for affinity in affinities)
        rows.append((*ends, max(levels), total, len(levels), sorted(Counter(levels).items())))
    return rows


def rows_of(graph: RegionGraph) -> list[Any]:
    """The rows of a graph, with the histogram of each where there are any."""
    dtypes = [graph.first.dtype, graph.second.dtype, graph.highest.dtype, graph.total.dtype]
    assert dtypes == [np.uint32, np.uint32, np.uint8, np.int64]
    assert graph.contacts.dtype == np.uint32
    columns = graph.first, graph.second, graph.highest, graph.total, graph.contacts
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    if graph.histograms is None:
        return rows
    starts, levels = graph.histograms.starts.tolist(), graph.histograms.levels
    counts = graph.histograms.counts
    assert levels.dtype == np.uint8
    assert len(starts) == len(rows) + 1
    assert starts[0] == 0
    assert starts[-1] == len(levels) == len(counts)
    entries = list(zip(levels.tolist(), counts.tolist(), strict=True))
    spans = itertools.pairwise(starts)
    return [(*row, entries[begin:end]) for row, (begin, end) in zip(rows, spans, strict=True)]


def without_histograms(rows: list[Any]) -> list[Any]:
    return [row[:-1] for row in rows]


def random_volume(random: Any, shape: tuple[int, ...], ids: int, levels: int = 0) -> Any:
    """Labels 0..ids-1 voxel by voxel, and affinities of that many levels, or of any value."""
    labels = random.integers(0, ids, shape).astype(np.uint32)
    if levels:
        return labels, (random.integers(0, levels, (3, *shape)) / (levels - 1)).astype(np.float32)
    return labels, random.random((3, *shape), dtype=np.float32)


SHAPES = [(1, 1, 1), (1, 1, 9), (1, 9, 1), (9, 1, 1), (1, 6, 7), (5, 1, 7), (5, 6, 1), (4, 5, 6)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ids", [2, 4, 30])
@pytest.mark.parametrize("levels", [0, 2, 5, 256])
def test_equals_the_slow_version(shape: tuple[int, ...], ids: int, levels: int) -> None:
    labels, affinities = random_volume(
        np.random.default_rng([*shape, ids, levels]), shape, ids, levels
    )
    expected = slow_graph(touching(labels, affinities))
    assert len(expected) <= math.comb(ids - 1, 2), "background is left out"
    fragments = of_labels(labels, ids)
    assert rows_of(region_graph(fragments, affinities, histograms=True)) == expected
    assert rows_of(region_graph(fragments, affinities)) == without_histograms(expected)


@pytest.mark.parametrize("histograms", [False, True])
def test_of_watershed_fragments(histograms: bool) -> None:
    affinities = np.random.default_rng(1).random((3, 9, 14, 15), dtype=np.float32)
    fragments = watershed(affinities, (0.3, 0.99))
    assert fragments.sizes[0] > 0
    graph = region_graph(fragments, affinities, histograms=histograms)
    expected = slow_graph(touching(fragments.labels_ZYX, affinities))
    assert len(expected) > 200
    assert rows_of(graph) == (expected if histograms else without_histograms(expected))


def test_bytes_equal_their_fractions_of_255() -> None:
    random = np.random.default_rng(2)
    labels, _ = random_volume(random, (5, 8, 9), 12)
    affinities = random.integers(0, 256, (3, 5, 8, 9), dtype=np.uint8)
    graph = region_graph(of_labels(labels), affinities, histograms=True)
    assert rows_of(graph) == slow_graph(touching(labels, affinities))


def test_counts_take_four_bytes() -> None:
    pairs = [(1, 2, 0.5), (1, 2, 0.5), (1, 3, 0.25)]
    graphs = [of_pairs(some, 4, histograms=True) for some in (pairs, pairs[:2], [])]
    for graph in (*graphs, united(graphs, 4)):
        assert graph.histograms is not None
        assert graph.histograms.counts.dtype == np.uint32


def test_levels_end_where_256_times_the_affinity_does() -> None:
    edges = np.array([0, 1 / 256, 128 / 256, 255 / 256, 1], np.float32)
    below = np.nextafter(edges, np.float32(-1))[1:]
    pairs = [(2 * n + 1, 2 * n + 2, value) for n, value in enumerate(np.append(edges, below))]
    graph = of_pairs(pairs, 2 * len(pairs) + 1)
    assert graph.highest.tolist() == [0, 1, 128, 255, 255, 0, 127, 254, 255]


def test_what_is_added_up_between_two_fragments() -> None:
    labels = np.array([[[1, 1, 0], [2, 2, 2]], [[1, 2, 3], [0, 0, 3]]], np.uint32)
    affinities = np.zeros((3, *labels.shape), np.float32)
    affinities[0, 1] = [[0.9, 0.75, 0.9], [0.9, 0.9, 0.125]]  # 1-1, 1-2, 0-3; 2-0, 2-0, 2-3
    affinities[1, 0, 1] = [0.5, 0.25, 0.9]  # 1-2, 1-2, 0-2
    affinities[1, 1, 1] = [0.9, 0.9, 0.9]  # 1-0, 2-0, 3-3
    affinities[2, 1, 0] = [0.9, 0.5, 1.0]  # the border, 1-2, 2-3
    unit = 2**32
    assert rows_of(region_graph(of_labels(labels), affinities, histograms=True)) == [
        (1, 2, 192, 2 * unit, 4, [(64, 1), (128, 2), (192, 1)]),
        (2, 3, 255, unit + unit // 8, 2, [(32, 1), (255, 1)]),
    ]


def slow_running_means(pairs: Pairs) -> list[Any]:
    """The mean of each edge in single precision, one affinity after the other."""
    means: dict[tuple[int, int], tuple[Any, int]] = {}
    for one, other, affinity in pairs:
        mean, count = means.get((one, other), (np.float32(0), 0))
        summed = np.float32(affinity) + mean * np.float32(count)
        means[one, other] = summed / np.float32(count + 1), count + 1
    return [mean for _, (mean, _) in sorted(means.items())]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ids", [2, 3, 12])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_running_means(shape: tuple[int, ...], ids: int, dtype: Any) -> None:
    labels, affinities = random_volume(np.random.default_rng([*shape, ids]), shape, ids)
    if dtype == np.uint8:
        affinities = (affinities * 256).astype(np.uint8)
    graph = region_graph(of_labels(labels, ids), affinities, running_mean=True)
    assert graph.running_mean is not None
    assert graph.running_mean.dtype == np.float32
    pairs = touching(labels, affinities)
    assert graph.running_mean.tolist() == slow_running_means(pairs)
    assert rows_of(graph) == without_histograms(slow_graph(pairs))
    assert region_graph(of_labels(labels, ids), affinities).running_mean is None


@pytest.mark.parametrize("neighbours", [31, 32, 33, 34, 500])
def test_a_fragment_with_many_neighbours(neighbours: int) -> None:
    random = np.random.default_rng(neighbours)
    # A sheet, and below it single voxels in any order, some of which it touches twice.
    below = random.permutation(np.arange(2, neighbours + 2))
    again = random.choice(below, 40)
    labels = np.ones((2, 1, 2 * (neighbours + 40)), np.uint32)
    labels[1] = 0
    labels[1, 0, ::2] = [*below, *again]
    affinities = random.random((3, *labels.shape), dtype=np.float32)
    graph = region_graph(of_labels(labels), affinities, histograms=True)
    assert len(graph.first) == neighbours
    assert rows_of(graph) == slow_graph(touching(labels, affinities))


@pytest.mark.parametrize("histograms", [False, True])
def test_without_edges(histograms: bool) -> None:
    affinities = np.full((3, 4, 5, 6), 0.5, np.float32)
    for label in (0, 1):
        fragments = of_labels(np.full((4, 5, 6), label, np.uint32))
        graph = region_graph(fragments, affinities, histograms=histograms, running_mean=True)
        assert rows_of(graph) == []
        assert graph.running_mean is not None
        assert len(graph.running_mean) == 0
        assert (graph.histograms is not None) == histograms


@pytest.mark.parametrize("seed", range(6))
def test_parts_of_any_cut_add_up_to_the_whole(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels, affinities = random_volume(random, (4, 6, 7), 12)
    pairs = touching(labels, affinities)
    whole = rows_of(region_graph(of_labels(labels, 12), affinities, histograms=True))
    parts = int(random.integers(1, 9))
    part_of = random.integers(0, parts, len(pairs))
    part_of[part_of == 1] = 0  # one is empty, where there are that many
    graphs = [
        of_pairs([pairs[place] for place in np.flatnonzero(part_of == part)], 12, histograms=True)
        for part in range(parts)
    ]
    assert rows_of(united(graphs, 12)) == whole
    assert rows_of(united(graphs[::-1], 12)) == whole
    # Step by step, too.
    added = graphs[0]
    for graph in graphs[1:]:
        added = united([added, graph], 12)
    assert rows_of(added) == whole

    plain = [
        RegionGraph(each.first, each.second, each.highest, each.total, each.contacts)
        for each in graphs
    ]
    assert rows_of(united(plain, 12)) == without_histograms(whole)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_the_number_of_cores_changes_nothing(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    labels, affinities = random_volume(random, (11, 6, 7), 20)
    if dtype == np.uint8:
        affinities = (affinities * 256).astype(np.uint8)
    pairs = touching(labels, affinities)
    expected, means = slow_graph(pairs), slow_running_means(pairs)
    for cores in (1, 2, 3, 7, 40):
        monkeypatch.setattr(threads, "cores", lambda cores=cores: cores)
        graph = region_graph(of_labels(labels), affinities, histograms=True, running_mean=True)
        assert rows_of(graph) == expected
        assert graph.running_mean is not None
        assert graph.running_mean.tolist() == means


def test_united_parts_stay_as_they_are() -> None:
    pairs = [(1, 2, 0.5), (1, 3, 0.25), (2, 3, 0.75)]
    first, second = of_pairs(pairs[:2], 4, histograms=True), of_pairs(pairs, 4, histograms=True)
    before = rows_of(first), rows_of(second)
    united([first, second], 4)
    assert (rows_of(first), rows_of(second)) == before
