"""Progress on the terminal: a bar with rate and time left, or plain lines where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from neurokit.hooks import hookimpl
from neurokit.run_folder import Run

_SECONDS_BETWEEN_LINES = 15.0


class ProgressBar:
    """Shows how far each stage is, on standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._bar: _BarAndNote | None = None
        self._task: TaskID | None = None
        self._said = 0.0
        self._started = 0.0
        self._note = ""

    @hookimpl
    def run_started(self, run: Run) -> None:
        self._say(f"run {run.folder}")

    @hookimpl
    def stage_started(self, stage: str) -> None:
        self._started = self._said = time.monotonic()
        self._note = ""
        if self.console.is_terminal:
            self._bar = _BarAndNote(
                TextColumn("{task.description:8}", markup=False),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}", markup=False),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self.console,
                expand=True,
                transient=True,
            )
            self._task = self._bar.add_task(stage, total=None, unit="")
            self._bar.start()

    @hookimpl
    def step(self, scalars: dict[str, float]) -> None:
        self._note = _numbers(scalars)

    @hookimpl
    def epoch(self, run: Run, epoch: int, epochs: int, scalars: dict[str, float]) -> None:
        line = f"epoch {epoch}/{epochs}: loss {scalars['loss']:.4f}"
        # The rest of a validation has its curves in TensorBoard; a line holds what it comes to.
        telling = ["loss", *(metric.headline for metric in run.recipe.metrics)]
        found = [
            f"{name} {scalars[f'validation/{name}']:.4f}"
            for name in dict.fromkeys(telling)
            if f"validation/{name}" in scalars
        ]
        self._say(f"{line}; validation: {', '.join(found)}" if found else line)

    @hookimpl
    def progress(self, stage: str, what: str, done: int, total: int) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.note = self._note
            self._bar.update(self._task, completed=done, total=total, unit=what)
        elif time.monotonic() - self._said > _SECONDS_BETWEEN_LINES and done:
            self._said = time.monotonic()
            left = (self._said - self._started) / done * (total - done)
            note = f"  {self._note}" if self._note else ""
            self._say(f"{stage}: {done}/{total} {what}, {_duration(left)} left{note}")

    @hookimpl
    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None:
        self._close()
        taken = "unchanged, kept" if reused else f"done in {_duration(seconds)}"
        note = f"  {self._note}" if self._note else ""
        self._say(f"{stage}: {taken}{note}")

    @hookimpl
    def artifact_written(self, path: Path) -> None:
        if path.suffix == ".h5":
            self._say(f"  wrote {path}")

    @hookimpl
    def failure(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, emoji=False, soft_wrap=True)


class _BarAndNote(Progress):
    """A bar, and below it a line of numbers, which is cut where the terminal is narrow."""

    note = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.note:
            yield Text(self.note, style="dim", no_wrap=True, overflow="ellipsis")


def _numbers(scalars: dict[str, float]) -> str:
    """What a step says, in words; the most telling first."""
    words = {
        "loss": "loss {:.4f}",
        "lr": "lr {:.1e}",
        "steps_per_second": "{:.2f} steps/s",
        "voxels_per_second": "{:.2f} Mvoxel/s",
        "memory_gib": "{:.1f} GiB",
    }
    scale = {"voxels_per_second": 1e-6}
    return "  ".join(
        word.format(scalars[name] * scale.get(name, 1))
        for name, word in words.items()
        if name in scalars
    )


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
