"""What notebooks and scripts call: `neurokit.run`, `neurokit.open_run`, `neurokit.segment`.

They do what the commands of the same names do, with the same words, and give what they made.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit import progress
from neurokit.device import choose_device
from neurokit.errors import NeurokitError
from neurokit.hooks import offered_hooks
from neurokit.observers.bar import Bar
from neurokit.observers.progress import ProgressBar
from neurokit.pipeline import Outcome, execute
from neurokit.plan import MODES, Mode, check_method, no_test_warning
from neurokit.prediction import Prediction
from neurokit.recipe import load_recipe
from neurokit.results import PREDICTION, SEGMENTATION, all_results, latest_results
from neurokit.run_folder import last_checkpoint, own_recipe
from neurokit.schema import Recipe
from neurokit.stages import decode, infer
from neurokit.stages.reuse import stored_fingerprint
from neurokit.volumes import ArrayLike, Volume, open_array
from neurokit.weights import load as load_weights


def run(
    recipe: Recipe | str | Path | None = None,
    mode: Mode = "all",
    *,
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    outputs: str | Path = "outputs",
    hooks: Sequence[object] | None = None,
) -> Outcome:
    """Train, predict, decode and score, as a recipe says; or search for better settings.

    The same as `neurokit run`, in this process, and on one device: several GPUs need the command.

        >>> recipe = neurokit.load_recipe("recipes/demo.toml", ["train.epochs=1"])
        >>> outcome = neurokit.run(recipe)
        >>> outcome.scores["mean"]["adapted_rand"]

    Args:
        recipe: what `load_recipe` gives, or what it takes. May be left out with `resume`, where
            the run then goes on with its own.
        mode: "train"; "test" (predict, decode and score); "all" of these; or "tune" the decoder.
        checkpoint: what to test or tune with, or, when training, to start from: a checkpoint, the
            folder of a run, a `.safetensors` file, or the name of weights ("phantom_demo").
        resume: the folder of a run to go on with.
        outputs: where new runs are put.
        hooks: what is told of the run; by default the installed ones, which show progress, and
            write TensorBoard's curves.

    Raises:
        NeurokitError: something is missing or does not fit, and nothing has been computed then;
            or the work itself failed.
        KeyboardInterrupt: a training that was interrupted has saved its state, and goes on with
            `resume`; the interrupt's `folder` says where it lies.
    """
    if mode not in MODES:
        raise NeurokitError(f"mode {mode!r} is none of {', '.join(MODES)}")
    if recipe is None:
        if resume is None:
            raise NeurokitError("give a recipe, or resume, the folder of a run to go on with")
        recipe = own_recipe(Path(resume))
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe)
    return execute(
        recipe,
        mode,
        checkpoint=checkpoint,
        resume=None if resume is None else Path(resume),
        outputs=Path(outputs),
        plugins=_installed_hooks() if hooks is None else list(hooks),
    )


def open_run(folder: str | Path) -> Outcome:
    """What a run left in its folder, as `run` gave it, with the scores of the latest test.

        >>> outcome = neurokit.open_run("outputs/demo/20260101-120000")
        >>> labels_ZYX = neurokit.open_array(str(outcome.segmentations[0]))[...]

    What a search found is not among it; that lies in the folder's `tune/`.

    Raises:
        NeurokitError: the folder is not that of a run, or a file of scores is damaged.
    """
    folder = _path(folder, "a run")
    checkpoint = last_checkpoint(folder)
    if not all_results(folder):
        return Outcome(folder, checkpoint, [], None, None)
    latest = latest_results(folder)
    if not checkpoint.exists():
        checkpoint = Path(latest.checkpoint)
    files = [volume.segmentation for volume in latest.volumes]
    if not latest.mean:
        return Outcome(folder, checkpoint, files, None, "the test gave no scores")
    scores = {
        "checkpoint": latest.checkpoint,
        "step": latest.step,
        "no_test": list(latest.no_test),
        "mean": latest.mean,
        "volumes": {volume.name: volume.scores for volume in latest.volumes if volume.scores},
    }
    told = (no_test_warning(latest.no_test),) if latest.no_test else ()
    return Outcome(folder, checkpoint, files, scores, None, warnings=told)


def segment(
    image: ArrayLike | str | Path | Volume,
    *,
    weights: str | Path,
    voxel_size_nm: Sequence[float] | None = None,
    overrides: Sequence[str] = (),
    device: str | None = None,
    folder: str | Path | None = None,
    show_progress: bool = True,
) -> NDArray[np.integer[Any]]:
    """One id for every neuron of an image, by a trained network.

    The image goes through the inferer and the decoder that the weights were made with, exactly as
    in `neurokit run --mode test`.

        >>> labels_ZYX = neurokit.segment(
        ...     image_ZYX, weights="phantom_demo", voxel_size_nm=(20, 6, 6),
        ...     overrides=["decoder.threshold=0.4"],
        ... )

    Args:
        image: grey values ZYX, an array of integers or floating numbers; or where they lie, as
            `block.tif`, `block.h5::raw` or `block.zarr::raw`; or a `Volume`. Of 8-bit images, 0
            and 255 are black and white; of others, the lowest and the highest value.
        weights: their name ("phantom_demo"), a `.safetensors` file, a checkpoint, or the folder of
            a run.
        voxel_size_nm: edge lengths of a voxel (z, y, x) in nanometres; of anything but a `Volume`,
            which knows its own.
        overrides: `key.path=value` each, of the tables `inferer`, `decoder` and `system`.
        device: "auto", "cpu", "cuda" or "cuda:1".
        folder: where the prediction of all channels and the segmentation are kept; by default they
            lie among the temporary files while they are needed. A prediction that is there already
            is used again, if it was made of the same image in the same way.
        show_progress: on standard error.

    Returns:
        labels ZYX of the image's shape, integers; 0 is background.

    Raises:
        NeurokitError: something is missing or does not fit, and nothing has been computed then;
            or the work itself failed.

    Warns:
        UserWarning: the voxels are not of the size that the network was trained on, or it cannot
            compute here in the precision that it was made in.
    """
    volume = _volume(image, voxel_size_nm)
    trained = load_weights(weights)
    if device is not None:
        overrides = [*overrides, f"system.device={json.dumps(device)}"]
    method = trained.method(overrides)
    trained.check(method.model, method.target.channels)
    check_method(method, [volume])
    told = trained.precision_warning(method.system, choose_device(method.system))
    for warning in filter(None, (trained.size_warning(volume), told)):
        warnings.warn(warning, stacklevel=2)
    with ExitStack() as stack:
        if folder is not None:
            _make_folder(_path(folder, "the results"))
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="neurokit-"))
        predicted, segmented = Path(folder) / PREDICTION, Path(folder) / SEGMENTATION
        with _shown("infer", show_progress):
            infer.predict(method, trained, volume, predicted)
        source = stored_fingerprint(predicted)
        assert source is not None
        prediction = Prediction.open(predicted)
        with _shown("decode", show_progress):
            decode.segment(method, trained, volume, prediction, source, segmented)
        labels_ZYX: NDArray[np.integer[Any]] = open_array(str(segmented))[...]
    return labels_ZYX


def _path(folder: Any, whose: str) -> Path:
    if not isinstance(folder, str | Path):
        raise NeurokitError(f"the folder of {whose} is given by its path, not as {folder!r}")
    return Path(folder)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NeurokitError(
            f"{folder} cannot be made: {error.strerror}; choose another folder"
        ) from error


def _volume(image: Any, voxel_size_nm: Sequence[float] | None) -> Volume:
    """The image with the size of its voxels."""
    if isinstance(image, Volume):
        if voxel_size_nm is not None:
            raise NeurokitError("a Volume has its own voxel_size_nm; leave out the other")
        return image
    if voxel_size_nm is None:
        raise NeurokitError(
            "segment needs voxel_size_nm, the edge lengths of a voxel (z, y, x) in nanometres"
        )
    try:
        z, y, x = (float(length) for length in voxel_size_nm)
    except (TypeError, ValueError) as error:
        raise NeurokitError(
            f"voxel_size_nm must be three numbers (z, y, x), not {voxel_size_nm!r}"
        ) from error
    if not min(z, y, x) > 0:
        raise NeurokitError(f"voxel_size_nm must be above 0, not {voxel_size_nm!r}")
    if isinstance(image, str | Path):
        stored = open_array(str(image))
        return Volume(stored.path.stem, stored, (z, y, x), source=stored.source)
    if not isinstance(getattr(image, "dtype", None), np.dtype):
        try:
            image = np.asarray(image)  # a list, or a tensor
        except (TypeError, ValueError, RuntimeError) as error:
            raise NeurokitError(
                f"the image is no array: it is a {type(image).__name__} that NumPy cannot take"
            ) from error
    return Volume("image", image, (z, y, x))


def _installed_hooks() -> list[object]:
    """The installed hook plugins; one that cannot be loaded is told of and left out."""
    loaded = []
    for offer in offered_hooks():
        try:
            loaded.append(offer.load())
        except NeurokitError as error:
            warnings.warn(str(error), stacklevel=3)
    return loaded


@contextmanager
def _shown(stage: str, shown: bool) -> Iterator[None]:
    """Show how far a stage is, as `neurokit run` does."""
    if not shown:
        yield
        return
    bar = Bar(ProgressBar().console, stage)
    try:
        with progress.listening(bar.update):
            yield
    finally:
        bar.close()
