"""The training stage: from labelled volumes to a checkpoint."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path

from neurokit.checkpoint import Checkpoint
from neurokit.distributed import agreed, lost_another
from neurokit.errors import NeurokitError
from neurokit.progress import track
from neurokit.run_folder import Run
from neurokit.samples import Samples
from neurokit.stages.labels import tell_of_known, warn_of_unlearnt
from neurokit.stages.prepare import prepare
from neurokit.stages.validate import Validation
from neurokit.stopping import StopRequested, noted_signal, noting_interrupts
from neurokit.trainer import Trainer
from neurokit.volumes import Volume
from neurokit.weights import Weights

log = logging.getLogger("neurokit")

# The process that failed first tells the launcher why; those that lost it fail after it.
_SECONDS_TO_BE_HEARD = 2


def train(
    run: Run,
    volumes: Sequence[Volume],
    weights: Weights | None = None,
    validation: Sequence[Volume] = (),
) -> Path:
    """Train until the recipe's last step, continuing from the run's last checkpoint if it has one.

    Args:
        run: holds the recipe; checkpoints are written to its folder.
        volumes: labelled.
        weights: that a training that starts anew starts from.
        validation: labelled volumes that the training is watched on.

    Returns:
        The checkpoint of the last step.

    Raises:
        NeurokitError: the training cannot go on; the checkpoints written so far are whole.
        StopRequested: a signal asked to stop, and the state was saved.
    """
    trainer = _trainer(run, weights)
    finished = trainer.step == trainer.total_steps
    prepared, watched = ([], []) if finished else (prepare(run, volumes), prepare(run, validation))
    with run.stage("train", stops=False) as stage:
        if finished:
            stage.reused = True
            return run.last_checkpoint
        try:
            _epochs(run, trainer, prepared, validation, watched)
        except RuntimeError as error:
            if trainer.feed.world.size > 1 and lost_another(error):
                time.sleep(_SECONDS_TO_BE_HEARD)
                raise NeurokitError(
                    "another process of this training is gone; its own error says why"
                ) from error
            raise
    return run.last_checkpoint


def _trainer(run: Run, weights: Weights | None) -> Trainer:
    """Where the run was left, or at the beginning."""
    if run.last_checkpoint.exists():
        checkpoint = Checkpoint.load(run.last_checkpoint)
        trainer = Trainer.start(run.recipe, checkpoint)
        trainer.restore(checkpoint, run.last_checkpoint)
        _keep_if_best(run, trainer)  # where it was killed in between
        return trainer
    if any(run.checkpoints.glob("*.ckpt")):
        raise NeurokitError(
            f"{run.last_checkpoint} is gone, and training would start anew; to go on from an "
            f"earlier epoch, copy its checkpoint there"
        )
    trainer = Trainer.start(run.recipe)
    if weights is not None:
        trainer.start_from(weights)
    return trainer


def _epochs(
    run: Run,
    trainer: Trainer,
    volumes: Sequence[Volume],
    held_out: Sequence[Volume],
    watched: Sequence[Volume],
) -> None:
    """Take the steps that are left, closing each epoch.

    Args:
        run: holds the recipe.
        trainer: takes the steps.
        volumes: to train on, prepared.
        held_out: to validate on, as they are.
        watched: the same, prepared.
    """
    settings = run.recipe.train
    samples = Samples(
        volumes,
        settings.patch_size,
        settings.pad,
        trainer.device,
        memory_gib=settings.volume_memory_gib,
    )
    validation = Validation(run, held_out, watched, trainer) if held_out else None
    tell_of_known(run, samples, "training")
    warn_of_unlearnt(run, samples)
    if validation is not None:
        tell_of_known(run, validation.samples, "validation")
    left = trainer.total_steps - trainer.step
    log.info("training from step %d to %d", trainer.step, trainer.total_steps)
    try:
        with noting_interrupts():
            _stop_if_any_is_asked()
            for scalars in track(trainer.steps(samples), "steps", left):
                epoch, steps_of_next = divmod(trainer.step, settings.steps_per_epoch)
                # Before anyone is told of the step, as listeners take time and may be interrupted.
                loss = _close_epoch(run, trainer, epoch) if steps_of_next == 0 else None
                run.hooks.hook.step(
                    run=run, step=trainer.step, total_steps=trainer.total_steps, scalars=scalars
                )
                if loss is not None:
                    _tell_of_epoch(run, trainer, epoch, loss, samples, validation)
                _stop_if_any_is_asked()
    except KeyboardInterrupt:
        # Elsewhere the state is not whole, but the last checkpoint is.
        if trainer.between_steps:
            _save(run, trainer, run.last_checkpoint)
        raise


def _stop_if_any_is_asked() -> None:
    """Stop all processes at the same step, whichever of them a signal reached."""
    if agreed(noted_signal() is not None):
        raise StopRequested(noted_signal() or "SIGTERM")


def _close_epoch(run: Run, trainer: Trainer, epoch: int) -> float:
    """Save, keep the epoch's checkpoint if it is among the best; the epoch's loss."""
    settings = run.recipe.train
    trainer.between_steps = False
    # Without any step that has one it is as bad as can be, and none of the best.
    loss = trainer.epoch_loss / trainer.epoch_steps if trainer.epoch_steps else math.inf
    trainer.epoch_loss, trainer.epoch_steps = 0.0, 0
    log.info("epoch %d of %d: loss %.4f", epoch, settings.epochs, loss)
    name = f"epoch={epoch:03d}-train_loss_total_epoch={loss:.4f}.ckpt"
    before = trainer.best
    ranked = sorted([*trainer.best, *([(loss, name)] if math.isfinite(loss) else [])])
    displaced = ranked[settings.keep_best :]
    trainer.best = ranked[: settings.keep_best]
    if trainer.nonfinite:
        # Weights that give no finite loss are none to go on from, or to keep among the best.
        log.warning("epoch %d ends without a finite loss, and is not saved", epoch)
        if trainer.step == trainer.total_steps:
            raise NeurokitError(
                f"the training ends without a finite loss, for {trainer.nonfinite} steps in a row, "
                f"and its weights are not saved; lower optimizer.lr, or look at the data"
            )
        trainer.best = before
        trainer.between_steps = True
        return loss
    _save(run, trainer, run.last_checkpoint)
    run.written(run.last_checkpoint)
    _keep_if_best(run, trainer)
    if run.leads:
        for _, file in displaced:
            (run.checkpoints / file).unlink(missing_ok=True)
    trainer.between_steps = True
    return loss


def _keep_if_best(run: Run, trainer: Trainer) -> None:
    """Write the checkpoint of the epoch that has just ended, if it is a best one and not there."""
    epoch, steps_of_next = divmod(trainer.step, run.recipe.train.steps_per_epoch)
    for _, name in trainer.best:
        file = run.checkpoints / name
        if steps_of_next == 0 and name.startswith(f"epoch={epoch:03d}-") and not file.exists():
            _save(run, trainer, file)
            run.written(file)


def _save(run: Run, trainer: Trainer, path: Path) -> None:
    """Write a checkpoint, if this is the process that does."""
    if run.leads:
        trainer.checkpoint().save(path)


def _tell_of_epoch(
    run: Run,
    trainer: Trainer,
    epoch: int,
    loss: float,
    samples: Samples,
    validation: Validation | None,
) -> None:
    settings = run.recipe.train
    if trainer.unknown:
        run.warn(
            f"{trainer.unknown} of the {settings.steps_per_epoch} steps of epoch {epoch} changed "
            f"no weight: nothing is known of their samples"
        )
        trainer.unknown = 0
    found = {} if validation is None else validation.scalars(trainer, epoch)
    if found:
        log.info("epoch %d: %s", epoch, ", ".join(f"{k} {v:.4f}" for k, v in found.items()))
    scalars = {"loss": loss, **found}
    run.hooks.hook.epoch(run=run, epoch=epoch, epochs=settings.epochs, scalars=scalars)
    pictured = settings.preview_every_epochs
    if run.leads and pictured and (epoch == 1 or epoch % pictured == 0):
        run.hooks.hook.preview(run=run, step=trainer.step, preview=trainer.preview(samples))
