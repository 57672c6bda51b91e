"""NERL and VOI over skeletons, against slow references and hand-drawn cases."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from itertools import pairwise
from math import log2
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurokit import NeurokitError, Skeletons, Volume
from neurokit_nisb.nerl import Nerl
from neurokit_nisb.skeleton_voi import SkeletonVOI

Labels = NDArray[np.integer[Any]]

SHAPE = (12, 12, 16)


def skeletons_from(
    paths: list[tuple[int, list[tuple[int, int, int]]]], length_nm: float = 1.0
) -> Skeletons:
    """Skeletons of chains of voxels, each with the neuron it belongs to."""
    ids: list[int] = []
    voxels: list[tuple[int, int, int]] = []
    edges: list[tuple[int, int]] = []
    for neuron, path in paths:
        first = len(ids)
        ids += [neuron] * len(path)
        voxels += path
        edges += list(pairwise(range(first, first + len(path))))
    return Skeletons(
        np.array(ids, np.int64),
        np.array(voxels, np.int64).reshape(-1, 3),
        np.array(edges, np.int64).reshape(-1, 2),
        np.full(len(edges), length_nm),
    )


def volume(skeletons: Skeletons | None, shape: tuple[int, int, int]) -> Volume:
    image = np.zeros(shape, np.uint8)
    return Volume("cube", image, (20.0, 9.0, 9.0), source="test", skeletons=skeletons)


def along_x(y: int, stop: int) -> list[tuple[int, int, int]]:
    return [(0, y, x) for x in range(stop)]


def slow_scores(skeletons: Skeletons, labels: Labels, tolerances: tuple[int, ...]) -> Any:
    """The definition, node by node and edge by edge."""

    def segment_at(node: int) -> int:
        place = tuple(int(each) for each in skeletons.voxels[node])
        inside = all(0 <= p < n for p, n in zip(place, labels.shape, strict=True))
        return int(labels[place]) if inside else 0

    nodes = range(len(skeletons.ids))
    segment = {node: segment_at(node) for node in nodes}
    neuron = {node: int(skeletons.ids[node]) for node in nodes}
    lengths: dict[int, float] = defaultdict(float)
    for (a, _), length in zip(skeletons.edges.tolist(), skeletons.lengths_nm, strict=True):
        lengths[neuron[a]] += length

    def squares(tolerance: int) -> float:
        counts = Counter((neuron[node], segment[node]) for node in nodes)
        touching = defaultdict(set)
        for (owner, each), count in counts.items():
            if count > tolerance:
                touching[each].add(owner)
        merging = {each for each, owners in touching.items() if len(owners) >= 2}
        merged = {owner for each in merging for owner in touching[each]}
        correct: dict[tuple[int, int], float] = defaultdict(float)
        for (a, b), length in zip(skeletons.edges.tolist(), skeletons.lengths_nm, strict=True):
            if segment[a] != segment[b] or segment[a] == 0:
                continue
            if segment[a] in merging and neuron[a] in merged:
                continue
            correct[neuron[a], segment[a]] += length
        return sum(length**2 for length in correct.values())

    best = sum(length**2 for length in lengths.values())
    owners = defaultdict(set)
    for node in nodes:
        owners[segment[node]].add(neuron[node])
    pairs = [(segment[a], segment[b]) for a, b in skeletons.edges.tolist()]
    return {
        "nerl": squares(0) / best,
        **{f"nerl[tolerance={k}]": squares(k) / best for k in tolerances},
        "merges": sum(each != 0 and len(of) > 1 for each, of in owners.items()),
        "splits": sum(0 not in pair and pair[0] != pair[1] for pair in pairs),
        "omissions": sum(0 in pair for pair in pairs),
        "erl_um": squares(0) / sum(lengths.values()) / 1000,
    }


def random_case(seed: int) -> tuple[Skeletons, Labels]:
    """Random trees in random segments, some of their nodes in the background or outside."""
    random = np.random.default_rng(seed)
    boxes = random.integers(0, 40, (3, 3, 4))
    labels = boxes.repeat(4, 0).repeat(4, 1).repeat(4, 2)
    stray = random.random(SHAPE) < 0.02
    labels = np.where(stray, random.integers(0, 40, SHAPE), labels)
    ids: list[int] = []
    voxels: list[list[int]] = []
    edges: list[tuple[int, int]] = []
    for neuron in random.choice(np.arange(1, 2**40, 2**30), 5, replace=False):
        first, count = len(ids), int(random.integers(1, 40))
        ids += [neuron] * count
        centre = random.integers(0, (3, 3, 4)) * 4 + 1.5
        voxels += (
            np.rint(random.normal(centre, random.choice([0.5, 2, 4]), (count, 3)))
            .astype(int)
            .tolist()
        )
        edges += [(first + int(random.integers(child)), first + child) for child in range(1, count)]
    order = random.permutation(len(ids))  # of the nodes, so that neurons do not stand together
    place = np.argsort(order)
    return (
        Skeletons(
            np.array(ids, np.int64)[order],
            np.array(voxels, np.int64)[order],
            place[np.array(edges, np.int64).reshape(-1, 2)].astype(np.int64),
            random.uniform(0.0, 50.0, len(edges)),
        ),
        labels.astype(random.choice(["uint8", "uint16", "uint32", "int64"])),
    )


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_definition(seed: int) -> None:
    skeletons, labels = random_case(seed)
    tolerances = (1, 3, 10)
    scores = Nerl(tolerances=tolerances).score(labels, volume(skeletons, SHAPE))
    expected = slow_scores(skeletons, labels, tolerances)
    assert list(scores) == list(expected)
    assert scores == pytest.approx(expected, rel=1e-12)
    assert all(type(value) is float for value in scores.values())


def test_random_cases_have_all_that_can_go_wrong() -> None:
    """Otherwise the test above would show little."""
    each = [slow_scores(*random_case(seed), (1, 3, 10)) for seed in range(40)]
    for key in ("merges", "splits", "omissions"):
        assert sum(scores[key] > 0 for scores in each) > 20
    assert sum(scores["nerl"] < scores["nerl[tolerance=3]"] for scores in each) > 10
    assert sum(scores["nerl"] > 0 for scores in each) > 20


def test_truth_itself_is_faultless() -> None:
    labels = np.zeros((1, 2, 10), np.uint64)
    labels[0, 0], labels[0, 1] = 2**63 + 5, 3
    skeletons = skeletons_from([(1, along_x(0, 10)), (2, along_x(1, 5))], 100.0)
    truth = volume(skeletons, labels.shape)
    assert Nerl(tolerances=(2,)).score(labels, truth) == {
        "nerl": 1.0,
        "nerl[tolerance=2]": 1.0,
        "merges": 0.0,
        "splits": 0.0,
        "omissions": 0.0,
        "erl_um": pytest.approx((900**2 + 400**2) / 1300 / 1000),
    }


def test_a_split_a_stray_node_and_an_omission() -> None:
    labels = np.zeros((1, 3, 10), np.int32)
    labels[0, 0, :4], labels[0, 0, 4:] = 1, 2  # edges: 3 in segment 1, 5 in 2, one split
    labels[0, 1, :9], labels[0, 1, 9] = 3, 2  # the last node strays into segment 2
    labels[0, 2, 1:] = 4  # the first node lies in the background
    truth = volume(
        skeletons_from([(7, along_x(0, 10)), (8, along_x(1, 10)), (9, along_x(2, 11))]),
        labels.shape,
    )
    scores = Nerl(tolerances=(1,)).score(labels, truth)
    best = 9**2 + 9**2 + 10**2
    assert scores["nerl"] == pytest.approx((3**2 + 8**2 + 8**2) / best)
    assert scores["nerl[tolerance=1]"] == pytest.approx((3**2 + 5**2 + 8**2 + 8**2) / best)
    assert (scores["merges"], scores["splits"], scores["omissions"]) == (1, 2, 2)


def test_voi_of_hand_drawn_nodes() -> None:
    labels = np.zeros((1, 2, 4), np.uint16)
    labels[0, 0] = (1, 1, 2, 0)
    labels[0, 1] = (1, 1, 0, 0)
    truth = volume(skeletons_from([(5, along_x(0, 4)), (6, along_x(1, 4))]), labels.shape)
    # Of either skeleton given the segments 1 (2 and 2 nodes), 2 (1 and 0) and 0 (1 and 2).
    merge = (4 * 1.0 + 0 + 3 * -(log2(1 / 3) / 3 + 2 * log2(2 / 3) / 3)) / 8
    split = (4 * 1.5 + 4 * 1.0) / 8
    scores = SkeletonVOI().score(labels, truth)
    assert scores == pytest.approx(
        {"skeleton_voi": split + merge, "skeleton_voi_split": split, "skeleton_voi_merge": merge}
    )


@pytest.mark.parametrize("seed", range(10))
def test_voi_equals_entropies_of_counts(seed: int) -> None:
    skeletons, labels = random_case(seed)
    inside = np.all((skeletons.voxels >= 0) & (skeletons.voxels < labels.shape), axis=1)
    segments = [
        int(labels[tuple(voxel)]) if within else 0
        for voxel, within in zip(skeletons.voxels, inside.tolist(), strict=True)
    ]
    neurons = skeletons.ids.tolist()

    def entropy(names: list[Any]) -> float:
        return -sum(n / len(names) * log2(n / len(names)) for n in Counter(names).values())

    both = entropy(list(zip(neurons, segments, strict=True)))
    scores = SkeletonVOI().score(labels, volume(skeletons, SHAPE))
    assert scores["skeleton_voi_split"] == pytest.approx(both - entropy(neurons), abs=1e-12)
    assert scores["skeleton_voi_merge"] == pytest.approx(both - entropy(segments), abs=1e-12)


@pytest.mark.parametrize("metric", [Nerl(), SkeletonVOI()])
def test_refusals(metric: Nerl | SkeletonVOI) -> None:
    labels = np.ones((1, 2, 3), np.uint8)
    with pytest.raises(NeurokitError, match=r"^'cube' has no skeletons to score against$"):
        metric.score(labels, volume(None, (1, 2, 3)))
    lone = skeletons_from([(1, [(0, 0, 0)])])
    with pytest.raises(
        NeurokitError,
        match=r"^the skeletons of 'cube' have no length: there is nothing to score against$",
    ):
        metric.score(labels, volume(lone, (1, 2, 3)))
    with pytest.raises(
        NeurokitError,
        match=r"^the segmentation has shape 1 x 2 x 3 and 'cube' 3 x 2 x 1; "
        r"they must cover the same voxels$",
    ):
        metric.score(labels, volume(lone, (3, 2, 1)))


@pytest.mark.parametrize("outside", [0, 4, 5, 6, 10])
def test_most_nodes_outside_of_the_volume(outside: int, caplog: pytest.LogCaptureFixture) -> None:
    """As where voxels are given in the order x, y, z."""
    path = along_x(0, 10)
    path[:outside] = [(x, 0, 0) for x in range(1, outside + 1)]
    labels = np.ones((1, 1, 10), np.uint8)
    Nerl().score(labels, volume(skeletons_from([(1, path)]), labels.shape))
    said = (
        f"{outside} of 10 nodes of the skeletons of 'cube' lie outside of it; "
        f"are their voxels in the order z, y, x?"
    )
    expected = [("neurokit", logging.WARNING, said)] if outside > 5 else []
    assert caplog.record_tuples == expected


def test_tolerances_differ() -> None:
    with pytest.raises(NeurokitError, match=r"^tolerances names one twice: \[5, 5\]$"):
        Nerl(tolerances=(5, 5))


def test_a_million_nodes_are_scored_in_one_go() -> None:
    """No loop over nodes: one would make this the slowest test of all."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 500, (20, 20, 20)).repeat(8, 0).repeat(8, 1).repeat(8, 2)
    starts = random.integers(0, 160, (400, 1, 3))
    walks = np.clip(starts + random.integers(-1, 2, (400, 2500, 3)).cumsum(1), 0, 159)
    ids = np.repeat(np.arange(1, 401), 2500)
    nodes = np.arange(1_000_000).reshape(400, 2500)
    edges = np.stack([nodes[:, :-1].ravel(), nodes[:, 1:].ravel()], 1)
    skeletons = Skeletons(
        ids.astype(np.int64), walks.reshape(-1, 3).astype(np.int64), edges, np.ones(len(edges))
    )
    scores = Nerl().score(labels, volume(skeletons, (160, 160, 160)))
    assert 0 <= scores["nerl"] <= scores["nerl[tolerance=100]"] < 1
