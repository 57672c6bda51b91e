"""The thresholds stage: how the scores depend on the decoder's threshold."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from neurokit.atomic import write_text
from neurokit.errors import NeurokitError, first_line
from neurokit.graph.keeping import keeping
from neurokit.kinds import Decoder, Metric
from neurokit.params import declared_param
from neurokit.prediction import Prediction
from neurokit.progress import track
from neurokit.recipe import fingerprint, to_table
from neurokit.run_folder import Run
from neurokit.schema import Recipe
from neurokit.scores import has_truth, score_suffixes
from neurokit.tuning.trial import score_settings
from neurokit.volumes import Volume

THRESHOLDS = "thresholds.json"

_STEPS = 20
_MOST_VOXELS = 2**28
"""Of larger volumes, what thresholds have in common would not be kept, but made for each."""

_CACHE_BYTES = 8 * 2**30


@contextmanager
def sharing(recipe: Recipe, volumes: Sequence[Volume], folder: Path) -> Iterator[None]:
    """Have decoding and the curve compute once what they share; nothing where there is no curve.

    Args:
        recipe: says how to decode and score.
        volumes: that are tested.
        folder: whose disk has room; it is left as it was.
    """
    if not _has_curve(recipe, volumes):
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(
            prefix=".shared_", dir=folder, ignore_cleanup_errors=True
        ) as at,
        keeping(Path(at), _CACHE_BYTES),
    ):
        yield


def thresholds(
    run: Run, scored: Sequence[tuple[Volume, Prediction]], segmentations: Sequence[str], out: Path
) -> None:
    """Score other thresholds of the decoder, too, and write what they give to `out`.

    The file holds `thresholds`, ascending and with the recipe's own among them; `own`; and
    `scores`, a list for each headline, means over the volumes. Metrics that look at voxels are left
    out, as each threshold would take them as long as all else. Where there is no such curve, there
    is no file. One that cannot be made is a warning: the run's own scores are there already.

    Args:
        run: holds the recipe.
        scored: the volumes, with what was predicted of them.
        segmentations: fingerprints of what the recipe's own threshold gave of each.
        out: a JSON file, kept if it is there already and was made from the same.
    """
    recipe = run.recipe
    if not _has_curve(recipe, [volume for volume, _ in scored]):
        out.unlink(missing_ok=True)
        return
    metrics = _quick(recipe.metrics)
    values = _values(recipe.decoder)
    truths = [volume.fingerprint for volume, _ in scored]
    made_from = fingerprint(list(segmentations), truths, to_table(recipe.metrics), values)
    with run.stage("thresholds") as stage:
        if _made_from(out) == made_from:
            stage.reused = True
            return
        out.unlink(missing_ok=True)
        volumes = [(prediction, volume) for volume, prediction in scored]
        try:
            if recipe.decoder.agglomerate(volumes[0][0]) is None:
                return  # with these settings it works otherwise, at the full price each
            scores = [
                score_settings(_at(recipe.decoder, value), metrics, volumes)
                for value in track(values, "thresholds", len(values))
            ]
        except (NeurokitError, MemoryError) as error:
            run.warn(f"the scores at other thresholds are left out: {first_line(error)}")
            return
        headlines = [
            f"{metric.headline}{suffix}"
            for metric, suffix in zip(metrics, score_suffixes(metrics), strict=True)
        ]
        found = {
            "fingerprint": made_from,
            "own": recipe.decoder.threshold,  # type: ignore[attr-defined]  # it has a curve
            "thresholds": values,
            "scores": {
                headline: [each.scores[headline] for each in scores]
                for headline in headlines
                if all(headline in each.scores for each in scores)
            },
        }
        write_text(out, json.dumps(found, indent=2) + "\n")
        run.written(out)


def _has_curve(recipe: Recipe, volumes: Sequence[Volume]) -> bool:
    """Whether other thresholds cost little, and something says how good they are."""
    decoder = recipe.decoder
    metrics = _quick(recipe.metrics)
    return (
        "threshold" in decoder.quick_parameters
        and type(decoder).agglomerate is not Decoder.agglomerate
        and len(_values(decoder)) > 1
        and bool(volumes)
        and bool(metrics)
        and all(has_truth(volume, metrics[0]) for volume in volumes)
        and all(math.prod(volume.shape) <= _MOST_VOXELS for volume in volumes)
    )


def _quick(metrics: Sequence[Metric]) -> list[Metric]:
    """The metrics that score a segmentation made of fragments without looking at voxels."""
    return [
        metric
        for metric in metrics
        if type(metric).score_agglomeration is not Metric.score_agglomeration
    ]


def _values(decoder: Decoder) -> list[float]:
    """Thresholds over the whole of the parameter's range, its own among them."""
    fields = attrs.fields(type(decoder))  # type: ignore[arg-type]  # every component is one
    field = next((each for each in fields if each.name == "threshold"), None)
    if field is None:
        return []
    declared = declared_param(field)
    if declared.low is None or declared.high is None:
        return []
    # The two ends join nothing, or everything.
    inner = np.linspace(declared.low, declared.high, _STEPS + 1)[1:-1]
    own = float(decoder.threshold)  # type: ignore[attr-defined]  # as the field says
    return sorted({*(round(float(each), 6) for each in inner), own})


def _at(decoder: Decoder, value: float) -> Decoder:
    changed: Any = attrs.evolve(decoder, threshold=value)  # type: ignore[misc]  # it is attrs'
    assert isinstance(changed, Decoder)
    return changed


def _made_from(path: Path) -> str | None:
    """The fingerprint in a file of such scores; None without a readable one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return str(found["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
