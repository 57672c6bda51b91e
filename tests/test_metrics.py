"""Metrics, against definitions spelled out over pairs of voxels and against scikit-image."""

from __future__ import annotations

from itertools import combinations
from math import log2
from typing import Any, Literal

import numpy as np
import pytest
from skimage.metrics import adapted_rand_error, variation_of_information

from neurokit import Metric, NeurokitError, Volume
from neurokit.components import metrics as module
from neurokit.components.metrics import VOI, AdaptedRand, RandError
from neurokit.graph.fragments import Agglomeration, Fragments


def volume(labels: Any) -> Any:
    return Volume("cube", np.zeros(labels.shape, np.uint8), (30.0, 6.0, 6.0), labels)


def random_pair(
    seed: int,
    shape: tuple[int, ...] = (4, 5, 6),
    segments: Any = 5,
    objects: Any = 4,
    lowest_true: int = -1,
    lowest_segment: Any = 0,
) -> Any:
    random = np.random.default_rng(seed)
    truth = random.integers(lowest_true, objects, shape)
    segmentation = random.integers(lowest_segment, segments, shape).astype(np.uint32)
    return segmentation, truth


def inside(segmentation: Any, truth: Any, background: Literal["singletons", "segment"]) -> Any:
    """(segment, object) of every voxel that counts; singletons get names of their own."""
    return [
        (("alone", index) if segment == 0 and background == "singletons" else segment, label)
        for index, (segment, label) in enumerate(
            zip(segmentation.ravel().tolist(), truth.ravel().tolist(), strict=True)
        )
        if label > 0
    ]


def pair_counts(voxels: Any) -> Any:
    joined = true = both = total = 0
    for (segment, label), (other_segment, other_label) in combinations(voxels, 2):
        same_segment, same_label = segment == other_segment, label == other_label
        joined += same_segment
        true += same_label
        both += same_segment and same_label
        total += 1
    return joined, true, both, total


def entropy_given(values: Any, given: Any) -> Any:
    total = 0.0
    for value, condition in zip(values, given, strict=True):
        here = [other for other, known in zip(values, given, strict=True) if known == condition]
        total -= log2(here.count(value) / len(here))
    return total / len(values)


@pytest.mark.parametrize("background", ["singletons", "segment"])
@pytest.mark.parametrize("seed", range(4))
def test_adapted_rand_and_rand_error_count_pairs(
    background: Literal["singletons", "segment"], seed: int
) -> None:
    segmentation, truth = random_pair(seed)
    joined, true, both, total = pair_counts(inside(segmentation, truth, background))
    precision, recall = both / joined, both / true
    assert AdaptedRand(background=background).score(segmentation, volume(truth)) == pytest.approx(
        {
            "adapted_rand": 1 - 2 * precision * recall / (precision + recall),
            "adapted_rand_precision": precision,
            "adapted_rand_recall": recall,
        }
    )
    assert RandError(background=background).score(segmentation, volume(truth)) == pytest.approx(
        {"rand_error": (joined + true - 2 * both) / total}
    )


@pytest.mark.parametrize("background", ["singletons", "segment"])
@pytest.mark.parametrize("seed", range(4))
def test_voi_sums_entropies(background: Literal["singletons", "segment"], seed: int) -> None:
    segmentation, truth = random_pair(seed)
    segments, labels = zip(*inside(segmentation, truth, background), strict=True)
    split, merge = entropy_given(segments, labels), entropy_given(labels, segments)
    assert VOI(background=background).score(segmentation, volume(truth)) == pytest.approx(
        {"voi": split + merge, "voi_split": split, "voi_merge": merge}
    )


@pytest.mark.parametrize("seed", range(3))
def test_scikit_image_agrees_where_nothing_is_left_zero(seed: int) -> None:
    segmentation, truth = random_pair(seed, (8, 9, 10), lowest_true=0, lowest_segment=1)
    error, theirs_of_truth, theirs_of_test = adapted_rand_error(truth, segmentation)  # type: ignore[no-untyped-call]
    for background in ("singletons", "segment"):
        score = AdaptedRand(background=background).score(segmentation, volume(truth))
        assert score["adapted_rand"] == pytest.approx(error, rel=1e-9)
        # What scikit-image calls precision divides by the pairs of the truth.
        assert score["adapted_rand_recall"] == pytest.approx(theirs_of_truth, rel=1e-9)
        assert score["adapted_rand_precision"] == pytest.approx(theirs_of_test, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_scikit_image_takes_predicted_zero_for_a_segment(seed: int) -> None:
    segmentation, truth = random_pair(seed, (8, 9, 10), lowest_true=0)
    assert (segmentation[truth > 0] == 0).any()
    score = AdaptedRand(background="segment").score(segmentation, volume(truth))
    error, _, _ = adapted_rand_error(truth, segmentation)  # type: ignore[no-untyped-call]
    assert score["adapted_rand"] == pytest.approx(error)
    theirs: Any = variation_of_information
    split, merge = theirs(truth, segmentation, ignore_labels=(0,))
    assert VOI().score(segmentation, volume(truth)) == pytest.approx(
        {"voi": split + merge, "voi_split": split, "voi_merge": merge}
    )


def test_hand_counted() -> None:
    truth = np.array([[[1, 1, 1, 2, 2, 0, -1]]])
    segmentation = np.array([[[7, 7, 9, 9, 0, 9, 9]]])
    # Joined: {7 7} {9 9}; true: {1 1 1} {2 2}; both: {7 7}.
    assert AdaptedRand().score(segmentation, volume(truth)) == pytest.approx(
        {
            "adapted_rand": 1 - 2 / 6,
            "adapted_rand_precision": 1 / 2,
            "adapted_rand_recall": 1 / 4,
        }
    )
    assert RandError().score(segmentation, volume(truth)) == {"rand_error": 4 / 10}


METRICS = [AdaptedRand(), RandError(), VOI()]


@pytest.mark.parametrize("metric", METRICS)
def test_a_renamed_truth_scores_exactly_zero(metric: Metric) -> None:
    random = np.random.default_rng(5)
    truth = random.integers(-1, 9, (6, 7, 8))
    renamed = np.where(truth > 0, np.uint64(2**64 - 1) - truth.astype(np.uint64), 3)
    score = metric.score(renamed.astype(np.uint64), volume(truth))
    assert score[metric.headline] == 0.0
    assert metric.higher_is_better is False


@pytest.mark.parametrize("metric", METRICS)
def test_voxels_outside_objects_do_not_count(metric: Metric) -> None:
    segmentation, truth = random_pair(6)
    changed = np.where(truth <= 0, 1_000_000, segmentation)
    assert metric.score(segmentation, volume(truth)) == metric.score(changed, volume(truth))


def test_a_volume_left_empty_has_no_pair_to_be_wrong_about() -> None:
    truth = np.ones((1, 2, 2), np.uint16)
    assert AdaptedRand().score(np.zeros_like(truth), volume(truth)) == {
        "adapted_rand": 1.0,
        "adapted_rand_precision": 1.0,
        "adapted_rand_recall": 0.0,
    }
    assert AdaptedRand(background="segment").score(np.zeros_like(truth), volume(truth)) == {
        "adapted_rand": 0.0,
        "adapted_rand_precision": 1.0,
        "adapted_rand_recall": 1.0,
    }


@pytest.mark.parametrize("metric", METRICS)
def test_one_voxel_is_scored_perfect(metric: Metric) -> None:
    one = np.ones((1, 1, 1), np.int32)
    assert metric.score(one, volume(one))[metric.headline] == 0.0


def test_counts_beyond_int64_when_squared() -> None:
    from neurokit.components.metrics import _pairs

    count = 5_000_000_000
    assert _pairs(np.array([count, 2])) == count * (count - 1) // 2 + 1


def test_challenge_crop_scores_the_central_block_only() -> None:
    truth = np.zeros((100, 1024, 1024), np.uint8)
    truth[25:75, 97:928, 97:928] = 1
    segmentation = truth.copy()
    truth[0], segmentation[99] = 2, 5
    truth[24], truth[75], truth[:, 96], truth[:, :, 928] = 1, 1, 1, 1
    for metric in (AdaptedRand, VOI, RandError):
        score = metric(crop="snemi3d-gc").score(segmentation, volume(truth))
        assert score[metric.headline] == 0.0
    assert AdaptedRand().score(segmentation, volume(truth))["adapted_rand"] > 0
    segmentation[25, 97, 97] = 9
    segmentation[74, 927, 927] = 9
    score = VOI(crop="snemi3d-gc").score(segmentation, volume(truth))
    share = 2 / (50 * 831 * 831)
    assert score["voi_split"] == pytest.approx(
        -share * log2(share) - (1 - share) * log2(1 - share), rel=1e-4
    )


def test_challenge_crop_refuses_other_volumes() -> None:
    labels = np.ones((2, 3, 4), int)
    with pytest.raises(NeurokitError) as error:
        VOI(crop="snemi3d-gc").score(labels, volume(labels))
    assert str(error.value) == (
        "crop 'snemi3d-gc' is for volumes of 100 x 1024 x 1024, and 'cube' has shape 2 x 3 x 4; "
        'use crop = "none"'
    )


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^crop must be one of none, snemi3d-gc, not half$"):
        AdaptedRand(crop="half")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^background must be one of singletons, segment, not x$"):
        VOI(background="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", METRICS)
def test_what_cannot_be_scored_is_said_in_one_line(metric: Metric) -> None:
    labels = np.ones((2, 3, 4), int)
    with pytest.raises(NeurokitError) as error:
        metric.score(np.ones((2, 3, 5), int), volume(labels))
    assert str(error.value) == (
        "the segmentation has shape 2 x 3 x 5 and the labels of 'cube' 2 x 3 x 4; "
        "they must cover the same voxels"
    )
    with pytest.raises(NeurokitError) as error:
        metric.score(labels, volume(np.where(labels > 0, -1, 0)))
    assert str(error.value) == (
        "the labels of 'cube' hold no object: there is nothing to score against"
    )
    with pytest.raises(NeurokitError) as error:
        metric.score(labels, Volume("cube", np.ones((2, 3, 4)), (1.0, 1.0, 1.0)))
    assert str(error.value) == "'cube' has no labels to score against"


BOTH_BACKGROUNDS: Any = [
    metric(background=background)
    for metric in (AdaptedRand, RandError, VOI)
    for background in ("singletons", "segment")
]


def fragments_of(labels: Any, fingerprint: str | None = None) -> Any:
    labels = labels.astype(np.uint32)
    return Fragments(labels, np.bincount(labels.ravel()), fingerprint)


@pytest.mark.parametrize("metric", BOTH_BACKGROUNDS)
@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 8, 9), (1, 1, 1)])
def test_an_agglomeration_scores_as_its_voxels(metric: Any, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(11)
    truth = random.integers(-1, 4, shape)
    truth.flat[0] = 2
    labels = random.integers(0, 60, shape)
    fragments = fragments_of(labels)
    ids = len(fragments.sizes)
    for segments, type_ in ((0, np.uint16), (1, np.uint16), (5, np.uint32), (2**32 - 1, np.uint64)):
        lookup: Any = random.integers(0, segments, ids, endpoint=True).astype(type_)
        lookup[0] = 0
        found = metric.score_agglomeration(Agglomeration(fragments, lookup), volume(truth))
        assert found == metric.score(lookup[labels], volume(truth))
    whole = np.ones(ids, np.uint16)
    whole[0] = 0
    found = metric.score_agglomeration(Agglomeration(fragments, whole), volume(truth))
    assert found == metric.score((labels > 0).astype(np.uint16), volume(truth))


def test_an_agglomeration_is_cropped_as_its_voxels_are() -> None:
    random = np.random.default_rng(12)
    truth = np.ones((100, 1024, 1024), np.uint8)
    truth[:, 500:] = 2
    labels = np.zeros(truth.shape, np.uint32)
    labels[20:80, 90:940, 90:940] = random.integers(0, 9, (60, 1, 1))
    lookup = np.array([0, 1, 2, 1, 3, 3, 0, 2, 2], np.uint16)
    agglomeration = Agglomeration(Fragments(labels, np.bincount(labels.ravel())), lookup)
    metric = AdaptedRand(crop="snemi3d-gc")
    found = metric.score_agglomeration(agglomeration, volume(truth))
    assert found == metric.score(lookup[labels], volume(truth))
    assert found != AdaptedRand().score_agglomeration(agglomeration, volume(truth))


def test_the_table_of_fragments_is_kept_under_what_it_was_made_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = []

    def kept(kind: Any, key: Any, make: Any) -> Any:
        keys.append(key)
        return make()

    monkeypatch.setattr(module, "kept", kept)
    segmentation, truth = random_pair(13)
    other = volume(np.where(truth == 1, 2, truth))
    lookup = np.arange(5, dtype=np.uint16)
    for fingerprint, each in (
        ("f", volume(truth)),
        ("g", volume(truth)),
        ("f", other),
        (None, other),
    ):
        agglomeration = Agglomeration(fragments_of(segmentation, fingerprint), lookup)
        VOI().score_agglomeration(agglomeration, each)
        # What is kept serves every metric.
        RandError(background="singletons").score_agglomeration(agglomeration, each)
    assert keys[::2] == keys[1::2]
    assert len(set(keys)) == 4
    assert keys[-1] is None
    fragments = fragments_of(segmentation, "f")
    with pytest.raises(NeurokitError, match=r"^crop 'snemi3d-gc' is for volumes of"):
        VOI(crop="snemi3d-gc").score_agglomeration(Agglomeration(fragments, lookup), volume(truth))
    assert keys[-1] not in keys[:-1]


@pytest.mark.parametrize("metric", METRICS)
def test_an_agglomeration_that_cannot_be_scored_is_refused_as_its_voxels_are(metric: Any) -> None:
    labels = np.ones((2, 3, 4), int)
    lookup = np.arange(2, dtype=np.uint16)
    for segmentation, truth in (
        (np.ones((2, 3, 5), int), volume(labels)),
        (labels, volume(np.where(labels > 0, -1, 0))),
        (labels, Volume("cube", np.ones((2, 3, 4)), (1.0, 1.0, 1.0))),
    ):
        with pytest.raises(NeurokitError) as of_voxels:
            metric.score(segmentation, truth)
        with pytest.raises(NeurokitError) as of_fragments:
            metric.score_agglomeration(Agglomeration(fragments_of(segmentation), lookup), truth)
        assert str(of_fragments.value) == str(of_voxels.value)


@pytest.mark.parametrize("largest", [3, 2**20, 2**21 + 1, 2**33, 2**40])
def test_pairs_of_voxels_are_counted_exactly(largest: int) -> None:
    random = np.random.default_rng(largest % 89)
    counts = random.integers(0, largest, 3, endpoint=True)
    expected = sum(count * (count - 1) // 2 for count in counts.tolist())
    assert module._pairs(counts) == expected
    assert module._pairs(counts[:0]) == 0
