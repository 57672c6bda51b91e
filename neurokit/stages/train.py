"""The training stage: from labelled volumes to a checkpoint."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from attrs import define
from torch import nn

from neurokit.checkpoint import Checkpoint
from neurokit.device import MixedPrecision, choose_device, choose_precision, use_threads
from neurokit.errors import NeurokitError
from neurokit.progress import track
from neurokit.recipe import to_toml
from neurokit.run import Run
from neurokit.samples import Samples
from neurokit.sampling import SampleRandom
from neurokit.schema import Recipe
from neurokit.volumes import Volume

log = logging.getLogger("neurokit")


def train(run: Run, volumes: Sequence[Volume], weights: Path | None = None) -> Path:
    """Train until the recipe's last step, continuing from the run's last checkpoint if it has one.

    Args:
        run: holds the recipe; checkpoints are written to its folder.
        volumes: labelled.
        weights: a checkpoint whose weights a training that starts anew starts from.

    Returns:
        The checkpoint of the last step.
    """
    with run.stage("train") as stage:
        trainer = Trainer.start(run.recipe)
        if run.last_checkpoint.exists():
            trainer.restore(run.last_checkpoint)
        elif any(run.checkpoints.glob("*.ckpt")):
            raise NeurokitError(
                f"{run.last_checkpoint} is gone, and training would start anew; to go on from an "
                f"earlier epoch, copy its checkpoint there"
            )
        elif weights is not None:
            Checkpoint.load(weights).restore_model(trainer.network, weights)
        if trainer.step == trainer.total_steps:
            stage.reused = True
            return run.last_checkpoint
        _epochs(run, trainer, volumes)
    return run.last_checkpoint


def _epochs(run: Run, trainer: Trainer, volumes: Sequence[Volume]) -> None:
    settings = run.recipe.train
    samples = Samples(volumes, settings.patch_size, settings.pad, trainer.device)
    remaining = range(trainer.step, trainer.total_steps)
    log.info("training from step %d to %d", trainer.step, trainer.total_steps)
    try:
        for _ in track(remaining, "steps", len(remaining)):
            started = time.monotonic()
            scalars = trainer.advance(samples)
            voxels = settings.batch_size * math.prod(settings.patch_size)
            scalars["voxels_per_second"] = voxels / (time.monotonic() - started)
            epoch, steps_of_next = divmod(trainer.step, settings.steps_per_epoch)
            # Before anyone is told of the step, as listeners take time and may be interrupted.
            loss = _close_epoch(run, trainer, epoch) if steps_of_next == 0 else None
            run.hooks.hook.step(
                run=run, step=trainer.step, total_steps=trainer.total_steps, scalars=scalars
            )
            if loss is not None:
                run.hooks.hook.epoch(
                    run=run, epoch=epoch, epochs=settings.epochs, scalars={"loss": loss}
                )
    except KeyboardInterrupt:
        # Elsewhere the state is not whole, but the checkpoint of the last epoch is.
        if trainer.between_steps:
            trainer.checkpoint().save(run.last_checkpoint)
        raise


def _close_epoch(run: Run, trainer: Trainer, epoch: int) -> float:
    """Keep the epoch's checkpoint if it is among the best, drop what it displaces; its loss."""
    settings = run.recipe.train
    trainer.between_steps = False
    loss = trainer.epoch_loss / settings.steps_per_epoch
    trainer.epoch_loss = 0.0
    log.info("epoch %d of %d: loss %.4f", epoch, settings.epochs, loss)
    name = f"epoch={epoch:03d}-train_loss_total_epoch={loss:.4f}.ckpt"
    ranked = sorted([*trainer.best, (loss, name)])
    displaced = ranked[settings.keep_best :]
    trainer.best = ranked[: settings.keep_best]
    if (loss, name) in trainer.best:
        trainer.checkpoint().save(run.checkpoints / name)
        run.written(run.checkpoints / name)
    trainer.checkpoint().save(run.last_checkpoint)
    run.written(run.last_checkpoint)
    for _, file in displaced:
        (run.checkpoints / file).unlink(missing_ok=True)
    trainer.between_steps = True
    return loss


@define
class Trainer:
    """A network on its way: everything that an optimizer step changes.

    Attributes:
        step: optimizer steps done.
        between_steps: whether all of it is of the same step, and no epoch is still to be closed.
    """

    recipe: Recipe
    device: torch.device
    network: nn.Module
    forward: nn.Module
    loss: nn.Module
    optimizer: torch.optim.Optimizer
    step: int
    total_steps: int
    epoch_loss: float
    best: list[tuple[float, str]]
    between_steps: bool = True

    @classmethod
    def start(cls, recipe: Recipe) -> Trainer:
        """Fresh weights, drawn from the recipe's seed."""
        use_threads(recipe.system)
        device = choose_device(recipe.system)
        torch.manual_seed(recipe.seed)
        channels = recipe.target.channels
        network = recipe.model.build(1, channels).to(device)
        # The weights' layout passes on to what the convolutions compute. Images keep theirs: of one
        # channel in this layout, GroupNorm's gradient reads beyond its memory (torch 2.13, CPU).
        network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        loss = recipe.loss.build(channels).to(device)
        parameters = [*network.parameters(), *loss.parameters()]
        return cls(
            recipe=recipe,
            device=device,
            network=network.train(),
            forward=MixedPrecision(network, choose_precision(recipe.system, device)),
            loss=loss.train(),
            optimizer=recipe.optimizer.build(parameters),
            step=0,
            total_steps=recipe.train.epochs * recipe.train.steps_per_epoch,
            epoch_loss=0.0,
            best=[],
        )

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint of the same recipe."""
        checkpoint = Checkpoint.load(path)
        checkpoint.restore_model(self.network, path)
        self.loss.load_state_dict(checkpoint.loss)
        self.optimizer.load_state_dict(checkpoint.optimizer)
        torch.set_rng_state(checkpoint.random_state)
        self.step = checkpoint.step
        self.epoch_loss = checkpoint.epoch_loss
        self.best = [(loss, name) for loss, name in checkpoint.best]

    def checkpoint(self) -> Checkpoint:
        """The state as it is now."""
        return Checkpoint(
            step=self.step,
            recipe=to_toml(self.recipe),
            model=self.network.state_dict(),
            loss=self.loss.state_dict(),
            optimizer=self.optimizer.state_dict(),
            random_state=torch.get_rng_state(),
            epoch_loss=self.epoch_loss,
            best=list(self.best),
        )

    def advance(self, samples: Samples) -> dict[str, float]:
        """One optimizer step; what it has to say for the log.

        Raises:
            NeurokitError: the loss is not a finite number, or memory ran out.
        """
        self.between_steps = False
        lr = self.recipe.schedule.lr(self.step, self.total_steps, self.recipe.optimizer.lr)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        try:
            loss, terms = self._gradients(samples)
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            raise NeurokitError(
                f"memory ran out in training step {self.step + 1}; "
                f"lower train.batch_size or train.patch_size"
            ) from error
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, self.recipe.train.gradient_clip)
        if not (math.isfinite(loss) and math.isfinite(float(norm))):
            raise NeurokitError(
                f"the loss of step {self.step + 1} is {loss} with a gradient of norm {norm:g}; "
                f"lower optimizer.lr, or set system.precision=float32"
            )
        self.optimizer.step()
        self.step += 1
        self.epoch_loss += loss
        self.between_steps = self.step % self.recipe.train.steps_per_epoch != 0
        return {"loss": loss, "lr": lr, **terms}

    def _gradients(self, samples: Samples) -> tuple[float, dict[str, float]]:
        """Draw the step's samples, and leave the gradients of their loss in the parameters."""
        indices = range(self.recipe.train.batch_size)
        random = SampleRandom(self.recipe.seed, self.step, indices, self.device)
        batch = samples.batch(random)
        for augmentation in self.recipe.train.augmentations:
            batch = augmentation.apply(batch, random)
        target, mask = self.recipe.target.encode(batch.labels_BZYX)
        self.optimizer.zero_grad(set_to_none=True)
        loss, terms = self.loss(self.forward(batch.image_BCZYX), target, mask)
        loss.backward()
        return float(loss.detach()), {f"loss/{name}": term.item() for name, term in terms.items()}


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
