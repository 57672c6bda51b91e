"""Results: what a test left in a run's folder.

::

    results_step=<N>/metrics.json  recipe.toml
    results_step=<N>/test_im_prediction.h5  test_im_segmentation.h5             of one volume
    results_step=<N>/<volume>/test_im_prediction.h5  test_im_segmentation.h5    of several
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import h5py
from attrs import frozen

from neurokit.errors import NeurokitError
from neurokit.prediction import DATASET
from neurokit.recipe import load_recipe
from neurokit.run_folder import own_recipe
from neurokit.schema import Recipe
from neurokit.volumes import Volume

PREDICTION = "test_im_prediction.h5"
SEGMENTATION = "test_im_segmentation.h5"
SCORES = "metrics.json"


@frozen
class VolumeResults:
    """What a test left of one volume.

    Attributes:
        name: of the volume.
        prediction: the file of all channels; it may have been removed to save space.
        segmentation: the file of one id a neuron.
        scores: by metric key; empty where nothing was scored.
    """

    name: str
    prediction: Path
    segmentation: Path
    scores: dict[str, float]


@frozen
class Results:
    """What a test of one checkpoint left.

    Attributes:
        step: of the checkpoint.
        folder: of the results.
        checkpoint: what predicted, as `neurokit.weights.load` takes it.
        mean: scores over the volumes, by metric key; empty where nothing was scored.
        volumes: at least one.
        no_test: why the scores tell nothing of unseen tissue, a clause each.
    """

    step: int
    folder: Path
    checkpoint: str
    mean: dict[str, float]
    volumes: tuple[VolumeResults, ...]
    no_test: tuple[str, ...] = ()

    def recipe(self) -> Recipe:
        """The recipe that the test went by, which may decode otherwise than the run's own.

        Raises:
            NeurokitError: it cannot be read, or names what is not installed.
        """
        return load_recipe(self.folder / "recipe.toml")

    def open_volumes(self) -> dict[str, Volume]:
        """The volumes that were tested, by name, opened anew; data that is gone is left out."""
        dataset = self.recipe().data.test
        if dataset is None:
            return {}
        try:
            found = {volume.name: volume for volume in dataset.volumes()}
        except NeurokitError:
            return {}
        names = [each.name for each in self.volumes]
        return {name: found[name] for name in names if name in found}


def all_results(run: Path) -> list[Results]:
    """Everything that was tested in a run's folder, by step.

    Raises:
        NeurokitError: the folder is not that of a run, or a file of scores is damaged.
    """
    own_recipe(run)
    found = []
    for folder in run.glob("results_step=*"):
        number = folder.name.partition("=")[2]
        files = sorted([*folder.glob(SEGMENTATION), *folder.glob(f"*/{SEGMENTATION}")])
        if number.isdigit() and files and (folder / "recipe.toml").is_file():
            found.append(_results(folder, int(number), files))
    return sorted(found, key=lambda each: each.step)


def latest_results(run: Path) -> Results:
    """What was tested last in a run's folder.

    Raises:
        NeurokitError: the folder is not that of a run, or nothing was tested.
    """
    found = all_results(run)
    if not found:
        raise NeurokitError(
            f"{run} holds no results yet; make some: neurokit run --resume {run} --mode test"
        )
    # The recipe is written anew by every test, after its segmentations.
    return max(found, key=lambda each: (each.folder / "recipe.toml").stat().st_mtime_ns)


def results_of(run: Path, step: int) -> Results:
    """What a test of the checkpoint of an optimizer step left in a run's folder.

    Raises:
        NeurokitError: the folder is not that of a run, or that step was not tested.
    """
    tests = {each.step: each for each in all_results(run)}
    if step not in tests:
        there = ", ".join(map(str, tests)) or "none"
        raise NeurokitError(f"{run} holds no results of step {step}; tested steps: {there}")
    return tests[step]


def _results(folder: Path, step: int, files: list[Path]) -> Results:
    scores = _scores(folder / SCORES)
    by_volume = scores.get("volumes", {})
    volumes = []
    checkpoint = ""
    for file in files:
        name, checkpoint = _origin(file)
        scored = by_volume.get(name, {})
        volumes.append(VolumeResults(name, file.with_name(PREDICTION), file, scored))
    no_test = tuple(scores.get("no_test", []))
    return Results(step, folder, checkpoint, scores.get("mean", {}), tuple(volumes), no_test)


def _scores(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NeurokitError(f"{path} cannot be read as scores; test again to replace it") from error
    volumes = found.get("volumes", {}) if isinstance(found, dict) else None
    tables = [found.get("mean", {}), *volumes.values()] if isinstance(volumes, dict) else [None]
    clauses = found.get("no_test", []) if isinstance(found, dict) else None
    if (
        not all(isinstance(table, dict) and _are_numbers(table.values()) for table in tables)
        or not isinstance(clauses, list)
        or not all(isinstance(clause, str) for clause in clauses)
    ):
        raise NeurokitError(f"{path} cannot be read as scores; test again to replace it")
    return cast("dict[str, Any]", found)


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _origin(segmentation: Path) -> tuple[str, str]:
    """The names of the volume and of the checkpoint that a segmentation was made of."""
    try:
        with h5py.File(segmentation, "r", locking=False) as file:
            attributes = file[DATASET].attrs
            return str(attributes["volume"]), str(attributes["checkpoint"])
    except (OSError, KeyError) as error:
        raise NeurokitError(
            f"{segmentation} is damaged, or of another version; remove it and test again"
        ) from error
