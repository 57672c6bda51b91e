"""Plan: what a recipe would do, checked as far as it can be before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from attrs import frozen

from neurokit.channels import channel_indices
from neurokit.device import choose_device
from neurokit.errors import NeurokitError, RecipeError
from neurokit.kinds import Dataset, Decoder, Model
from neurokit.no_test import overlap, was_tuned, why_no_test
from neurokit.recipe import to_table
from neurokit.registry import installed
from neurokit.run_folder import run_of_checkpoint
from neurokit.samples.ids import slabs
from neurokit.samples.objects import has_object, no_object
from neurokit.schema import Recipe
from neurokit.scores import has_truth, left_out, score_suffixes, why_unscored
from neurokit.structuring import Invalid, make_converter
from neurokit.tuning.ranges import Choice, with_settings
from neurokit.tuning.space import ranges_of, trial_count
from neurokit.volumes import ArrayLike, Volume
from neurokit.weights import Method, Weights

Mode = Literal["all", "train", "test", "tune"]
MODES: tuple[Mode, ...] = ("all", "train", "test", "tune")


_UNSCORED, _NO_TEST = "nothing will be scored: ", "the scores are no test: "
OF_SCORES = (_UNSCORED, _NO_TEST)
"""How warnings begin that tell beforehand what there is to know of the scores."""


@frozen
class Plan:
    """Volumes that fit the recipe, and how large its network is.

    Attributes:
        train, validation, test: the volumes of each part; empty where the mode does not need it,
            or, of validation, where the recipe has none. Tuning needs only one of the last two.
        parameters: trainable numbers of the network.
        device: where it will run.
        no_test: why scores will tell nothing of unseen tissue, a clause each.
        warnings: what will be otherwise than the recipe's author may think, a line each.
    """

    train: list[Volume]
    validation: list[Volume]
    test: list[Volume]
    parameters: int
    device: torch.device
    no_test: list[str]
    warnings: list[str]


def make_plan(
    recipe: Recipe, mode: Mode, weights: Weights | None = None, run: Path | None = None
) -> Plan:
    """Open the volumes and check that they, the network and the decoder fit each other.

    Args:
        recipe: resolved.
        mode: what will be done.
        weights: of the network that is there already.
        run: the folder of the run that goes on; that of the weights where it is left out.

    Raises:
        NeurokitError: something is missing, or does not fit.
    """
    device = choose_device(recipe.system)
    channels = recipe.target.channels
    _check_decoder(recipe)
    score_suffixes(recipe.metrics)
    parameters = _check_network(recipe)
    if mode in ("all", "train"):
        with torch.device("meta"):
            recipe.loss.build(channels)
    if mode == "tune":
        _check_tuning(recipe)
        _check_searched_channels(recipe)
    trains = mode in ("all", "train")
    train = _opened(recipe.data.train, "train") if trains else []
    watched = mode != "test" and recipe.data.validation is not None
    validation = _opened(recipe.data.validation, "validation") if watched else []
    tests = mode in ("all", "test") or (mode == "tune" and not watched)
    test = _opened(recipe.data.test, "test") if tests else []
    if trains:
        _check_labelled_volumes(recipe, "training", train)
        _check_labelled_volumes(recipe, "validation", validation)
    for augmentation in recipe.train.augmentations if train else ():
        augmentation.check(recipe.train.patch_size, train[0].voxel_size_nm)
    part = "validation" if validation else "test"
    for volume in test if mode != "tune" else validation or test:
        recipe.inferer.check(channels, volume)
        if mode == "tune":
            _check_truth(recipe, part, volume)
        _check_scored(recipe, part if mode == "tune" else "test", volume)
    if trains and recipe.train.validation.segment_every_epochs:
        for volume in validation:
            recipe.inferer.check(channels, volume)
            _check_scored(recipe, "validation", volume)
    for volume in test if trains else ():
        _check_grey_values(volume)
    if weights is not None:
        weights.check(recipe.model, channels, predicts=not trains)
    no_test = [] if mode == "tune" else _why_no_test(recipe, train, test, weights, run)
    warnings = (
        _of_scores(recipe, test, no_test) if mode != "tune" else _of_choices(recipe, validation)
    )
    if learnt := overlap(validation, train, "all of it"):
        warnings.append(
            f"what [data.validation] shows is no test: the network is trained on {learnt}"
        )
    warnings += [
        f"every voxel of the training volume {volume.title} has the same grey value: there is "
        f"nothing to learn from it"
        for volume in train
        if _is_constant(volume.image)
    ]
    return Plan(train, validation, test, parameters, device, no_test, warnings)


def check_method(method: Method, volumes: Sequence[Volume]) -> None:
    """Check that a network's window, its decoder and some volumes fit each other.

    Raises:
        NeurokitError: something does not fit.
    """
    choose_device(method.system)
    _check_decoder(method)
    _check_size(method.model, "the inferer's window", method.inferer.input_size())
    for volume in volumes:
        method.inferer.check(method.target.channels, volume)


def _why_no_test(
    recipe: Recipe,
    train: list[Volume],
    test: list[Volume],
    weights: Weights | None,
    run: Path | None,
) -> list[str]:
    """Why the scores of test volumes will tell nothing of unseen tissue."""
    if why_unscored(recipe.metrics, test) is not None:
        return []
    table = to_table(recipe)
    if run is None and weights is not None:
        run = run_of_checkpoint(weights.path)
    searched: list[Volume] = []
    if run is not None and was_tuned(run, table):
        data = table["data"]
        searched = _again(data.get("validation", data.get("test")), recipe, test)
    if not train:
        network = table if weights is None else weights.table()
        train = _again(network.get("data", {}).get("train"), recipe, test)
    return why_no_test(test, train, searched)


def _again(table: Any, recipe: Recipe, test: list[Volume]) -> list[Volume]:
    """The volumes of a dataset that was used before; none where they cannot be opened any more.

    Those of the test itself, which are open, are not opened twice.
    """
    try:
        dataset = make_converter(installed().component).structure(table, Dataset)  # type: ignore[type-abstract]
        return test if dataset == recipe.data.test else dataset.volumes()
    except (Invalid, NeurokitError):
        return []


def no_test_warning(clauses: Sequence[str]) -> str:
    """The reasons why scores are no test, in a line."""
    return _NO_TEST + ", and ".join(clauses)


def _of_scores(recipe: Recipe, test: list[Volume], no_test: list[str]) -> list[str]:
    """What to know of the scores of test volumes."""
    why = why_unscored(recipe.metrics, test)
    if test and recipe.metrics and why is not None:
        return [f"{_UNSCORED}{why}"]
    told = [no_test_warning(no_test)] if no_test else []
    return [*told, *left_out(recipe.metrics, test)]


def _of_choices(recipe: Recipe, validation: list[Volume]) -> list[str]:
    """Whether a search chooses settings on what they will be tested on."""
    if not validation:
        return [
            "the recipe has no [data.validation], and settings are chosen on [data.test]: scores "
            "on it are then no test"
        ]
    try:
        test = recipe.data.test.volumes() if recipe.data.test is not None else []
        chosen = overlap(test, validation, "all of [data.test]")
    except NeurokitError:
        return []  # it is not there yet
    if not chosen:
        return []
    return [
        f"[data.validation], on which settings are chosen, holds {chosen}: scores on that are then "
        f"no test"
    ]


def _check_decoder(method: Recipe | Method) -> None:
    """Refuse a decoder that reads channels that are not predicted."""
    try:
        channel_indices(method.target.channels, method.decoder.required_channels())
    except NeurokitError as error:
        raise RecipeError([f"the decoder reads what the target does not have: {error}"]) from error


def _check_tuning(recipe: Recipe) -> None:
    """Refuse a search for nothing, in nothing, or without an end."""
    if recipe.tune is None:
        raise RecipeError(
            ["the recipe has no [tune], which says what to search; docs/howto/tune.md shows one"]
        )
    if not recipe.metrics:
        raise RecipeError(["the recipe names no metrics, and tuning goes by the first one"])
    ranges = ranges_of(recipe, installed().component)
    if not ranges:
        raise RecipeError(
            ["[tune.space] holds no range; name parameters of the decoder in [tune.space.decoder]"]
        )
    trial_count(recipe.tune, ranges)


def _check_searched_channels(recipe: Recipe) -> None:
    """Refuse choices by which the decoder would read channels that the target does not have."""
    find = installed().component
    converter, table = make_converter(find), to_table(recipe)
    for each in ranges_of(recipe, find):
        if not isinstance(each, Choice) or each.path[0] != "decoder":
            continue
        for value in each.values:
            given = with_settings(table, (each,), {each.name: value})["decoder"]
            try:
                decoder = converter.structure(given, Decoder)  # type: ignore[type-abstract]
            except Invalid:
                continue  # it may do with other settings; such a trial says why it failed
            try:
                channel_indices(recipe.target.channels, decoder.required_channels())
            except NeurokitError as error:
                raise RecipeError(
                    [
                        f"tune.space has a choice of {each.name} that reads what the target does "
                        f"not have: {error}"
                    ]
                ) from error


def _check_truth(recipe: Recipe, part: str, volume: Volume) -> None:
    """Refuse a volume that says nothing of which settings are better."""
    metric = recipe.metrics[0]
    if not has_truth(volume, metric):
        raise NeurokitError(
            f"the {part} volume '{volume.name}' has no {metric.truth} to score settings against"
        )
    region = metric.region(volume)
    of_labels = metric.truth == "labels"
    if of_labels and volume.labels is not None and not has_object(volume.labels, region):
        raise NeurokitError(
            f"the labels of the {part} volume '{volume.name}' hold no object: there is nothing "
            f"to score settings against"
        )


def _check_scored(recipe: Recipe, part: str, volume: Volume) -> None:
    """Refuse a volume whose scores would fail after all else is done."""
    looked_at = []
    for metric in recipe.metrics:
        if not has_truth(volume, metric):
            continue
        region = metric.region(volume)
        if volume.labels is None or metric.truth != "labels" or region in looked_at:
            continue
        if not has_object(volume.labels, region):
            raise NeurokitError(
                f"{no_object(volume, part)}, where {metric.headline} looks: there is nothing to "
                f'score against; name other labels, or none (labels = "") to segment it without a '
                f"score"
            )
        looked_at.append(region)


def _check_grey_values(volume: Volume) -> None:
    """Refuse a test volume with NaN before a training; inference reads its extremes anyway."""
    if volume.image.dtype.kind == "f":
        volume.intensity_range  # noqa: B018 - it is read for what it raises


def _opened(dataset: Dataset | None, part: str) -> list[Volume]:
    if dataset is None:
        other = "--mode train" if part == "test" else "--mode test and --checkpoint"
        raise RecipeError([f"the recipe has no [data.{part}]; add it, or run with {other}"])
    try:
        volumes = dataset.volumes()
    except NeurokitError as error:
        raise NeurokitError(f"[data.{part}] {error}") from error
    names = [volume.name for volume in volumes]
    if not volumes:
        raise NeurokitError(f"[data.{part}] holds no volume")
    if len(set(names)) < len(names):
        raise NeurokitError(f"[data.{part}] holds two volumes of one name: {', '.join(names)}")
    return volumes


def _check_network(recipe: Recipe) -> int:
    """Refuse patches and windows that the network cannot take; the number of its parameters."""
    _check_size(recipe.model, "train.patch_size", recipe.train.patch_size)
    _check_size(recipe.model, "the inferer's window", recipe.inferer.input_size())
    with torch.device("meta"):
        network = recipe.model.build(1, recipe.target.channels)
    return sum(each.numel() for each in network.parameters() if each.requires_grad)


def _check_size(model: Model, key: str, size: tuple[int, int, int] | None) -> None:
    """Refuse inputs that the network's pooling does not divide."""
    multiple = model.size_multiple()
    if size is not None and any(n % m for n, m in zip(size, multiple, strict=True)):
        raise RecipeError(
            [
                f"{key} {list(size)} must be a multiple of {list(multiple)}, as the network pools "
                f"by that"
            ]
        )


def _check_labelled_volumes(recipe: Recipe, part: str, volumes: list[Volume]) -> None:
    """Refuse volumes from which no samples can be cut."""
    for volume in volumes:
        if volume.labels is None:
            raise NeurokitError(
                f"the {part} volume {volume.title} has no labels; name some, or take it out"
            )
        padded = [n + 2 * p for n, p in zip(volume.shape, recipe.train.pad, strict=True)]
        if any(n < p for n, p in zip(padded, recipe.train.patch_size, strict=True)):
            raise NeurokitError(
                f"the {part} volume {volume.title} is {list(volume.shape)} voxels, smaller "
                f"than train.patch_size {list(recipe.train.patch_size)}; lower that, or raise "
                f"train.pad"
            )
        if volume.voxel_size_nm != volumes[0].voxel_size_nm:
            raise NeurokitError(
                f"the {part} volumes '{volumes[0].name}' and '{volume.name}' differ in "
                f"voxel_size_nm; train on one size"
            )
        if not has_object(volume.labels):
            raise no_object(volume, part)


def _is_constant(image: ArrayLike) -> bool:
    """Whether all grey values are the same; sections are read up to the first other one."""
    first = image[0, 0, 0]
    return all(bool((np.asarray(image[slab]) == first).all()) for slab in slabs(image))
