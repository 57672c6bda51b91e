"""Training on labels that are known in part: what nothing is known of counts for nothing."""

from __future__ import annotations

import copy
import math
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from attrs import evolve, frozen
from frail import equal, frail_installed, frail_recipe

from neurokit import hookimpl
from neurokit.checkpoint import Checkpoint
from neurokit.run_folder import Run
from neurokit.samples import Samples
from neurokit.samples.feed import Feed, Prepared
from neurokit.schema import Recipe
from neurokit.stages.train import train
from neurokit.trainer import Trainer

CPU = torch.device("cpu")


@pytest.fixture
def frail(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The recipe `tiny`, where its network can be frail."""
    with frail_installed(tmp_path, monkeypatch):
        yield tiny


@frozen
class Veiled(Feed):
    """Hides what is known of some batches, counted from 0."""

    veiled: tuple[int, ...]

    def training(self, samples: Samples, steps: Iterable[int]) -> Generator[Prepared, None, None]:
        """The batches, some of them veiled."""
        return self._veiled(Feed.training(self, samples, steps))

    def validation(self, samples: Samples) -> Generator[Prepared, None, None]:
        """The batches, some of them veiled."""
        return self._veiled(Feed.validation(self, samples))

    def _veiled(self, batches: Iterable[Prepared]) -> Generator[Prepared, None, None]:
        for number, batch in enumerate(batches):
            hidden = number in self.veiled
            yield evolve(batch, mask=torch.zeros_like(batch.mask)) if hidden else batch


def _veil(trainer: Trainer, *batches: int) -> Trainer:
    """Veil some batches of a trainer."""
    trainer.feed = Veiled(trainer.recipe, trainer.feed.world, CPU, batches)
    return trainer


def _samples(recipe: Recipe) -> Samples:
    assert recipe.data.train is not None
    return Samples(recipe.data.train.volumes(), recipe.train.patch_size, (0, 0, 0), CPU)


def _everything(trainer: Trainer) -> dict[str, Any]:
    """What a step changes, copied."""
    saved = trainer.checkpoint()
    names = ("model", "loss", "optimizer", "averaged", "epoch_loss", "epoch_steps", "nonfinite")
    found = copy.deepcopy({name: getattr(saved, name) for name in names})
    for group in found["optimizer"]["param_groups"]:
        del group["lr"]
    return found


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_step_of_which_nothing_is_known_changes_nothing(frail: Path, precision: str) -> None:
    recipe = frail_recipe(frail, "train.accumulate=1", f"system.precision={precision}")
    trainer = _veil(Trainer.start(recipe), 2)
    states, said = [], []
    for scalars in trainer.steps(_samples(recipe)):
        said.append(scalars)
        states.append(_everything(trainer))
    assert equal(states[2], states[1])
    assert not equal(states[3]["model"], states[2]["model"])
    assert [math.isfinite(each["loss"]) for each in said] == [True, True, False, True, True, True]
    assert math.isnan(said[2]["loss"])
    assert math.isnan(said[2]["loss/x1"])
    assert trainer.step == 6
    assert states[5]["epoch_steps"] == 5
    finite = [each["loss"] for each in said if math.isfinite(each["loss"])]
    assert states[5]["epoch_loss"] == pytest.approx(sum(finite))
    assert trainer.unknown == 1


def test_a_loss_that_is_no_number_without_anything_known_is_no_failure(frail: Path) -> None:
    recipe = frail_recipe(frail, "train.accumulate=1", "train.nonfinite_steps=1")
    trainer = _veil(Trainer.start(recipe), 0, 1, 3)
    trainer.loss.register_forward_hook(
        lambda module, given, result: (result[0] / (given[2].sum() > 0), result[1])
    )
    said = [scalars["loss"] for scalars in trainer.steps(_samples(recipe))]
    assert [math.isfinite(loss) for loss in said] == [False, False, True, False, True, True]
    assert all(value.isfinite().all() for value in trainer.network.state_dict().values())


@pytest.mark.parametrize("veiled", [(), (0,), (1, 2)])
def test_the_loss_of_a_step_is_the_mean_of_its_batches_that_are_known(
    frail: Path, veiled: tuple[int, ...]
) -> None:
    recipe = frail_recipe(frail, "train.accumulate=3")
    trainer = _veil(Trainer.start(recipe), *veiled)
    found: list[tuple[float, float]] = []
    trainer.loss.register_forward_hook(
        lambda module, given, result: found.append((result[0].item(), result[1]["y1"].item()))
    )
    scalars = next(trainer.steps(_samples(recipe)))
    assert len(found) == 3
    known = [found[batch] for batch in range(3) if batch not in veiled]
    assert [found[batch][0] for batch in veiled] == [0] * len(veiled)
    loss, term = np.mean(known, axis=0)
    assert scalars["loss"] == pytest.approx(loss)
    assert scalars["loss/y1"] == pytest.approx(term)


def test_the_loss_of_a_validation_is_that_of_batches_that_are_known(frail: Path) -> None:
    recipe = frail_recipe(frail, "train.validation.batches=4")
    trainer = _veil(Trainer.start(recipe), 0, 3)
    found: list[float] = []
    trainer.loss.register_forward_hook(lambda module, given, result: found.append(result[0].item()))
    said = trainer.validate(_samples(recipe))
    assert len(found) == 4
    assert said["loss"] == pytest.approx((found[1] + found[2]) / 2)
    nothing = _veil(trainer, 0, 1, 2, 3).validate(_samples(recipe))
    assert list(nothing) == list(said) == ["loss", "z1", "y1", "x1"]
    assert all(math.isnan(value) for value in nothing.values())


class Notes:
    """Remembers what is said."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.epochs: list[float] = []
        self.warnings: list[str] = []

    @hookimpl
    def step(self, scalars: dict[str, float]) -> None:
        """Remember a step."""
        self.losses.append(scalars["loss"])

    @hookimpl
    def epoch(self, scalars: dict[str, float]) -> None:
        """Remember an epoch."""
        self.epochs.append(scalars["loss"])

    @hookimpl
    def warning(self, message: str) -> None:
        """Remember a warning."""
        self.warnings.append(message)


def _written(name: str, sections: list[int], shape: tuple[int, int, int] = (20, 40, 40)) -> str:
    """A dataset whose labels are known in some sections; what a recipe says of it."""
    random = np.random.default_rng(0)
    labels = np.full(shape, -1)
    blocks = np.kron(
        random.integers(1, 9, (shape[0], 4, 4)), np.ones((1, *np.array(shape[1:]) // 4), int)
    )
    labels[sections] = blocks[sections]
    with h5py.File(f"{name}.h5", "w") as file:
        file["raw"], file["labels"] = random.integers(0, 256, shape).astype("u1"), labels
    files = f"image='{name}.h5::raw', labels='{name}.h5::labels'"
    return f"{{use='files', {files}, voxel_size_nm=[30, 6, 6]}}"


def _trained(recipe: Recipe) -> tuple[Run, Notes]:
    notes = Notes()
    run = Run.create(recipe, plugins=[notes])
    volumes, watched = (
        part.volumes() if part else [] for part in (recipe.data.train, recipe.data.validation)
    )
    with run.recording():
        train(run, volumes, validation=watched)
    return run, notes


def test_a_few_known_sections_teach_in_every_step(frail: Path) -> None:
    known = _written("few", [3, 4, 17, 18])
    run, notes = _trained(frail_recipe(frail, f"data.train={known}", "train.epochs=8"))
    assert len(notes.losses) == 24
    assert min(notes.losses) > 0
    assert not notes.warnings
    log = (run.folder / "run.log").read_text()
    said = " INFO labels: 20 % of the voxels of the training volume 'few' are known"
    assert [line for line in log.splitlines() if line.endswith(said)]


def test_the_mean_of_an_epoch_is_that_of_the_steps_that_are_known(frail: Path) -> None:
    # Of edges over two sections, those of the first sections alone are known.
    known = _written("pair", [2, 4, 9, 13, 17])
    target = "target={use='affinity', offsets=[[2, 0, 0]]}"
    sizes = ("train.patch_size=[3, 16, 16]", "train.batch_size=1", "train.accumulate=1")
    settings = (*sizes, "train.epochs=8", "train.steps_per_epoch=4", "train.keep_best=8")
    run, notes = _trained(frail_recipe(frail, f"data.train={known}", target, *settings))
    steps = np.reshape(notes.losses, (8, 4))
    unknown = np.isnan(steps)
    assert unknown.any()
    assert not unknown.all()
    expected = [
        float(each[np.isfinite(each)].mean()) if np.isfinite(each).any() else math.inf
        for each in steps
    ]
    assert notes.epochs == pytest.approx(expected)
    best = Checkpoint.load(run.last_checkpoint).best
    assert [loss for loss, _ in best] == pytest.approx(sorted(filter(math.isfinite, expected)))
    assert {path.name for path in run.checkpoints.iterdir()} == {
        *("last.ckpt", *(name for _, name in best))
    }
    assert notes.warnings == [
        f"{count} of the 4 steps of epoch {epoch} changed no weight: nothing is known of their "
        f"samples"
        for epoch, count in enumerate(unknown.sum(1), 1)
        if count
    ]


def test_where_nothing_can_be_learnt_it_is_said_and_nothing_is_best(frail: Path) -> None:
    known = _written("apart", [3, 9])
    target = "target={use='affinity', offsets=[[1, 0, 0], [-2, 0, 0], [6, 0, 0], [50, 3, 0]]}"
    settings = ("train.epochs=1", "train.patch_size=[4, 16, 16]")
    run, notes = _trained(frail_recipe(frail, f"data.train={known}", target, *settings))
    names = [channel.name for channel in run.recipe.target.channels]
    assert notes.warnings == [
        f"labels: the network cannot learn {names[0]}, {names[1]}, {names[3]}: no training volume "
        f"has known sections so far apart; label sections that follow each other",
        "3 of the 3 steps of epoch 1 changed no weight: nothing is known of their samples",
    ]
    assert notes.epochs == [math.inf]
    checkpoint = Checkpoint.load(run.last_checkpoint)
    assert checkpoint.step == 3
    assert checkpoint.best == []
    assert equal(checkpoint.model, Trainer.start(run.recipe).network.state_dict())


def test_little_that_is_known_is_a_warning(frail: Path) -> None:
    little = _written("little", [7, 8, 9], (400, 20, 20))
    watched = _written("watched", [7, 8], (30, 20, 20))
    parts = (f"data.train={little}", f"data.validation={watched}", "train.epochs=1")
    run, notes = _trained(frail_recipe(frail, *parts))
    assert notes.warnings == [
        "labels: only 0.75 % of the voxels of the training volume 'little' are known; all samples "
        "of it are cut around these"
    ]
    log = (run.folder / "run.log").read_text()
    said = " INFO labels: 6.7 % of the voxels of the validation volume 'watched' are known"
    assert [line for line in log.splitlines() if line.endswith(said)]


def test_nothing_is_said_where_all_is_known(frail: Path) -> None:
    run, notes = _trained(frail_recipe(frail, "train.epochs=1"))
    assert not notes.warnings
    assert "labels:" not in (run.folder / "run.log").read_text()
