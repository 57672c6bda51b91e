"""Trainer: a network on its way, and the optimizer steps that it takes."""

from __future__ import annotations

import logging
import math
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from itertools import chain
from pathlib import Path

import torch
from attrs import define, field
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from neurokit.activation import activated
from neurokit.allocator import freed_memory_kept
from neurokit.averaging import AveragedWeights
from neurokit.checkpoint import Checkpoint
from neurokit.device import (
    MixedPrecision,
    channels_last,
    choose_device,
    choose_precision,
    out_of_memory,
    precision_name,
    use_threads,
    wants_compiling,
)
from neurokit.distributed import agreed, first_said, mean_over_processes, world
from neurokit.errors import NeurokitError
from neurokit.previews import Preview
from neurokit.recipe import to_toml
from neurokit.samples import Samples
from neurokit.samples.feed import Feed, OneAhead, Prepared
from neurokit.schema import Recipe
from neurokit.weights import Weights

log = logging.getLogger("neurokit")

# Below this scale gradients overflow float16 without any scaling: something else is wrong.
_LEAST_SCALE = 1.0


@define
class Trainer:
    """Everything that an optimizer step changes, on one device of one process.

    Attributes:
        step: optimizer steps done.
        between_steps: whether all of it is of the same step, and no epoch is still to be closed.
        nonfinite: steps in a row without a finite loss; they changed no weight.
        unknown: steps whose samples held nothing known, since that was last told; nor did these.
    """

    recipe: Recipe
    feed: Feed
    device: torch.device
    precision: torch.dtype
    network: nn.Module
    forward: MixedPrecision
    loss: nn.Module
    objective: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    averaged: AveragedWeights | None
    total_steps: int
    step: int = 0
    epoch_loss: float = 0.0
    epoch_steps: int = 0
    nonfinite: int = 0
    unknown: int = 0
    best: list[tuple[float, str]] = field(factory=list)
    between_steps: bool = True

    @classmethod
    def start(cls, recipe: Recipe, checkpoint: Checkpoint | None = None) -> Trainer:
        """Fresh weights, drawn from the recipe's seed.

        Args:
            recipe: resolved.
            checkpoint: that `restore` will continue from; the precision is taken from it.
        """
        use_threads(recipe.system)
        device = choose_device(recipe.system)
        precision = choose_precision(recipe.system, device)
        if checkpoint is not None and recipe.system.precision == "auto":
            precision = _same_precision(checkpoint, device, precision)
        torch.manual_seed(recipe.seed)
        channels = recipe.target.channels
        network = channels_last(recipe.model.build(1, channels).to(device)).train()
        forward = MixedPrecision(
            network, precision, compiled=wants_compiling(recipe.system, device)
        )
        loss = recipe.loss.build(channels).to(device).train()
        parameters = [*network.parameters(), *loss.parameters()]
        decay = recipe.train.ema_decay
        return cls(
            recipe=recipe,
            feed=Feed(recipe, world(), device),
            device=device,
            precision=precision,
            network=network,
            forward=forward,
            loss=loss,
            objective=_shared(_Objective(forward, loss), device),
            optimizer=recipe.optimizer.build(parameters),
            scaler=torch.amp.GradScaler(device.type, enabled=precision == torch.float16),
            averaged=AveragedWeights(network, decay) if decay else None,
            total_steps=recipe.train.epochs * recipe.train.steps_per_epoch,
        )

    def restore(self, checkpoint: Checkpoint, path: Path) -> None:
        """Continue from a checkpoint of the same recipe, read from `path`.

        Raises:
            NeurokitError: the checkpoint is of another network, loss or optimizer.
        """
        checkpoint.restore_model(self.network, path)
        if checkpoint.global_batch not in (None, self.global_batch):
            raise NeurokitError(
                f"{path} was trained with {checkpoint.global_batch} samples a step, and would go "
                f"on with {self.global_batch}; train.batch_size times train.accumulate times the "
                f"number of processes must stay the same"
            )
        try:
            self.loss.load_state_dict(checkpoint.loss)
            self.optimizer.load_state_dict(checkpoint.optimizer)
            if self.averaged is not None:
                self.averaged.load_state_dict(checkpoint.best_weights)
            if self.scaler.is_enabled() and checkpoint.scaler:
                self.scaler.load_state_dict(checkpoint.scaler)
        except (RuntimeError, ValueError, KeyError) as error:
            raise NeurokitError(
                f"the checkpoint {path} does not fit the recipe's loss or optimizer: "
                f"{' '.join(str(error).split())}; use the recipe it was trained with"
            ) from error
        torch.set_rng_state(checkpoint.random_state)
        if self.device.type == "cuda" and checkpoint.device_random_state is not None:
            torch.cuda.set_rng_state(checkpoint.device_random_state, self.device)
        self.step = checkpoint.step
        self.epoch_loss = checkpoint.epoch_loss
        self.epoch_steps = (
            self.step % self.recipe.train.steps_per_epoch
            if checkpoint.epoch_steps is None
            else checkpoint.epoch_steps
        )
        self.nonfinite = checkpoint.nonfinite
        self.best = [(loss, name) for loss, name in checkpoint.best]

    def start_from(self, weights: Weights) -> None:
        """Take over only what another training learnt."""
        weights.restore(self.network)
        if self.averaged is not None:
            self.averaged.load_state_dict(self.network.state_dict())

    def checkpoint(self) -> Checkpoint:
        """The state as it is now."""
        cuda = self.device.type == "cuda"
        return Checkpoint(
            step=self.step,
            recipe=to_toml(self.recipe),
            model=self.network.state_dict(),
            loss=self.loss.state_dict(),
            optimizer=self.optimizer.state_dict(),
            random_state=torch.get_rng_state(),
            epoch_loss=self.epoch_loss,
            best=list(self.best),
            averaged=self.averaged.state_dict() if self.averaged else {},
            scaler=self.scaler.state_dict(),
            precision=precision_name(self.precision),
            device_random_state=torch.cuda.get_rng_state(self.device) if cuda else None,
            epoch_steps=self.epoch_steps,
            nonfinite=self.nonfinite,
            global_batch=self.global_batch,
        )

    def steps(self, samples: Samples) -> Iterator[dict[str, float]]:
        """The optimizer steps that are left, each taken when it is asked for.

        Returns:
            What each has to say for the log: `loss` and `loss/<term>` (means over the batch, NaN
            where nothing of it is known), `lr`, `gradient_norm`, `steps_per_second`,
            `voxels_per_second`, `memory_gib`.

        Raises:
            NeurokitError: the loss was not finite for too many steps, or memory ran out.
        """
        prepared = self.feed.training(samples, range(self.step, self.total_steps))
        with closing(prepared), freed_memory_kept(self.device.type):
            batches = OneAhead(prepared)
            while self.step < self.total_steps:
                started = time.monotonic()
                with self._minding_memory(f"in training step {self.step + 1}"):
                    scalars = self._advance(batches, samples)
                seconds = time.monotonic() - started
                patch = math.prod(self.recipe.train.patch_size)
                scalars["steps_per_second"] = 1 / seconds
                scalars["voxels_per_second"] = self.global_batch * patch / seconds
                scalars["memory_gib"] = _peak_memory(self.device) / 2**30
                yield scalars

    @property
    def global_batch(self) -> int:
        """Samples of an optimizer step, over all processes."""
        return self.feed.global_batch

    def _advance(self, batches: OneAhead, samples: Samples) -> dict[str, float]:
        self.between_steps = False
        lr = self.recipe.schedule.lr(self.step, self.total_steps, self.recipe.optimizer.lr)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        buffers = [buffer.clone() for buffer in self.objective.buffers()]
        said, names = self._gradients(batches)
        self.scaler.unscale_(self.optimizer)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, self.recipe.train.gradient_clip)
        # The one place in a step that waits for the device.
        known, loss, *terms, gradient_norm = torch.cat([said, norm.to(said)[None]]).tolist()
        if not known:
            # Weight decay and momentum would move the weights, and the loss may be anything.
            self.unknown += 1
            self.scaler.update()
        elif not self._update(loss, gradient_norm):
            self.nonfinite += 1
            log.warning(
                "step %d changed no weight: its loss is %g with a gradient of norm %g",
                *(self.step + 1, loss, gradient_norm),
            )
            if self.nonfinite >= self.recipe.train.nonfinite_steps:
                raise self._not_finite(loss, gradient_norm, samples)
        if not known or self.nonfinite:
            # Running statistics may have taken in what is not finite, and never be rid of it.
            for buffer, before in zip(self.objective.buffers(), buffers, strict=True):
                buffer.copy_(before)
        self.step += 1
        self.between_steps = self.step % self.recipe.train.steps_per_epoch != 0
        named = {f"loss/{name}": term for name, term in zip(names, terms, strict=True)}
        return {"loss": loss, "lr": lr, "gradient_norm": gradient_norm, **named}

    def _gradients(self, batches: OneAhead) -> tuple[torch.Tensor, list[str]]:
        """Leave the step's gradients in the parameters.

        Returns:
            What `_mean_of_known` makes of its batches, and the names of the terms.
        """
        self.optimizer.zero_grad(set_to_none=True)
        accumulate = self.recipe.train.accumulate
        said: list[torch.Tensor] = []
        names: list[str] = []
        for number in range(accumulate):
            batch = next(batches)
            with self._local() if number < accumulate - 1 else nullcontext():
                loss, terms = self.objective(batch.image_BCZYX, batch.target_BCZYX, batch.mask)
                self.scaler.scale(loss / accumulate).backward()
            names = list(terms)
            said.append(_said(batch, loss, terms))
            # The device is busy now, and has work for as long as the next batch takes to describe.
            batches.prepare()
        return _mean_of_known(said), names

    def _local(self) -> AbstractContextManager[None]:
        """Gradients inside stay with this process."""
        if isinstance(self.objective, DistributedDataParallel):
            local: AbstractContextManager[None] = self.objective.no_sync()
            return local
        return nullcontext()

    def _update(self, loss: float, gradient_norm: float) -> bool:
        """Let the weights follow their gradients, unless loss or gradients are not finite.

        Float16 gradients may overflow now and then: the scaler skips such a step and scales less.

        Returns:
            Whether all is well.
        """
        overflown = (
            self.scaler.is_enabled()
            and not math.isfinite(gradient_norm)
            and self.scaler.get_scale() >= _LEAST_SCALE
        )
        well = math.isfinite(loss) and (math.isfinite(gradient_norm) or overflown)
        if well:
            self.nonfinite = 0
            self.epoch_loss += loss
            self.epoch_steps += 1
            self.scaler.step(self.optimizer)
            if self.averaged is not None and not overflown:
                self.averaged.update(self.step)
        self.scaler.update()
        return well

    def _not_finite(self, loss: float, norm: float, samples: Samples) -> NeurokitError:
        several = self.nonfinite > 1
        in_a_row = f", the last of {self.nonfinite} such steps in a row" if several else ""
        return NeurokitError(
            f"the loss of step {self.step + 1} is {loss:g} with a gradient of norm {norm:g}"
            f"{in_a_row}; {self._culprit(samples)}; look at the data there, lower optimizer.lr, or "
            f"set system.precision=float32; the checkpoints are of before"
        )

    @torch.no_grad()
    def _culprit(self, samples: Samples) -> str:
        """Which sample of the step makes its loss so, tried one by one."""
        found = None
        harmless = False
        for index in chain.from_iterable(self.feed.indices()):
            batch = self.feed.sample(samples, self.step, index)
            loss, _ = self.loss(self.forward(batch.image_BCZYX), batch.target_BCZYX, batch.mask)
            harmless = harmless or math.isfinite(loss.item())
            if found is None and not math.isfinite(loss.item()):
                place = self.feed.place(samples, self.step, index)
                found = f"its sample {index} ({place}) alone makes it so"
        if not agreed(harmless) and self.global_batch > 1:
            return "every sample of it alone makes it so, so the weights have gone astray"
        return first_said(found) or "no sample of it alone makes it so"

    @contextmanager
    def _minding_memory(self, when: str) -> Iterator[None]:
        """Where memory runs out inside, say what to lower."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            settings = self.recipe.train
            fewer = (
                f"train.batch_size (now {settings.batch_size}), with train.accumulate raised as "
                f"much"
                if settings.batch_size > 1
                else f"train.patch_size (now {list(settings.patch_size)})"
            )
            raise NeurokitError(
                f"memory ran out {when}; lower {fewer}, or train.volume_memory_gib"
            ) from error

    @contextmanager
    def predicting(self) -> Iterator[None]:
        """The network answers as inference would have it inside: averaged, not training.

        Afterwards everything is as it was, also the random state, so that looking on changes no
        training.
        """
        whole, self.between_steps = self.between_steps, False
        modules = (self.network, self.loss)
        for module in modules:
            module.eval()
        averaged = self.averaged.in_place() if self.averaged else nullcontext()
        devices = [self.device] if self.device.type == "cuda" else []
        try:
            with torch.no_grad(), torch.random.fork_rng(devices), averaged:
                yield
        finally:
            for module in modules:
                module.train()
        # Not after an interrupt, which may have come while weights were copied.
        self.between_steps = whole

    def validate(self, samples: Samples) -> dict[str, float]:
        """The loss and its terms over samples that are always the same, not augmented.

        They are NaN where nothing of these samples is known.
        """
        said: list[torch.Tensor] = []
        names: list[str] = []
        when = f"in the validation after step {self.step}"
        prepared = self.feed.validation(samples)
        with self._minding_memory(when), self.predicting(), closing(prepared):
            for batch in prepared:
                loss, terms = self.loss(
                    self.forward(batch.image_BCZYX), batch.target_BCZYX, batch.mask
                )
                names = list(terms)
                said.append(_said(batch, loss, terms))
        _, *means = _mean_of_known(said).tolist()
        return dict(zip(["loss", *names], means, strict=True))

    def preview(self, samples: Samples) -> Preview:
        """What the network makes of the first sample of the step before this one."""
        batch = self.feed.sample(samples, max(0, self.step - 1), 0)
        with self.predicting():
            logits_CZYX = self.forward(batch.image_BCZYX)[0]
        channels = self.recipe.target.channels
        return Preview(
            image_ZYX=batch.image_BCZYX[0, 0].float().cpu().numpy(),
            target_CZYX=batch.target_BCZYX[0].cpu().numpy(),
            mask_CZYX=batch.mask[0].cpu().numpy(),
            prediction_CZYX=activated(logits_CZYX, channels).float().cpu().numpy(),
            channels=tuple(channels),
        )


class _Objective(nn.Module):
    """The network and its loss as one module, so that the parameters of both are shared alike."""

    def __init__(self, network: nn.Module, loss: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(
        self, image: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        result: tuple[torch.Tensor, dict[str, torch.Tensor]] = self.loss(
            self.network(image), target, mask
        )
        return result


def _said(batch: Prepared, loss: torch.Tensor, terms: dict[str, torch.Tensor]) -> torch.Tensor:
    """Whether anything of a batch is known, its loss, and the terms of that."""
    known = batch.mask.any().to(loss)
    return torch.stack([known, loss.detach(), *(term.to(loss) for term in terms.values())])


def _mean_of_known(said: list[torch.Tensor]) -> torch.Tensor:
    """The share of batches of which anything is known, and the means over these of their numbers.

    Losses count what is known over the batches of all processes at a time. So these are batches of
    which any process knows anything, and there the mean over processes is that of the whole batch.
    """
    rows = mean_over_processes(torch.stack(said))
    known = rows[:, :1] > 0
    count = known.sum(0)
    means = torch.where(known, rows[:, 1:], 0).sum(0) / count
    return torch.cat([count / len(said), means])


def _shared(objective: _Objective, device: torch.device) -> nn.Module:
    """The objective, its gradients averaged over the processes if there are several."""
    if world().size == 1:
        return objective
    gpus = [device] if device.type == "cuda" else None
    return DistributedDataParallel(objective, device_ids=gpus, gradient_as_bucket_view=True)


def _same_precision(
    checkpoint: Checkpoint, device: torch.device, chosen: torch.dtype
) -> torch.dtype:
    """What the checkpoint was trained in, so that a trial of the CPU cannot change the bits."""
    if device.type == "cpu":
        return torch.bfloat16 if checkpoint.precision == "bfloat16" else torch.float32
    return chosen


def _peak_memory(device: torch.device) -> int:
    """The most bytes in use so far: of the GPU, or of the process where there is none."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
