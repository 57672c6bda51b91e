"""The evaluation stage: from segmentations to scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurokit.atomic import write_text
from neurokit.run_folder import Run
from neurokit.scores import mean_scores, scores_of
from neurokit.volumes import StoredArray, Volume
from neurokit.weights import Weights


def evaluate(
    run: Run,
    weights: Weights,
    results: list[tuple[Volume, StoredArray]],
    out: Path,
    no_test: Sequence[str] = (),
) -> dict[str, Any]:
    """Score segmentations against their volumes' labels, and write the scores to `out`.

    Args:
        run: holds the metrics.
        weights: that predicted.
        results: volumes and their segmentations.
        out: a JSON file.
        no_test: why the scores tell nothing of unseen tissue, a clause each.

    Returns:
        What the file holds: the checkpoint and its step, why the scores are no test, the scores of
        each volume, and their means over the volumes that have them, by metric key and
        `score_suffixes`.
    """
    with run.stage("evaluate"):
        metrics = run.recipe.metrics
        volumes = {
            volume.name: scores_of(metrics, np.asarray(stored[...]), volume)
            for volume, stored in results
        }
        scores = {
            "checkpoint": weights.name,
            "step": weights.step,
            "no_test": list(no_test),
            "mean": mean_scores(volumes.values()),
            "volumes": volumes,
        }
        write_text(out, json.dumps(scores, indent=2) + "\n")
        run.written(out)
    return scores
