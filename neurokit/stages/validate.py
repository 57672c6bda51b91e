"""Validation: how a network on its way does on volumes that it is not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from neurokit import progress
from neurokit.run_folder import Run
from neurokit.samples import Samples
from neurokit.scores import mean_scores, scores_of
from neurokit.stopping import StopRequested, stop_if_asked
from neurokit.trainer import Trainer
from neurokit.volumes import Volume


class Validation:
    """Losses, and scores where they are asked for, on the validation volumes.

    Args:
        run: its recipe says how often.
        volumes: labelled; segmentations of them are scored.
        prepared: the same with the labels that the target is computed from.
        trainer: whose device holds the volumes.
    """

    def __init__(
        self, run: Run, volumes: Sequence[Volume], prepared: Sequence[Volume], trainer: Trainer
    ) -> None:
        settings = run.recipe.train
        self.run = run
        self.volumes = volumes
        self.samples = Samples(
            prepared,
            settings.patch_size,
            settings.pad,
            trainer.device,
            memory_gib=settings.volume_memory_gib,
        )

    def scalars(self, trainer: Trainer, epoch: int) -> dict[str, float]:
        """What there is to say after an epoch: `validation/loss`, `validation/<score>`."""
        settings = self.run.recipe.train.validation
        found: dict[str, float] = {}
        if epoch % settings.every_epochs == 0:
            found |= trainer.validate(self.samples)
        whole = settings.segment_every_epochs
        if whole and epoch % whole == 0 and self.run.leads:
            # Its windows are no steps of the training, whose progress is shown. Who is asked to
            # stop does so after the epoch, together with the other processes.
            with suppress(StopRequested), progress.listening(lambda *_: stop_if_asked()):
                found |= self._scores(trainer)
        return {f"validation/{name}": value for name, value in found.items()}

    def _scores(self, trainer: Trainer) -> dict[str, float]:
        """The means over the volumes of what the recipe's metrics say of their segmentations."""
        recipe = self.run.recipe
        each: list[dict[str, float]] = []
        for volume in self.volumes:
            file = self.run.folder / ".validation" / "prediction.h5"
            try:
                with trainer.predicting():
                    prediction = recipe.inferer.infer(
                        trainer.forward, recipe.target.channels, volume, file
                    )
                segmentation = np.asarray(recipe.decoder.decode(prediction))
            finally:
                _remove(file)
            each.append(scores_of(recipe.metrics, segmentation, volume))
        return mean_scores(each)


def _remove(file: Path) -> None:
    """Remove a file, and its folder."""
    with suppress(OSError):
        file.unlink(missing_ok=True)
        file.parent.rmdir()
