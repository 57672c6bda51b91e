"""The inference stage: from a checkpoint and a volume to a prediction."""

from __future__ import annotations

from pathlib import Path

import h5py

from neurokit.checkpoint import Checkpoint
from neurokit.device import (
    MixedPrecision,
    channels_last,
    choose_device,
    choose_precision,
    use_threads,
    wants_compiling,
)
from neurokit.errors import NeurokitError
from neurokit.prediction import DATASET, Prediction
from neurokit.recipe import fingerprint, to_table
from neurokit.run_folder import Run
from neurokit.stages.reuse import stored_fingerprint, weights_fingerprint
from neurokit.volumes import Volume


def infer(run: Run, checkpoint: Path, volume: Volume, out: Path) -> Prediction:
    """The prediction of a checkpoint's network for a volume, at `out`.

    A file that is there already is kept if checkpoint, network, inferer and volume are those it
    was made with.
    """
    recipe = run.recipe
    with run.stage("infer") as stage:
        state = Checkpoint.load(checkpoint)
        inputs = fingerprint(
            weights_fingerprint(state),
            to_table(recipe.model),
            to_table(recipe.target),
            to_table(recipe.inferer),
            to_table(recipe.system)["precision"],
            volume.fingerprint,
        )
        if stored_fingerprint(out) == inputs:
            stage.reused = True
            return Prediction.open(out)
        use_threads(recipe.system)
        device = choose_device(recipe.system)
        channels = recipe.target.channels
        network = recipe.model.build(1, channels)
        state.restore_model(network, checkpoint, averaged=True)
        network = MixedPrecision(
            channels_last(network.to(device)),
            choose_precision(recipe.system, device),
            compiled=wants_compiling(recipe.system, device),
        )
        # Under its final name stands only what can be told from stale results.
        unfinished = out.with_name(f".unfinished_{out.name}")
        try:
            recipe.inferer.infer(network.eval(), channels, volume, unfinished)
            with h5py.File(unfinished, "r+") as file:
                file[DATASET].attrs["fingerprint"] = inputs
                file[DATASET].attrs["checkpoint"] = str(checkpoint)
                file[DATASET].attrs["step"] = state.step
                file[DATASET].attrs["volume"] = volume.name
            unfinished.replace(out)
        except OSError as error:
            raise NeurokitError(
                f"cannot write {out}: {error.strerror or error}; free some space or choose another "
                f"place"
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)
        run.written(out)
    return Prediction.open(out)
