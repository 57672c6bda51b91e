"""The evaluation stage: from segmentations to scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from neurokit.atomic import write_text
from neurokit.run_folder import Run
from neurokit.scores import mean_scores, scores_of
from neurokit.volumes import StoredArray, Volume
from neurokit.weights import Weights


def evaluate(
    run: Run, weights: Weights, results: list[tuple[Volume, StoredArray]], out: Path
) -> dict[str, Any]:
    """Score segmentations against their volumes' labels, and write the scores to `out`.

    Returns:
        What the file holds: the checkpoint and its step, the scores of each volume, and their
        means over the volumes that have them, by metric key and `score_suffixes`.
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
            "mean": mean_scores(volumes.values()),
            "volumes": volumes,
        }
        write_text(out, json.dumps(scores, indent=2) + "\n")
        run.written(out)
    return scores
