"""The evaluation stage: from segmentations to scores."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from neurokit.atomic import write_text
from neurokit.run import Run
from neurokit.scores import score_suffixes
from neurokit.volumes import StoredArray, Volume


def evaluate(
    run: Run, checkpoint: Path, step: int, results: list[tuple[Volume, StoredArray]], out: Path
) -> dict[str, Any]:
    """Score segmentations against their volumes' labels, and write the scores to `out`.

    Returns:
        What the file holds: the checkpoint and its step, the scores of each volume, and their
        means over the volumes that have them, by metric key and `score_suffixes`.
    """
    with run.stage("evaluate"):
        metrics = run.recipe.metrics
        volumes: dict[str, dict[str, float]] = {}
        for volume, stored in results:
            segmentation = np.asarray(stored[...])
            volumes[volume.name] = {
                f"{key}{suffix}": value
                for metric, suffix in zip(metrics, score_suffixes(metrics), strict=True)
                for key, value in metric.score(segmentation, volume).items()
            }
        keys = dict.fromkeys(key for each in volumes.values() for key in each)
        scores = {
            "checkpoint": str(checkpoint),
            "step": step,
            "mean": {
                key: fmean(each[key] for each in volumes.values() if key in each) for key in keys
            },
            "volumes": volumes,
        }
        write_text(out, json.dumps(scores, indent=2) + "\n")
        run.written(out)
    return scores
