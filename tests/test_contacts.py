"""Contacts between segments, against a slow version with dictionaries and against the package."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from neurokit.graph.agglomeration import merge_tree
from neurokit.graph.building import region_graph
from neurokit.graph.contacts import contacts_between
from neurokit.graph.package import agglomerate
from neurokit.graph.region_graph import Histograms, RegionGraph
from neurokit.graph.watershed import watershed


def random_graph(random: Any, fragments: int, edges: int) -> Any:
    """A region graph, and all the affinities (in 2**-32) of each of its edges."""
    every = [(one, other) for one in range(1, fragments) for other in range(one + 1, fragments)]
    chosen = sorted(random.permutation(len(every))[:edges])
    values = [random.integers(0, 2**32, random.integers(1, 6), endpoint=True) for _ in chosen]
    levels = [np.minimum(each >> 24, 255) for each in values]
    entries = [np.unique(each, return_counts=True) for each in levels]
    no_pairs = np.empty((0, 2), np.int64)
    ends = np.concatenate([no_pairs, *([every[index]] for index in chosen)]).astype(np.uint32)
    graph = RegionGraph(
        first=ends[:, 0].copy(),
        second=ends[:, 1].copy(),
        highest=np.array([each.max() for each in levels], np.uint8),
        total=np.array([each.sum() for each in values], np.int64),
        contacts=np.array([len(each) for each in values], np.uint32),
        histograms=Histograms(
            np.cumsum([0, *(len(each) for each, _ in entries)]),
            np.concatenate([[], *(each for each, _ in entries)]).astype(np.uint8),
            np.concatenate([[], *(counts for _, counts in entries)]).astype(np.uint32),
        ),
    )
    return graph, values


def random_names(random: Any, fragments: int, segments: int) -> Any:
    """A partition, each part named by its smallest member; background alone."""
    parts = random.integers(1, segments + 1, fragments)
    parts[0] = 0
    return np.array([np.flatnonzero(parts == part)[0] for part in parts], np.uint32)


def slow_contacts(
    graph: Any, values: Any, names: Any, function: str, threshold: float, asked: Any
) -> Any:
    found: dict[Any, list[Any]] = {}
    for one, other, its_values in zip(graph.first, graph.second, values, strict=True):
        pair = tuple(sorted((int(names[one]), int(names[other]))))
        if pair[0] != pair[1] and (asked[pair[0]] or asked[pair[1]]):
            found.setdefault(pair, []).append(its_values.tolist())
    result = {}
    for pair, edges in sorted(found.items()):
        every = [value for edge in edges for value in edge]
        if function == "affmean":
            affinity = np.float32(float(Fraction(sum(every), len(every)) / 2**32))
        else:
            highest = [max(edge) for edge in edges]
            levels = sorted(
                min(value >> 24, 255) for value in (highest if "his" in function else every)
            )
            affinity = np.float32((levels[int(function[3:5]) * len(levels) // 100] + 0.5) / 256)
        score = np.float32(1.0 - float(affinity))
        if score >= np.float32(threshold):
            result[pair] = 1.0 - float(score)
    return result


def listed(contacts: Any) -> Any:
    return [
        ((one, other), affinity)
        for one, other, affinity in zip(
            contacts.first.tolist(),
            contacts.second.tolist(),
            contacts.affinity.tolist(),
            strict=True,
        )
    ]


@pytest.mark.parametrize(
    "function",
    [
        *("affmean", "aff10_his256", "aff50_his256", "aff85_his256", "aff95_his256"),
        *("aff10_contact256", "aff50_contact256", "aff85_contact256"),
    ],
)
@pytest.mark.parametrize("seed", range(6))
def test_equals_the_slow_version(function: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    fragments = int(random.integers(2, 30))
    graph, values = random_graph(random, fragments, int(random.integers(0, 200)))
    names = random_names(random, fragments, int(random.integers(1, 12)))
    threshold = float(random.random())
    asked = random.random(fragments) < 0.4
    for asked_or_all, expected_asked in ((asked, asked), (None, np.ones(fragments, bool))):
        found = contacts_between(graph, names, function, threshold, asked_or_all)
        expected = slow_contacts(graph, values, names, function, threshold, expected_asked)
        assert listed(found) == list(expected.items())


def test_a_quantile_of_many_edges_between_two_segments() -> None:
    random = np.random.default_rng(7)
    edges = 1000
    second = np.arange(2, edges + 2, dtype=np.uint32)
    names = np.full(edges + 2, 2, np.uint32)
    names[:2] = 0, 1
    levels = random.integers(40, 90, edges).astype(np.uint8)
    ones = np.ones(edges, np.uint32)
    graph = RegionGraph(ones, second, levels, ones.astype(np.int64), ones)
    for quantile in range(10, 100, 5):
        found = contacts_between(graph, names, f"aff{quantile}_his256", 0.0)
        expected = (np.sort(levels)[quantile * edges // 100] + 0.5) / 256
        assert listed(found) == [((1, 2), expected)]


def test_a_score_at_the_threshold_in_single_precision_is_kept() -> None:
    one = np.ones(1, np.uint32)
    graph = RegionGraph(one, one + 1, np.full(1, 127, np.uint8), np.ones(1, np.int64), one)
    names = np.arange(3, dtype=np.uint32)
    # Level 127 is the affinity 127.5 / 256.
    at = 1 - 127.5 / 256
    assert len(contacts_between(graph, names, "aff50_his256", at).first) == 1
    assert len(contacts_between(graph, names, "aff50_his256", at + 1e-9).first) == 1
    assert len(contacts_between(graph, names, "aff50_his256", at + 1e-6).first) == 0


@pytest.mark.parametrize("function", ["aff85_his256", "aff50_his256", "aff15_his256", "affmean"])
@pytest.mark.parametrize("threshold", [0.02, 0.15, 0.3])
def test_the_package_leaves_the_same_contacts(function: str, threshold: float) -> None:
    random = np.random.default_rng(8)
    affinities = random.random((3, 7, 11, 13), dtype=np.float32)
    bounds = (0.1, 0.999)
    labels, edges = agglomerate(
        affinities,
        threshold=threshold,
        merge_function=function,
        aff_threshold=bounds,
        discretize_queue=256,
        return_graph=True,
    )
    assert edges is not None
    assert len(edges.first) > 20

    fragments = watershed(affinities, bounds)
    graph = region_graph(fragments, affinities)
    names = merge_tree(graph, len(fragments.sizes), function).names(threshold)
    # What the package calls each of our segments.
    theirs = np.zeros(len(names), np.int64)
    theirs[names[fragments.labels_ZYX]] = labels
    found = contacts_between(graph, names, function, threshold)
    ours = {
        tuple(sorted((theirs[one], theirs[other]))): affinity
        for (one, other), affinity in listed(found)
    }
    expected = {
        tuple(sorted((one, other))): 1 - score
        for one, other, score in zip(edges.first, edges.second, edges.score, strict=True)
    }
    assert ours == pytest.approx(expected, abs=1e-5 if function == "affmean" else 0)
