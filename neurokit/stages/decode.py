"""The decoding stage: from a prediction to a segmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurokit.prediction import DATASET, Prediction
from neurokit.recipe import fingerprint, to_table
from neurokit.run_folder import Run
from neurokit.stages.reuse import stored_fingerprint
from neurokit.volumes import StoredArray, Volume, open_array, write_array


def decode(
    run: Run, checkpoint: Path, volume: Volume, prediction: Prediction, source: str, out: Path
) -> StoredArray:
    """The segmentation of a prediction, at `out`.

    Args:
        run: holds the recipe.
        checkpoint: that predicted; the file names it, and the volume.
        volume: that was predicted.
        prediction: of the whole volume.
        source: fingerprint of what the prediction was made from.
        out: an HDF5 file, kept if it is there already and was made from the same.
    """
    with run.stage("decode") as stage:
        inputs = fingerprint(source, to_table(run.recipe.decoder))
        if stored_fingerprint(out) == inputs:
            stage.reused = True
        else:
            segmentation = run.recipe.decoder.decode(prediction)
            attributes: dict[str, Any] = {
                "fingerprint": inputs,
                "checkpoint": str(checkpoint),
                "volume": volume.name,
                "voxel_size_nm": prediction.voxel_size_nm,
                "neurons": int(segmentation.max(initial=0)),
            }
            write_array(out, segmentation, DATASET, attributes)
            run.written(out)
    return open_array(f"{out}::{DATASET}")
