"""Training: continued, it gives the bits of a training that never stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from neurokit import NeurokitError, hookimpl, load_recipe
from neurokit.checkpoint import Checkpoint
from neurokit.run import Interrupted, Run
from neurokit.samples import Samples
from neurokit.schema import Recipe
from neurokit.stages.train import Trainer, train

SMALL = ("train.patch_size=[2,32,32]", "train.batch_size=1", "data.train.shape=[6,40,40]")


def _recipe(tiny: Path, *overrides: str) -> Recipe:
    return load_recipe(tiny, [*SMALL, *overrides])


def _train(run: Run) -> Checkpoint:
    assert run.recipe.data.train is not None
    with run.recording():
        path = train(run, run.recipe.data.train.volumes())
    assert path == run.last_checkpoint
    return Checkpoint.load(path)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _assert_same(one: Checkpoint, other: Checkpoint) -> None:
    for name in ("step", "model", "loss", "optimizer", "random_state", "epoch_loss", "best"):
        assert _equal(getattr(one, name), getattr(other, name)), name


class Stop:
    """Stops the run after a step, as Ctrl-C does."""

    def __init__(self, after: int) -> None:
        self.after = after

    @hookimpl
    def step(self, step: int) -> None:
        """Stop at the step."""
        if step == self.after:
            raise KeyboardInterrupt


class Notes:
    """Remembers the scalars of each step and epoch."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []
        self.epochs: list[tuple[int, float]] = []

    @hookimpl
    def step(self, scalars: dict[str, float]) -> None:
        """Remember a step."""
        self.steps.append(scalars)

    @hookimpl
    def epoch(self, epoch: int, scalars: dict[str, float]) -> None:
        """Remember an epoch."""
        self.epochs.append((epoch, scalars["loss"]))


CONTINUE = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from neurokit.run import Run
from neurokit.stages.train import train
run = Run.open(Path(sys.argv[1]))
train(run, run.recipe.data.train.volumes())
"""


@pytest.mark.parametrize("after", [2, 3], ids=["within an epoch", "at the end of an epoch"])
def test_continuing_gives_the_same_bits(tiny: Path, after: int) -> None:
    recipe = _recipe(tiny, "system.threads=1")
    straight = _train(Run.create(recipe))
    stopped = Run.create(recipe, plugins=[Stop(after)])
    with pytest.raises(Interrupted):
        _train(stopped)
    assert Checkpoint.load(stopped.last_checkpoint).step == after
    subprocess.run(
        [sys.executable, "-c", CONTINUE, stopped.folder],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
    )
    continued = Checkpoint.load(stopped.last_checkpoint)
    assert continued.step == 6
    _assert_same(continued, straight)
    files = {path.name for path in stopped.checkpoints.iterdir()}
    assert files == {"last.ckpt", *(name for _, name in straight.best)}


def test_an_interrupt_within_a_step_keeps_the_last_whole_state(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = _recipe(tiny)
    run = Run.create(recipe)
    draw = Samples.batch

    def interrupted(samples: Samples, random: Any) -> Any:
        calls.append(None)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return draw(samples, random)

    calls: list[None] = []
    monkeypatch.setattr(Samples, "batch", interrupted)
    with pytest.raises(Interrupted):
        _train(run)
    assert Checkpoint.load(run.last_checkpoint).step == 3
    _assert_same(_train(run), _train(Run.create(recipe)))


def test_an_interrupt_while_an_epoch_is_closed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = _recipe(tiny)
    run = Run.create(recipe)
    save = Checkpoint.save
    saved: list[Path] = []

    def interrupted(checkpoint: Checkpoint, path: Path) -> None:
        saved.append(path)
        if len(saved) == 3:
            raise KeyboardInterrupt
        save(checkpoint, path)

    monkeypatch.setattr(Checkpoint, "save", interrupted)
    with pytest.raises(Interrupted):
        _train(run)
    assert Checkpoint.load(run.last_checkpoint).step == 3
    _assert_same(_train(run), _train(Run.create(recipe)))


def test_the_best_epochs_are_kept(tiny: Path) -> None:
    notes = Notes()
    run = Run.create(
        _recipe(tiny, "train.epochs=6", "train.steps_per_epoch=1", "train.keep_best=3"),
        plugins=[notes],
    )
    checkpoint = _train(run)
    losses = [step["loss"] for step in notes.steps]
    assert notes.epochs == list(enumerate(losses, 1))
    expected = sorted(
        (loss, f"epoch={epoch:03d}-train_loss_total_epoch={loss:.4f}.ckpt")
        for epoch, loss in enumerate(losses, 1)
    )[:3]
    assert checkpoint.best == expected
    files = {path.name for path in run.checkpoints.iterdir()}
    assert files == {"last.ckpt", *(name for _, name in expected)}
    for _, name in expected:
        assert Checkpoint.load(run.checkpoints / name).step == int(name[6:9])


def test_none_of_the_epochs_need_be_kept(tiny: Path) -> None:
    run = Run.create(_recipe(tiny, "train.keep_best=0"))
    assert _train(run).best == []
    assert [path.name for path in run.checkpoints.iterdir()] == ["last.ckpt"]


def test_each_step_runs_at_the_rate_of_the_schedule(tiny: Path) -> None:
    notes = Notes()
    recipe = _recipe(tiny, "schedule.warmup_fraction=0.5")
    checkpoint = _train(Run.create(recipe, plugins=[notes]))
    rates = [recipe.schedule.lr(step, 6, 1e-3) for step in range(6)]
    assert len(set(rates)) == 6
    assert [step["lr"] for step in notes.steps] == rates
    assert {group["lr"] for group in checkpoint.optimizer["param_groups"]} == {rates[-1]}
    assert all(step["voxels_per_second"] > 0 for step in notes.steps)


def test_a_finished_training_is_not_repeated(tiny: Path) -> None:
    run = Run.create(_recipe(tiny, "train.epochs=1", "train.steps_per_epoch=1"))
    _train(run)
    before = run.last_checkpoint.stat().st_mtime_ns
    _train(run)
    assert run.last_checkpoint.stat().st_mtime_ns == before


def test_it_starts_from_given_weights(tiny: Path) -> None:
    recipe = _recipe(tiny, "train.epochs=1", "train.steps_per_epoch=1")
    first = Run.create(recipe)
    _train(first)
    assert recipe.data.train is not None
    second = Run.create(
        _recipe(
            tiny,
            "train.epochs=1",
            "train.steps_per_epoch=1",
            "optimizer.lr=1e-30",
            "schedule.warmup_start_lr=0",
            "schedule.min_lr=0",
            "optimizer.weight_decay=0",
        )
    )
    train(second, recipe.data.train.volumes(), first.last_checkpoint)
    one, other = Checkpoint.load(first.last_checkpoint), Checkpoint.load(second.last_checkpoint)
    weights = [name for name, _ in recipe.model.build(1, recipe.target.channels).named_parameters()]
    assert all(torch.equal(one.model[name], other.model[name]) for name in weights)
    assert other.step == 1


def test_a_loss_that_is_no_number_ends_it(tiny: Path) -> None:
    recipe = _recipe(tiny)
    trainer = Trainer.start(recipe)
    with torch.no_grad():
        for parameter in trainer.network.parameters():
            parameter.fill_(torch.nan)
    assert recipe.data.train is not None
    samples = Samples(recipe.data.train.volumes(), (2, 32, 32), (0, 0, 0), trainer.device)
    with pytest.raises(NeurokitError) as caught:
        trainer.advance(samples)
    assert str(caught.value) == (
        "the loss of step 1 is nan with a gradient of norm nan; "
        "lower optimizer.lr, or set system.precision=float32"
    )
    assert trainer.step == 0


def test_memory_that_runs_out(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer.start(_recipe(tiny))

    def fail(*_: Any) -> Any:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried")

    monkeypatch.setattr(Trainer, "_gradients", fail)
    with pytest.raises(NeurokitError) as caught:
        trainer.advance(None)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "memory ran out in training step 1; lower train.batch_size or train.patch_size"
    )


def test_the_seed_decides_the_weights(tiny: Path) -> None:
    one, same = Trainer.start(_recipe(tiny)), Trainer.start(_recipe(tiny))
    other = Trainer.start(_recipe(tiny, "seed=8"))
    assert _equal(one.network.state_dict(), same.network.state_dict())
    assert not _equal(one.network.state_dict(), other.network.state_dict())


def test_small_patches_give_the_same_weights_each_time(tiny: Path) -> None:
    recipe = _recipe(tiny, "train.patch_size=[2,16,16]")
    assert recipe.data.train is not None
    states = []
    for _ in range(2):
        trainer = Trainer.start(recipe)
        samples = Samples(recipe.data.train.volumes(), (2, 16, 16), (0, 0, 0), trainer.device)
        for _ in range(3):
            trainer.advance(samples)
        states.append(trainer.network.state_dict())
    assert _equal(*states)
