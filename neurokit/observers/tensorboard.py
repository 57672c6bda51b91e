"""TensorBoard: the curves and pictures of a training, as files that TensorBoard shows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from neurokit.hooks import hookimpl
from neurokit.previews import Preview
from neurokit.run_folder import Run

if TYPE_CHECKING:
    from neurokit.observers.event_file import EventFile

log = logging.getLogger("neurokit")

_EVERY_STEPS = 10
# What is so at a step; everything else is averaged over the steps since the last point.
_MOMENTARY = {"lr", "memory_gib"}


class TensorBoard:
    """Writes the curves and pictures of a training, for TensorBoard.

    They lie in the run's folder `logs/`, and `tensorboard --logdir outputs/<name>` shows those of
    all runs of a recipe. The first and last steps are points of the curves, and every tenth, which
    stands for the mean of the steps since the one before. A training that goes on continues its
    curves. Where the files cannot be written, the log says so once, and training goes on.
    """

    def __init__(self) -> None:
        self._events: EventFile | None = None
        self._gave_up = False
        self._step = 0
        self._scalars: list[dict[str, float]] = []

    @hookimpl
    def step(self, run: Run, step: int, total_steps: int, scalars: dict[str, float]) -> None:
        """Remember the step's numbers, and write what is due."""
        self._step = step
        self._scalars.append(scalars)
        if self._events is None or step % _EVERY_STEPS == 0 or step == total_steps:
            self._write_steps(run)

    @hookimpl
    def epoch(self, run: Run, epoch: int, scalars: dict[str, float]) -> None:
        """Write the epoch's loss, and the validation's where there was one."""
        step = epoch * run.recipe.train.steps_per_epoch
        points = {name if "/" in name else f"epoch/{name}": scalars[name] for name in scalars}
        self._write(run, step, lambda events: events.scalars(step, points))

    @hookimpl
    def preview(self, run: Run, step: int, preview: Preview) -> None:
        """Write the pictures of input, target and prediction."""
        from neurokit.observers.pictures import pictures

        shown = pictures(preview)

        def write(events: EventFile) -> None:
            for name, picture_YXC in shown.items():
                events.image(step, f"preview/{name}", picture_YXC)

        self._write(run, step, write)

    @hookimpl
    def stage_finished(self) -> None:
        """Only the training stage has written, and it is over."""
        self._close()

    @hookimpl
    def failure(self, run: Run) -> None:
        """Keep the last steps before the end."""
        if self._events is not None:
            self._write_steps(run)
        self._close()

    def _write_steps(self, run: Run) -> None:
        """A point that stands for the steps that are remembered."""
        if not self._scalars:
            return
        points = {_tag(name): _pooled(name, self._scalars) for name in self._scalars[-1]}
        self._scalars = []
        self._write(run, self._step, lambda events: events.scalars(self._step, points))

    def _write(self, run: Run, step: int, write: Callable[[EventFile], None]) -> None:
        if self._gave_up:
            return
        folder = run.folder / "logs"
        try:
            if self._events is None:
                from neurokit.observers.event_file import EventFile

                self._events = EventFile(folder, first_step=step)
            write(self._events)
        except OSError as error:
            self._gave_up = True
            log.warning(
                "%s cannot be written (%s); training goes on without TensorBoard",
                folder,
                error.strerror or error,
            )

    def _close(self) -> None:
        if self._events is not None:
            with suppress(OSError):
                self._events.close()
            self._events = None


def _tag(name: str) -> str:
    """The curve's name; TensorBoard groups by what stands before the slash."""
    if "/" in name:
        return name
    return "loss/total" if name == "loss" else f"training/{name}"


def _pooled(name: str, scalars: list[dict[str, float]]) -> float:
    if name in _MOMENTARY:
        return scalars[-1][name]
    values = [each[name] for each in scalars if name in each]
    return sum(values) / len(values)
