"""Trial: how a decoder with certain settings scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.kinds import Decoder, Metric
from neurokit.prediction import Prediction
from neurokit.scores import has_truth, mean_scores, score_suffixes, scores_of
from neurokit.volumes import Volume


@frozen
class Scored:
    """What a trial gives.

    Attributes:
        value: the headline of the first metric, which is optimised.
        scores: of all metrics, means over the volumes, as in `metrics.json`.
    """

    value: float
    scores: dict[str, float]


def headline_of(metrics: Sequence[Metric]) -> str:
    """The score that settings are chosen by: the headline of the first metric, with its suffix."""
    return f"{metrics[0].headline}{score_suffixes(metrics)[0]}"


def score_settings(
    decoder: Decoder, metrics: Sequence[Metric], volumes: Sequence[tuple[Prediction, Volume]]
) -> Scored:
    """Decode predictions and score them, as testing does, or by tables where that is possible.

    Raises:
        NeurokitError: the prediction does not fit the decoder, the labels not the prediction, or
            the first metric's headline is no finite number.
    """
    scores = mean_scores([_scores(decoder, metrics, *each) for each in volumes])
    headline = headline_of(metrics)
    if headline not in scores:
        raise NeurokitError(f"the first metric gives no '{headline}', which is its headline")
    if not math.isfinite(scores[headline]):
        raise NeurokitError(f"{headline} is {scores[headline]}")
    return Scored(scores[headline], scores)


def _scores(
    decoder: Decoder, metrics: Sequence[Metric], prediction: Prediction, truth: Volume
) -> dict[str, float]:
    agglomeration = decoder.agglomerate(prediction)
    if agglomeration is None:
        return scores_of(metrics, np.asarray(decoder.decode(prediction)), truth)
    segmentation_ZYX: NDArray[Any] | None = None
    found: dict[str, float] = {}
    for metric, suffix in zip(metrics, score_suffixes(metrics), strict=True):
        if not has_truth(truth, metric):
            continue
        scores = metric.score_agglomeration(agglomeration, truth)
        if scores is None:
            if segmentation_ZYX is None:
                segmentation_ZYX = agglomeration.labels_ZYX
            scores = metric.score(segmentation_ZYX, truth)
        found |= {f"{key}{suffix}": value for key, value in scores.items()}
    return found
