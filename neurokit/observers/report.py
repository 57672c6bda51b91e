"""Report: notes how a run goes, and writes its report at the end, whichever that is."""

from __future__ import annotations

import logging
import shlex
import sys
from typing import Any

from neurokit.errors import first_line
from neurokit.hooks import hookimpl
from neurokit.reporting.history import note
from neurokit.reporting.peaks import forget_peaks, peak_gpu_memory, peak_memory
from neurokit.run_folder import Run

log = logging.getLogger("neurokit")

_POINTS = 200
# What is so at a step; everything else is averaged over the steps since the last point.
_MOMENTARY = "lr"
_NOTED = ("loss", "lr", "steps_per_second", "voxels_per_second")


class Report:
    """Writes `report.html` in the run's folder: scores, mistakes, pictures, curves, time, memory.

    While the run goes on, `history.jsonl` gets a line for each stage, for each epoch, and for
    about 200 stretches of the training. Of a run that fails or is stopped, the report says so, and
    how to go on; as there may be little time, it then lacks pictures and mistakes. A report that
    cannot be written is a warning in the log; `neurokit report RUN` writes one at any time.
    """

    def __init__(self) -> None:
        self._gave_up = False
        self._reached: tuple[int, int] | None = None
        self._scalars: list[dict[str, float]] = []

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Note the command."""
        self._note(run, "command", command=shlex.join(_command()), mode=run.mode)

    @hookimpl
    def stage_started(self, run: Run, stage: str) -> None:
        """Note the stage, so that one that never ends is known of, too."""
        forget_peaks()
        self._note(run, "stage_started", stage=stage)

    @hookimpl
    def step(self, run: Run, step: int, total_steps: int, scalars: dict[str, float]) -> None:
        """Remember the step's numbers, and note what is due."""
        if self._reached is None:
            self._note(run, "device", device=_device())
        self._reached = step, total_steps
        self._scalars.append({name: float(scalars[name]) for name in _NOTED if name in scalars})
        if step % max(1, total_steps // _POINTS) == 0 or step == total_steps:
            pooled = {name: _pooled(name, self._scalars) for name in self._scalars[-1]}
            self._note(run, "steps", step=step, values=pooled)
            self._scalars = []

    @hookimpl
    def epoch(self, run: Run, epoch: int, scalars: dict[str, float]) -> None:
        """Note the epoch's loss, and the validation's where there was one."""
        step = epoch * run.recipe.train.steps_per_epoch
        values = {name: float(value) for name, value in scalars.items()}
        self._note(run, "epoch", step=step, values=values)

    @hookimpl
    def stage_finished(self, run: Run, stage: str, seconds: float, reused: bool) -> None:
        """Note what the stage took."""
        if stage == "infer" and not reused:
            self._note(run, "device", device=_device())
        self._note(
            run,
            "stage_finished",
            stage=stage,
            seconds=round(seconds, 3),
            reused=reused,
            memory=peak_memory(),
            gpu_memory=peak_gpu_memory(),
        )

    @hookimpl
    def warning(self, run: Run, message: str) -> None:
        """Note what the run warns of."""
        self._note(run, "warning", message=message)

    @hookimpl
    def run_finished(self, run: Run) -> None:
        """Note that all is done, and write the report."""
        self._note(run, "finished")
        self._write(run)

    @hookimpl
    def failure(self, run: Run, error: BaseException) -> None:
        """Note how the run ended, and write what is known of it."""
        words = f"{type(error).__name__}: {first_line(error)}"
        self._note(
            run,
            "failure",
            error=words,
            reached=self._reached,
            memory=peak_memory(),
            gpu_memory=peak_gpu_memory(),
        )
        self._write(run, quickly=True)

    def _write(self, run: Run, *, quickly: bool = False) -> None:
        if not run.leads:
            return
        try:
            from neurokit.reporting.page import write_report

            run.written(write_report(run.folder, quickly=quickly))
        except Exception as error:  # what was computed is worth more than a page about it
            log.warning("the report cannot be written: %s", first_line(error), exc_info=error)

    def _note(self, run: Run, event: str, **details: Any) -> None:
        if self._gave_up or not run.leads:
            return
        try:
            note(run.folder, event, **details)
        except OSError as error:
            self._gave_up = True
            log.warning(
                "the history of %s cannot be written (%s); the report will lack it",
                run.folder,
                error.strerror or error,
            )


def _command() -> list[str]:
    """The command line, with the program's name alone."""
    program, *arguments = sys.argv or [""]
    *_, folder, name = ["", *program.replace("\\", "/").split("/")]
    if (folder, name) == ("neurokit", "__main__.py"):  # python -m neurokit
        name = folder
    return [name or "python", *arguments]


def _device() -> str:
    """What computes, in words."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return str(torch.cuda.get_device_name())
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'' if threads == 1 else 's'}"


def _pooled(name: str, scalars: list[dict[str, float]]) -> float:
    if name == _MOMENTARY:
        return scalars[-1][name]
    values = [each[name] for each in scalars if name in each]
    return sum(values) / len(values)
