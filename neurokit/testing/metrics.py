"""What a metric must hold to."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from neurokit.graph.fragments import Agglomeration, Fragments
from neurokit.kinds import Metric
from neurokit.testing.drawing import drawn_volume, from_elsewhere
from neurokit.testing.findings import Stages, doing, of_each, refused
from neurokit.testing.surroundings import Surroundings
from neurokit.volumes import Volume

_RELATIVE = 1e-9
Labels = NDArray[np.integer]


def _declared(metric: Metric, around: Surroundings) -> Iterator[str]:
    if metric.truth not in ("labels", "skeletons"):
        yield f"truth must be 'labels' or 'skeletons', not {metric.truth!r}"
    elif getattr(_volume(around), metric.truth) is None:
        yield f"it scores against {metric.truth}; give conform a volume that has them"
    if not isinstance(getattr(metric, "headline", None), str):
        yield "headline, the key of the score that one number stands for, must be a string"
    if not isinstance(getattr(metric, "higher_is_better", None), bool):
        yield "higher_is_better must be True or False"


def _scores(metric: Metric, around: Surroundings) -> Iterator[str]:
    truth = _volume(around)

    def found(what: str, segmentation: Labels) -> Iterator[str]:
        given = segmentation.copy()
        scores = _score(metric, segmentation, truth, what)
        if not isinstance(scores, dict) or not all(isinstance(key, str) for key in scores):
            yield f"score must give a dict from names to numbers, not {scores!r}"
            return
        for key, value in scores.items():
            if type(value) is not float:
                yield f"the score '{key}' must be a float, not {type(value).__name__} {value!r}"
            elif not math.isfinite(value):
                yield f"the score '{key}' of {what} is {value}"
        if metric.headline not in scores:
            yield f"its headline '{metric.headline}' is not among its scores {', '.join(scores)}"
            return
        if not np.array_equal(segmentation, given):
            yield "score changes the segmentation that it is given"
        if _score(metric, segmentation, truth, what) != scores:
            yield "score gives something else the second time"

    yield from of_each(_segmentations(truth), found)


def _sensible(metric: Metric, around: Surroundings) -> Iterator[str]:
    truth = _volume(around)
    segmentations = _segmentations(truth)
    headlines = {
        what: _score(metric, each, truth, what)[metric.headline]
        for what, each in segmentations.items()
    }
    perfect, *others = headlines
    for what in others:
        best, other = headlines[perfect], headlines[what]
        if (other > best) if metric.higher_is_better else (other < best):
            yield (
                f"{what} has the {metric.headline} {other:g}, better than the {best:g} of {perfect}"
            )


def _indifferent(metric: Metric, around: Surroundings) -> Iterator[str]:
    """Ids are names, whatever their type, and arrays may lie in files."""
    truth = _volume(around)
    segmentation = _segmentations(truth)["a segmentation that joins and splits"]
    wanted = _score(metric, segmentation, truth, "a segmentation")
    ids = np.unique(segmentation)
    others = np.random.default_rng(6).permutation(len(ids)).astype(np.uint64) * 1_000_003 + 7
    others[ids == 0] = 0
    renamed = others[np.searchsorted(ids, segmentation)]
    alike: dict[str, tuple[Labels, Volume]] = {
        "its ids are renamed": (renamed, truth),
        "it has 16 bits": (segmentation.astype(np.uint16), truth),
        "it has 64 bits": (segmentation.astype(np.int64), truth),
    }
    if truth.labels is not None:
        labels = from_elsewhere(truth.labels)
        alike["the labels lie in a file"] = (segmentation, evolve(truth, labels=labels))
    for what, (each, its_truth) in alike.items():
        scores = _score(metric, each, its_truth, f"a segmentation where {what}")
        if not _close(scores, wanted):
            yield f"score of the same segmentation changes where {what}"


def _errors(metric: Metric, around: Surroundings) -> Iterator[str]:
    truth = _volume(around)
    z, y, x = truth.shape
    yield from refused(
        "score of a segmentation of another shape than the truth",
        lambda: metric.score(np.ones((z + 1, y, x), np.uint32), truth),
    )
    nothing = evolve(truth, labels=None, skeletons=None)
    yield from refused(
        f"score against a volume without {metric.truth}",
        lambda: metric.score(np.ones(truth.shape, np.uint32), nothing),
    )


def _of_agglomerations(metric: Metric, around: Surroundings) -> Iterator[str]:
    truth = _volume(around)
    fragments_ZYX = _blocks(truth.shape)
    random = np.random.default_rng(8)
    lookup = random.integers(0, 6, int(fragments_ZYX.max()) + 1).astype(np.uint16)
    lookup[0] = 0
    sizes = np.bincount(fragments_ZYX.ravel()).astype(np.int64)
    agglomeration = Agglomeration(Fragments(fragments_ZYX, sizes), lookup)
    with doing("score_agglomeration"):
        scores = metric.score_agglomeration(agglomeration, truth)
    if scores is None:
        return
    wanted = _score(metric, agglomeration.labels_ZYX, truth, "a segmentation made of fragments")
    if not _close(scores, wanted):
        yield "score_agglomeration gives other scores than score of the same segmentation"


def _region(metric: Metric, around: Surroundings) -> Iterator[str]:
    """What lies outside of what is scored does not count."""
    truth = _volume(around)
    with doing("region of the truth"):
        region = metric.region(truth)
    if not _is_within(region, truth.shape):
        yield (
            f"region must give a slice with start and stop for each axis of {list(truth.shape)} "
            f"voxels, not {region!r}"
        )
        return
    segmentation = _segmentations(truth)["a segmentation that joins and splits"]
    wanted = _score(metric, segmentation, truth, "a segmentation")
    for outside in (0, segmentation.max() + 1):
        changed = np.full_like(segmentation, outside)
        changed[region] = segmentation[region]
        if _score(metric, changed, truth, "another segmentation") != wanted:
            yield "score changes with what lies outside of the region that it says it scores"
            return


STAGES: Stages = (
    (_declared,),
    (_scores,),
    (_sensible, _indifferent, _errors, _of_agglomerations, _region),
)


def _is_within(region: object, shape: tuple[int, ...]) -> bool:
    """Whether a region is a block of a volume, with start and stop spelled out."""
    return (
        isinstance(region, tuple)
        and len(region) == len(shape)
        and all(
            isinstance(each, slice)
            and isinstance(each.start, int)
            and isinstance(each.stop, int)
            and each.step in (None, 1)
            and 0 <= each.start < each.stop <= size
            for each, size in zip(region, shape, strict=True)
        )
    )


def _volume(around: Surroundings) -> Volume:
    return around.volume or drawn_volume(around)


def _segmentations(truth: Volume) -> dict[str, Labels]:
    """Segmentations of the truth, in words; the first has no fault."""
    perfect = np.zeros(truth.shape, np.uint32)
    if truth.labels is not None:
        labels = np.array(truth.labels[...])
        perfect = np.where(labels > 0, labels, 0).astype(np.uint32)
    elif truth.skeletons is not None:
        z, y, x = truth.skeletons.voxels.T
        perfect[z, y, x] = truth.skeletons.ids
    random = np.random.default_rng(2)
    return {
        "the truth itself": perfect,
        "a segmentation that joins and splits": _blocks(truth.shape),
        "noise": random.integers(1, 9, truth.shape).astype(np.uint32),
        "a segmentation that joins everything": np.ones(truth.shape, np.uint32),
        "a segmentation of background alone": np.zeros(truth.shape, np.uint32),
    }


def _blocks(shape: tuple[int, int, int]) -> NDArray[np.uint32]:
    """Blocks of 3 x 6 x 6 voxels, numbered from 1."""
    counts = [-(-size // step) for size, step in zip(shape, (3, 6, 6), strict=True)]
    numbers = np.arange(1, np.prod(counts) + 1, dtype=np.uint32).reshape(counts)
    z, y, x = shape
    return np.ascontiguousarray(numbers.repeat(3, 0).repeat(6, 1).repeat(6, 2)[:z, :y, :x])


def _score(metric: Metric, segmentation: Labels, truth: Volume, what: str) -> dict[str, float]:
    with doing(f"score of {what}"):
        return metric.score(segmentation, truth)


def _close(first: dict[str, float], second: dict[str, float]) -> bool:
    return first.keys() == second.keys() and all(
        math.isclose(value, second[key], rel_tol=_RELATIVE, abs_tol=_RELATIVE)
        for key, value in first.items()
    )
