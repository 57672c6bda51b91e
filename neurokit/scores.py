"""Scores: what a recipe's metrics say, under names that keep them apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from neurokit.errors import RecipeError
from neurokit.kinds import Metric
from neurokit.volumes import Volume


def scores_of(
    metrics: Sequence[Metric], segmentation_ZYX: NDArray[np.integer[Any]], truth: Volume
) -> dict[str, float]:
    """Every score that `truth` allows of a segmentation, by metric key and `score_suffixes`."""
    return {
        f"{key}{suffix}": value
        for metric, suffix in zip(metrics, score_suffixes(metrics), strict=True)
        if has_truth(truth, metric)
        for key, value in metric.score(segmentation_ZYX, truth).items()
    }


def has_truth(volume: Volume, metric: Metric) -> bool:
    """Whether a volume has what a metric scores against; skeletons without an edge are none."""
    if metric.truth == "skeletons":
        return volume.skeletons is not None and len(volume.skeletons.edges) > 0
    return volume.labels is not None


def left_out(metrics: Sequence[Metric], volumes: Iterable[Volume]) -> list[str]:
    """What volumes that some metrics score lack for the others, a line for each."""
    lines = []
    for volume in volumes:
        lacking = [metric for metric in metrics if not has_truth(volume, metric)]
        if len(lacking) == len(metrics):
            continue
        for truth in dict.fromkeys(metric.truth for metric in lacking):
            names = ", ".join(metric.headline for metric in lacking if metric.truth == truth)
            lines.append(f"'{volume.name}' has no {truth}, and gets no score of {names}")
    return lines


def why_unscored(metrics: Sequence[Metric], volumes: Iterable[Volume]) -> str | None:
    """Why no metric can score any of some test volumes; None where one can."""
    if not metrics:
        return "the recipe names no metrics"
    if any(has_truth(volume, metric) for volume in volumes for metric in metrics):
        return None
    missing = " or ".join(sorted({metric.truth for metric in metrics}))
    return f"the test volume has no {missing}"


def mean_scores(volumes: Iterable[dict[str, float]]) -> dict[str, float]:
    """The mean of each score over the volumes that have it."""
    each = list(volumes)
    keys = dict.fromkeys(key for scores in each for key in scores)
    return {key: fmean(scores[key] for scores in each if key in scores) for key in keys}


def score_suffixes(metrics: Sequence[Metric]) -> list[str]:
    """What to append to the keys of each metric's scores.

    Nothing for a metric whose `headline` no other one shares. Of those that share it, each gets
    the parameters that are not at their defaults: `adapted_rand` beside
    `adapted_rand[crop=snemi3d-gc]`.

    Raises:
        RecipeError: two metrics would still give the same score.
    """
    headlines = [metric.headline for metric in metrics]
    suffixes = [
        _settings(metric) if headlines.count(metric.headline) > 1 else "" for metric in metrics
    ]
    names = [headline + suffix for headline, suffix in zip(headlines, suffixes, strict=True)]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError([f"two of the recipe's metrics give the score '{name}'; remove one"])
    return suffixes


def _settings(metric: Metric) -> str:
    changed = [
        f"{field.name}={getattr(metric, field.name)}"
        for field in attrs.fields(type(metric))  # type: ignore[arg-type]  # every component is one
        if field.init and getattr(metric, field.name) != field.default
    ]
    return f"[{','.join(changed)}]" if changed else ""
