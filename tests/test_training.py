"""Training: continued, it gives the bits of a training that never stopped."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from attrs import evolve
from frail import assert_same, equal, frail_installed, frail_recipe, status, trained

from neurokit import NeurokitError, hookimpl, load_recipe
from neurokit.checkpoint import Checkpoint
from neurokit.pipeline import execute
from neurokit.run_folder import Interrupted, Run
from neurokit.samples import Samples
from neurokit.sampling import SampleRandom
from neurokit.schema import Recipe
from neurokit.stages.train import train
from neurokit.trainer import Trainer
from neurokit.weights import Weights

CPU = torch.device("cpu")
SMALL = ("train.patch_size=[2,32,32]", "train.batch_size=1", "data.train.shape=[6,40,40]")


def _recipe(tiny: Path, *overrides: str) -> Recipe:
    return load_recipe(tiny, [*SMALL, *overrides])


def _samples(recipe: Recipe) -> Samples:
    assert recipe.data.train is not None
    return Samples(recipe.data.train.volumes(), recipe.train.patch_size, (0, 0, 0), CPU)


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


def _go_on(folder: Path) -> None:
    trained(Run.open(folder))


@pytest.mark.parametrize("after", [2, 3], ids=["within an epoch", "at the end of an epoch"])
def test_continuing_gives_the_same_bits(tiny: Path, after: int) -> None:
    recipe = _recipe(tiny, "system.threads=1")
    straight = trained(Run.create(recipe))
    stopped = Run.create(recipe, plugins=[Stop(after)])
    with pytest.raises(Interrupted):
        trained(stopped)
    assert Checkpoint.load(stopped.last_checkpoint).step == after
    assert status(_go_on, stopped.folder) == 0
    continued = Checkpoint.load(stopped.last_checkpoint)
    assert continued.step == 6
    assert_same(continued, straight)
    files = {path.name for path in stopped.checkpoints.iterdir()}
    assert files == {"last.ckpt", *(name for _, name in straight.best)}


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
        trained(run)
    assert Checkpoint.load(run.last_checkpoint).step == 3
    assert_same(trained(run), trained(Run.create(recipe)))


def test_the_best_epochs_are_kept(tiny: Path) -> None:
    notes = Notes()
    run = Run.create(
        _recipe(tiny, "train.epochs=6", "train.steps_per_epoch=1", "train.keep_best=3"),
        plugins=[notes],
    )
    checkpoint = trained(run)
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
    assert trained(run).best == []
    assert [path.name for path in run.checkpoints.iterdir()] == ["last.ckpt"]


def test_each_step_runs_at_the_rate_of_the_schedule(tiny: Path) -> None:
    notes = Notes()
    recipe = _recipe(tiny, "schedule.warmup_fraction=0.5")
    checkpoint = trained(Run.create(recipe, plugins=[notes]))
    rates = [recipe.schedule.lr(step, 6, 1e-3) for step in range(6)]
    assert len(set(rates)) == 6
    assert [step["lr"] for step in notes.steps] == rates
    assert {group["lr"] for group in checkpoint.optimizer["param_groups"]} == {rates[-1]}
    assert all(step["voxels_per_second"] > 0 for step in notes.steps)


def test_a_finished_training_is_not_repeated(tiny: Path) -> None:
    run = Run.create(_recipe(tiny, "train.epochs=1", "train.steps_per_epoch=1"))
    trained(run)
    before = run.last_checkpoint.stat().st_mtime_ns
    trained(run)
    assert run.last_checkpoint.stat().st_mtime_ns == before


def test_it_starts_from_given_weights(tiny: Path) -> None:
    recipe = _recipe(tiny, "train.epochs=1", "train.steps_per_epoch=1")
    first = Run.create(recipe)
    trained(first)
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
    before = Weights.of_checkpoint(first.last_checkpoint)
    train(second, recipe.data.train.volumes(), before)
    one, other = Checkpoint.load(first.last_checkpoint), Checkpoint.load(second.last_checkpoint)
    weights = [name for name, _ in recipe.model.build(1, recipe.target.channels).named_parameters()]
    assert all(torch.equal(one.model[name], other.model[name]) for name in weights)
    assert other.step == 1


@pytest.fixture
def frail(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The recipe `tiny`, where its network can be frail and its samples poisoned."""
    with frail_installed(tmp_path, monkeypatch):
        yield tiny


class Spoil:
    """Makes the loss of some steps no number, or its gradient infinite, counted from 1."""

    def __init__(self, *steps: int, how: float = math.nan, gradient_only: bool = False) -> None:
        self.steps = steps
        self.how = how
        self.gradient_only = gradient_only

    def into(self, trainer: Trainer) -> None:
        """Whenever this trainer computes its loss."""
        trainer.loss.register_forward_hook(
            lambda module, given, result: (
                (self._spoilt(result[0]), result[1])
                if trainer.step + 1 in self.steps and torch.is_grad_enabled()
                else result
            )
        )

    def _spoilt(self, loss: torch.Tensor) -> torch.Tensor:
        if self.gradient_only:
            loss.register_hook(lambda gradient: gradient * self.how)  # type: ignore[no-untyped-call]
            return loss
        return loss * self.how


def _everything(trainer: Trainer) -> dict[str, Any]:
    """What an optimizer step changes, copied."""
    saved = trainer.checkpoint()
    names = ("model", "loss", "optimizer", "averaged", "epoch_loss", "epoch_steps")
    return copy.deepcopy({name: getattr(saved, name) for name in names})


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "spoil",
    [Spoil(3), Spoil(3, how=math.inf), Spoil(3, how=math.inf, gradient_only=True)],
    ids=["nan", "inf", "gradient"],
)
def test_a_step_without_a_finite_loss_changes_nothing(
    frail: Path, spoil: Spoil, precision: str
) -> None:
    recipe = frail_recipe(frail, f"system.precision={precision}", "train.accumulate=1")
    trainer = Trainer.start(recipe)
    spoil.into(trainer)
    states, scalars = [], []
    for said in trainer.steps(_samples(recipe)):
        scalars.append(said)
        states.append(_everything(trainer) | {"nonfinite": trainer.nonfinite})
    assert trainer.step == 6
    assert [state.pop("nonfinite") for state in states] == [0, 0, 1, 0, 0, 0]
    lrs = [recipe.schedule.lr(step, 6, 1e-3) for step in range(6)]
    assert [said["lr"] for said in scalars] == lrs
    for group in states[2]["optimizer"]["param_groups"]:
        group["lr"] = lrs[1]
    assert equal(states[2], states[1])
    assert not math.isfinite(scalars[2]["gradient_norm"])
    assert states[3]["epoch_steps"] == 3
    assert not equal(states[3]["model"], states[2]["model"])
    assert all(value.isfinite().all() for value in states[5]["model"].values())


def test_an_image_that_is_no_number_does_not_stay_in_running_statistics(frail: Path) -> None:
    recipe = frail_recipe(
        frail,
        "train.augmentations=[{use='poison', probability=0.2}]",
        "train.nonfinite_steps=6",
    )
    notes = Notes()
    checkpoint = trained(Run.create(recipe, plugins=[notes]))
    bad = [not math.isfinite(step["loss"]) for step in notes.steps]
    assert any(bad)
    assert not all(bad)
    for weights in (checkpoint.model, checkpoint.averaged):
        assert all(value.isfinite().all() for value in weights.values())
    tracked = checkpoint.model["layers.1.num_batches_tracked"].item()
    assert tracked == 2 * bad.count(False)  # of each step two batches


def test_an_overflow_of_float16_only_scales_less(frail: Path) -> None:
    recipe = frail_recipe(frail, "system.precision=float16", "train.accumulate=1")
    trainer = Trainer.start(recipe)
    Spoil(2, how=math.inf, gradient_only=True).into(trainer)
    steps = trainer.steps(_samples(recipe))
    next(steps)
    before, scale = _everything(trainer), trainer.scaler.get_scale()
    next(steps)
    after = _everything(trainer)
    assert trainer.scaler.get_scale() == scale / 2
    assert trainer.nonfinite == 0
    assert equal(after["averaged"], before["averaged"])
    assert equal(after["optimizer"]["state"], before["optimizer"]["state"])
    weights = [name for name, _ in trainer.network.named_parameters()]
    assert all(torch.equal(after["model"][name], before["model"][name]) for name in weights)
    next(steps)
    assert not equal(_everything(trainer)["averaged"], before["averaged"])


def test_an_overflow_that_no_scale_explains_is_an_error(frail: Path) -> None:
    recipe = frail_recipe(frail, "system.precision=float16", "train.nonfinite_steps=1")
    trainer = Trainer.start(recipe)
    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=0.5)
    Spoil(1, how=math.inf, gradient_only=True).into(trainer)
    with pytest.raises(NeurokitError, match=r"^the loss of step 1 is .* with a gradient of norm"):
        next(trainer.steps(_samples(recipe)))


def _poisoned(recipe: Recipe) -> list[list[int]]:
    """Of each step, the samples of its global batch that are no numbers; looked at one by one."""
    from neurokit_frail import Poison

    (poison,) = recipe.train.augmentations
    assert isinstance(poison, Poison)
    samples = _samples(recipe)
    found: list[list[int]] = []
    for step in range(6):
        found.append([])
        for index in range(4):
            random = SampleRandom(recipe.seed, step, [index], CPU)
            batch = poison.apply(samples.batch(random), random)
            if batch.image_BCZYX.isnan().any():
                found[-1].append(index)
    return found


@pytest.mark.parametrize("stops", [False, True], ids=["at once", "with a stop in between"])
def test_too_many_steps_in_a_row_end_it_and_name_the_sample(frail: Path, stops: bool) -> None:
    recipe = frail_recipe(
        frail,
        "train.augmentations=[{use='poison', probability=0.3}]",
        "train.nonfinite_steps=2",
        "seed=22",
        "train.steps_per_epoch=1",
        "train.epochs=6",
    )
    poisoned = _poisoned(recipe)
    assert poisoned == [[2], [], [], [3], [1, 2, 3], [0]]
    last = 4
    run = Run.create(recipe, plugins=[Stop(last)] if stops else None)
    if stops:
        with pytest.raises(Interrupted):
            trained(run)
        assert Checkpoint.load(run.last_checkpoint).nonfinite == 1
        run = Run.open(run.folder)
    with pytest.raises(NeurokitError) as caught:
        trained(run)
    index = poisoned[last][0]
    (place,) = _samples(recipe).places(SampleRandom(recipe.seed, last, [index], CPU))
    z, y, x = place.corner
    assert str(caught.value) == (
        f"the loss of step {last + 1} is nan with a gradient of norm nan, the last of 2 such steps "
        f"in a row; its sample {index} (volume 'phantom-1-0' at z {z}, y {y}, x {x}) alone makes "
        f"it so; look at the data there, lower optimizer.lr, or set system.precision=float32; the "
        f"checkpoints are of before"
    )
    kept = Checkpoint.load(run.last_checkpoint)
    # The epoch that ended without a finite loss was saved only where that was asked for.
    assert kept.step == (last if stops else last - 1)
    for weights in (kept.model, kept.averaged):
        assert all(value.isfinite().all() for value in weights.values())
    for loss, name in kept.best:
        assert math.isfinite(loss)
        assert (run.checkpoints / name).exists()


def test_weights_that_are_no_numbers_make_every_sample_so(tiny: Path) -> None:
    recipe = _recipe(tiny, "train.nonfinite_steps=1")
    trainer = Trainer.start(recipe)
    with torch.no_grad():
        for parameter in trainer.network.parameters():
            parameter.fill_(torch.nan)
    samples = _samples(recipe)
    (place,) = samples.places(SampleRandom(recipe.seed, 0, [0], CPU))
    with pytest.raises(NeurokitError) as caught:
        next(trainer.steps(samples))
    assert str(caught.value) == (
        f"the loss of step 1 is nan with a gradient of norm nan; its sample 0 ({place}) alone "
        f"makes it so; look at the data there, lower optimizer.lr, or set "
        f"system.precision=float32; the checkpoints are of before"
    )
    assert trainer.step == 0


def test_a_loss_that_no_sample_explains(frail: Path) -> None:
    recipe = frail_recipe(frail, "train.nonfinite_steps=1")
    trainer = Trainer.start(recipe)
    Spoil(1).into(trainer)
    with pytest.raises(NeurokitError, match="; no sample of it alone makes it so; look at"):
        next(trainer.steps(_samples(recipe)))


def test_an_epoch_that_ends_without_a_finite_loss_is_not_saved(frail: Path) -> None:
    recipe = frail_recipe(
        frail,
        "train.augmentations=[{use='poison', probability=1}]",
        "train.nonfinite_steps=99",
        "train.keep_best=1",
    )
    notes = Notes()
    run = Run.create(recipe, plugins=[notes])
    with pytest.raises(NeurokitError) as caught:
        trained(run)
    assert str(caught.value) == (
        "the training ends without a finite loss, for 6 steps in a row, and its weights are not "
        "saved; lower optimizer.lr, or look at the data"
    )
    assert notes.epochs == [(1, math.inf)]
    assert not list(run.checkpoints.glob("*"))


@pytest.mark.parametrize(
    ("error", "overrides", "lower"),
    [
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried"),
            ["train.batch_size=3"],
            "train.batch_size (now 3), with train.accumulate raised as much",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
            ["train.batch_size=1"],
            "train.patch_size (now [2, 32, 32])",
        ),
        (MemoryError(), ["train.batch_size=1"], "train.patch_size (now [2, 32, 32])"),
    ],
)
def test_memory_that_runs_out(
    tiny: Path, error: Exception, overrides: list[str], lower: str
) -> None:
    recipe = _recipe(tiny, *overrides)
    trainer = Trainer.start(recipe)
    steps = trainer.steps(_samples(recipe))
    next(steps)

    def fail(*_: Any) -> None:
        raise error

    trainer.forward.register_forward_pre_hook(fail)
    with pytest.raises(NeurokitError) as caught:
        next(steps)
    assert str(caught.value) == (
        f"memory ran out in training step 2; lower {lower}, or train.volume_memory_gib"
    )


def test_other_errors_stay_what_they_are(tiny: Path) -> None:
    recipe = _recipe(tiny)
    trainer = Trainer.start(recipe)

    def fail(*_: Any) -> None:
        raise RuntimeError("shapes do not fit")

    trainer.forward.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match=r"^shapes do not fit$"):
        next(trainer.steps(_samples(recipe)))


def _of_the_first_format(checkpoint: Checkpoint, path: Path) -> None:
    """Write what the first format held of it."""
    names = ("step", "recipe", "model", "loss", "optimizer", "random_state", "epoch_loss", "best")
    content = {name: getattr(checkpoint, name) for name in names}
    torch.save({"neurokit_checkpoint": 1, **content}, path)


@pytest.mark.parametrize("after", [2, 3])
def test_a_checkpoint_of_the_first_format_is_continued(frail: Path, after: int) -> None:
    recipe = frail_recipe(frail, "train.ema_decay=0", "train.accumulate=1")
    straight = trained(Run.create(recipe))
    run = Run.create(recipe, plugins=[Stop(after)])
    with pytest.raises(Interrupted):
        trained(run)
    _of_the_first_format(Checkpoint.load(run.last_checkpoint), run.last_checkpoint)
    assert_same(trained(Run.open(run.folder)), straight)


def test_averaging_that_begins_with_an_old_checkpoint_begins_at_its_weights(frail: Path) -> None:
    run = Run.create(frail_recipe(frail, "train.ema_decay=0"), plugins=[Stop(2)])
    with pytest.raises(Interrupted):
        trained(run)
    old = Checkpoint.load(run.last_checkpoint)
    trainer = Trainer.start(frail_recipe(frail, "train.ema_decay=0.5"))
    trainer.restore(old, run.last_checkpoint)
    assert trainer.averaged is not None
    assert equal(trainer.averaged.state_dict(), old.model)


def test_a_checkpoint_of_another_optimizer(frail: Path, tmp_path: Path) -> None:
    recipe = frail_recipe(frail)
    trainer = Trainer.start(recipe)
    path = tmp_path / "a.ckpt"
    trainer.checkpoint().save(path)
    other = Checkpoint.load(path)
    other.optimizer["param_groups"].pop()
    with pytest.raises(NeurokitError) as caught:
        Trainer.start(recipe).restore(other, path)
    assert str(caught.value) == (
        f"the checkpoint {path} does not fit the recipe's loss or optimizer: loaded state dict has "
        f"a different number of parameter groups; use the recipe it was trained with"
    )


def test_weights_alone_are_taken_over_averaged(frail: Path) -> None:
    first = Run.create(frail_recipe(frail))
    given = trained(first)
    trainer = Trainer.start(frail_recipe(frail))
    trainer.start_from(Weights.of_checkpoint(first.last_checkpoint))
    assert equal(dict(trainer.network.state_dict()), given.averaged)
    assert trainer.averaged is not None
    assert equal(trainer.averaged.state_dict(), given.averaged)
    assert trainer.step == 0


def test_batches_of_a_step_are_one_large_batch(frail: Path) -> None:
    # Without running statistics and random numbers, which see the batches one by one. The loss
    # balances each batch by itself, so one without balance stands for it.
    states = []
    for sizes in (["train.batch_size=4", "train.accumulate=1"], ["train.batch_size=2"]):
        network = "model={use='rsunet', widths=[4], kernels=[[1,3,3]]}"
        recipe = frail_recipe(frail, *sizes, network, "train.ema_decay=0")
        trainer = Trainer.start(recipe)
        trainer.network.double()
        trainer.objective.loss = trainer.loss = _Squares()
        next(trainer.steps(_samples(recipe)))
        states.append([p.grad for p in trainer.network.parameters()])
        assert trainer.global_batch == 4
    for one, other in zip(*states, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


class _Squares(torch.nn.Module):
    def forward(
        self, logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return (logits - target).square().mean(), {}


def test_a_run_goes_on_in_the_precision_it_began_with(
    frail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = frail_recipe(frail, "system.precision=auto")
    for began, now in ((True, False), (False, True)):
        monkeypatch.setattr("neurokit.device._bfloat16_wins_on_cpu", lambda began=began: began)
        checkpoint = Trainer.start(recipe).checkpoint()
        monkeypatch.setattr("neurokit.device._bfloat16_wins_on_cpu", lambda now=now: now)
        expected = torch.bfloat16 if began else torch.float32
        assert checkpoint.precision == str(expected).removeprefix("torch.")
        assert Trainer.start(recipe, checkpoint).precision == expected
        assert Trainer.start(recipe).precision != expected


def test_inference_uses_the_averaged_weights(frail: Path) -> None:
    outcome = execute(frail_recipe(frail))
    predicted = outcome.folder / "results_step=6" / "test_im_prediction.h5"
    with h5py.File(predicted) as file:
        first, fingerprint = file["main"][...], file["main"].attrs["fingerprint"]
    checkpoint = Checkpoint.load(outcome.checkpoint)
    for change, same in (
        ({"model": {name: t * 2 for name, t in checkpoint.model.items()}}, True),
        ({"averaged": {}}, False),
    ):
        evolve(checkpoint, **change).save(outcome.checkpoint)
        execute(load_recipe(outcome.folder / "recipe.toml"), "test", resume=outcome.folder)
        with h5py.File(predicted) as file:
            assert (file["main"].attrs["fingerprint"] == fingerprint) == same
            assert np.array_equal(file["main"][...], first) == same


def test_the_seed_decides_the_weights(tiny: Path) -> None:
    one, same = Trainer.start(_recipe(tiny)), Trainer.start(_recipe(tiny))
    other = Trainer.start(_recipe(tiny, "seed=8"))
    assert equal(one.network.state_dict(), same.network.state_dict())
    assert not equal(one.network.state_dict(), other.network.state_dict())


def test_small_patches_give_the_same_weights_each_time(tiny: Path) -> None:
    recipe = _recipe(tiny, "train.patch_size=[2,16,16]")
    states = []
    for _ in range(2):
        trainer = Trainer.start(recipe)
        steps = trainer.steps(_samples(recipe))
        for _ in range(3):
            next(steps)
        states.append(trainer.network.state_dict())
    assert equal(*states)
