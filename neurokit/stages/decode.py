"""The decoding stage: from a prediction to a segmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurokit.occupied import in_turn
from neurokit.prediction import DATASET, Prediction
from neurokit.recipe import fingerprint, to_table
from neurokit.run_folder import Run
from neurokit.schema import Recipe
from neurokit.stages.reuse import stored_fingerprint
from neurokit.volumes import StoredArray, Volume, open_array, write_array
from neurokit.weights import Method, Weights


def decode(
    run: Run, weights: Weights, volume: Volume, prediction: Prediction, source: str, out: Path
) -> StoredArray:
    """The segmentation of a prediction, at `out`.

    Args:
        run: holds the recipe.
        weights: that predicted; the file names them, and the volume.
        volume: that was predicted.
        prediction: of the whole volume.
        source: fingerprint of what the prediction was made from.
        out: an HDF5 file, kept if it is there already and was made from the same.
    """
    with run.stage("decode") as stage, in_turn(out):
        stage.reused = not segment(run.recipe, weights, volume, prediction, source, out)
        if not stage.reused:
            run.written(out)
    return open_array(f"{out}::{DATASET}")


def segment(
    method: Recipe | Method,
    weights: Weights,
    volume: Volume,
    prediction: Prediction,
    source: str,
    out: Path,
) -> bool:
    """Write the segmentation of a prediction to `out`, unless it is there already.

    Returns:
        Whether it was computed.
    """
    inputs = fingerprint(source, to_table(method.decoder))
    if stored_fingerprint(out) == inputs:
        return False
    segmentation = method.decoder.decode(prediction)
    attributes: dict[str, Any] = {
        "fingerprint": inputs,
        "checkpoint": weights.name,
        "volume": volume.name,
        "volume_fingerprint": volume.fingerprint,
        "voxel_size_nm": prediction.voxel_size_nm,
        "neurons": int(segmentation.max(initial=0)),
    }
    write_array(out, segmentation, DATASET, attributes)
    return True
