"""The inference stage: from weights and a volume to a prediction."""

from __future__ import annotations

from pathlib import Path

import h5py

from neurokit.atomic import cannot_write
from neurokit.device import (
    MixedPrecision,
    channels_last,
    choose_device,
    choose_precision,
    precision_name,
    use_threads,
    wants_compiling,
)
from neurokit.occupied import in_turn
from neurokit.prediction import DATASET, Prediction
from neurokit.recipe import fingerprint, to_table
from neurokit.run_folder import Run
from neurokit.schema import Recipe
from neurokit.stages.reuse import stored_fingerprint
from neurokit.volumes import Volume
from neurokit.weights import Method, Weights


def infer(run: Run, weights: Weights, volume: Volume, out: Path) -> Prediction:
    """The prediction of a network for a volume, at `out`.

    A file that is there already is kept if weights, network, inferer and volume are those it was
    made with.
    """
    # A test and a search may want the same.
    with run.stage("infer") as stage, in_turn(out):
        stage.reused = not predict(run.recipe, weights, volume, out)
        if not stage.reused:
            run.written(out)
    return Prediction.open(out)


def predict(method: Recipe | Method, weights: Weights, volume: Volume, out: Path) -> bool:
    """Write a network's prediction for a volume to `out`, unless it is there already.

    Returns:
        Whether it was computed.

    Raises:
        NeurokitError: the weights do not fit the network, or the file cannot be written.
    """
    inputs = fingerprint(
        weights.fingerprint,
        to_table(method.model),
        to_table(method.target),
        to_table(method.inferer),
        to_table(method.system)["precision"],
        volume.fingerprint,
    )
    if stored_fingerprint(out) == inputs:
        return False
    use_threads(method.system)
    device = choose_device(method.system)
    channels = method.target.channels
    network = method.model.build(1, channels)
    weights.restore(network)
    precision = choose_precision(method.system, device, weights.precision)
    forward = MixedPrecision(
        channels_last(network.to(device)),
        precision,
        compiled=wants_compiling(method.system, device),
    )
    # Under its final name stands only what can be told from stale results.
    unfinished = out.with_name(f".unfinished_{out.name}")
    try:
        method.inferer.infer(forward.eval(), channels, volume, unfinished)
        with h5py.File(unfinished, "r+") as file:
            file[DATASET].attrs["fingerprint"] = inputs
            file[DATASET].attrs["checkpoint"] = weights.name
            file[DATASET].attrs["step"] = weights.step
            file[DATASET].attrs["volume"] = volume.name
            file[DATASET].attrs["precision"] = precision_name(precision)
        unfinished.replace(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return True
