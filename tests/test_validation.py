"""Validation: the same numbers for the same weights, and no trace of it in the training."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from frail import assert_same, equal, frail_installed, frail_recipe

from neurokit import NeurokitError, hookimpl, progress
from neurokit.checkpoint import Checkpoint
from neurokit.pipeline import execute
from neurokit.plan import make_plan
from neurokit.run_folder import Run
from neurokit.samples import Samples
from neurokit.sampling import SampleRandom
from neurokit.schema import Recipe
from neurokit.stages.train import train
from neurokit.stages.validate import Validation
from neurokit.stopping import StopRequested
from neurokit.trainer import Trainer

HELD_OUT = "data.validation={use='phantom', shape=[6, 40, 40], seed=3}"


@pytest.fixture
def frail(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The recipe `tiny`, where its network can be frail."""
    with frail_installed(tmp_path, monkeypatch):
        yield tiny


class Notes:
    """Remembers what is said of each epoch."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    @hookimpl
    def epoch(self, scalars: dict[str, float]) -> None:
        """Remember an epoch."""
        self.epochs.append(scalars)


def _train(recipe: Recipe, plugins: list[object] | None = None) -> Run:
    plan = make_plan(recipe, "train")
    run = Run.create(recipe, plugins=plugins)
    with run.recording():
        train(run, plan.train, validation=plan.validation)
    return run


def _samples(recipe: Recipe, trainer: Trainer) -> Samples:
    assert recipe.data.validation is not None
    volumes = recipe.data.validation.volumes()
    return Samples(volumes, recipe.train.patch_size, recipe.train.pad, trainer.device)


def _advanced(recipe: Recipe) -> Trainer:
    """A trainer two steps on its way."""
    trainer = Trainer.start(recipe)
    assert recipe.data.train is not None
    samples = Samples(
        recipe.data.train.volumes(), recipe.train.patch_size, recipe.train.pad, trainer.device
    )
    steps = trainer.steps(samples)
    next(steps)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    return trainer


def test_training_keeps_its_bits_whether_it_is_watched_or_not(frail: Path) -> None:
    alone = _train(frail_recipe(frail, "train.preview_every_epochs=0"))
    settings = "train.validation={segment_every_epochs=1, batches=2}"
    notes = Notes()
    watched = _train(frail_recipe(frail, HELD_OUT, settings), [notes])
    one, other = (Checkpoint.load(run.last_checkpoint) for run in (alone, watched))
    other.recipe = one.recipe
    assert_same(one, other)
    assert len(notes.epochs) == 2
    assert not (watched.folder / ".validation").exists()


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_the_loss_is_that_of_the_averaged_weights_on_the_same_samples(
    frail: Path, decay: float
) -> None:
    recipe = frail_recipe(frail, HELD_OUT, f"train.ema_decay={decay}", "train.validation.batches=3")
    trainer = _advanced(recipe)
    samples = _samples(recipe, trainer)
    before = copy.deepcopy(trainer.checkpoint())
    first, second = trainer.validate(samples), trainer.validate(samples)
    assert first == second
    assert_same(trainer.checkpoint(), before)
    assert trainer.network.training
    # The same by hand: a network of its own, and batches asked for one by one.
    network = recipe.model.build(1, recipe.target.channels).eval()
    network.load_state_dict(before.averaged or before.model)
    loss = recipe.loss.build(recipe.target.channels)
    found = []
    for number in range(3):
        batch = samples.batch(SampleRandom(recipe.seed, -1 - number, range(2), torch.device("cpu")))
        target, mask = recipe.target.encode(batch.labels_BZYX)
        with torch.no_grad():
            found.append(loss(network(batch.image_BCZYX), target, mask)[0].item())
    assert first["loss"] == pytest.approx(sum(found) / 3, rel=1e-5)
    assert list(first) == ["loss", "z1", "y1", "x1"]


def test_a_loss_that_learns_is_left_as_it_is(frail: Path) -> None:
    recipe = frail_recipe(frail, HELD_OUT)
    trainer = _advanced(recipe)
    modes: list[bool] = []
    trainer.loss.register_forward_hook(lambda module, *_: modes.append(module.training))
    trainer.validate(_samples(recipe, trainer))
    assert modes == [False] * 8
    assert trainer.loss.training


def test_scores_are_of_the_whole_volume_and_only_when_they_are_asked_for(frail: Path) -> None:
    settings = "train.validation={every_epochs=2, segment_every_epochs=3, batches=1}"
    notes = Notes()
    _train(
        frail_recipe(frail, HELD_OUT, settings, "train.epochs=6", "train.steps_per_epoch=1"),
        [notes],
    )
    losses = {f"validation/{name}" for name in ("loss", "z1", "y1", "x1")}
    found = [set(scalars) - {"loss"} for scalars in notes.epochs]
    scores = found[2]
    assert {"validation/adapted_rand", "validation/voi"} <= scores
    assert found == [set(), losses, scores, losses, set(), losses | scores]


def test_scores_are_those_that_a_test_of_the_volume_gives(frail: Path) -> None:
    settings = ("train.validation={segment_every_epochs=2, batches=1}", "data.test.seed=3")
    notes = Notes()
    outcome = execute(
        frail_recipe(frail, HELD_OUT, "data.test.shape=[6,40,40]", *settings), plugins=[notes]
    )
    assert outcome.scores is not None
    expected = {f"validation/{key}": value for key, value in outcome.scores["mean"].items()}
    said = notes.epochs[-1]
    assert {key: said[key] for key in expected} == pytest.approx(expected)


def test_what_it_predicts_is_no_progress_of_the_training(frail: Path) -> None:
    recipe = frail_recipe(frail, HELD_OUT, "train.validation={segment_every_epochs=1, batches=1}")
    trainer = Trainer.start(recipe)
    assert recipe.data.validation is not None
    run = Run.create(recipe)
    volumes = recipe.data.validation.volumes()
    validation = Validation(run, volumes, volumes, trainer)
    heard: list[str] = []
    with progress.listening(lambda what, done, total: heard.append(what)):
        scalars = validation.scalars(trainer, 1)
    assert heard == []
    assert "validation/adapted_rand" in scalars


def test_who_is_asked_to_stop_leaves_the_segmentation(
    frail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = frail_recipe(frail, HELD_OUT, "train.validation={segment_every_epochs=1, batches=1}")
    trainer = Trainer.start(recipe)
    before = copy.deepcopy(trainer.checkpoint())
    assert recipe.data.validation is not None
    run = Run.create(recipe)
    volumes = recipe.data.validation.volumes()
    validation = Validation(run, volumes, volumes, trainer)

    def stop() -> None:
        raise StopRequested("SIGTERM")

    monkeypatch.setattr("neurokit.stages.validate.stop_if_asked", stop)
    assert list(validation.scalars(trainer, 1)) == [
        f"validation/{name}" for name in ("loss", "z1", "y1", "x1")
    ]
    assert_same(trainer.checkpoint(), before)
    assert not (run.folder / ".validation").exists()


def test_random_numbers_that_a_listener_draws_are_not_the_trainings(frail: Path) -> None:
    trainer = Trainer.start(frail_recipe(frail))
    before = torch.get_rng_state()
    with trainer.predicting():
        torch.rand(3)
    assert equal(torch.get_rng_state(), before)


def test_volumes_without_labels_are_refused(frail: Path) -> None:
    import h5py
    import numpy as np

    with h5py.File("bare.h5", "w") as file:
        file["main"] = np.zeros((6, 40, 40), np.uint8)
    bare = "data.validation={use='files', image='bare.h5', voxel_size_nm=[30, 6, 6]}"
    with pytest.raises(NeurokitError) as caught:
        execute(frail_recipe(frail, bare), "train")
    assert str(caught.value) == (
        "the validation volume 'bare' (bare.h5::main) has no labels; name some, or take it out"
    )
    small = "data.validation={use='phantom', shape=[6, 12, 40]}"
    with pytest.raises(NeurokitError) as caught:
        execute(frail_recipe(frail, small), "train")
    assert str(caught.value) == (
        "the validation volume 'phantom-0-0' is [6, 12, 40] voxels, smaller than "
        "train.patch_size [2, 16, 16]; lower that, or raise train.pad"
    )
    assert not Path("outputs").exists()


def test_memory_that_runs_out_in_it(frail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = frail_recipe(frail, HELD_OUT)
    trainer = _advanced(recipe)

    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    trainer.forward.register_forward_pre_hook(fail)
    with pytest.raises(NeurokitError) as caught:
        trainer.validate(_samples(recipe, trainer))
    assert str(caught.value) == (
        "memory ran out in the validation after step 2; lower train.batch_size (now 2), with "
        "train.accumulate raised as much, or train.volume_memory_gib"
    )
