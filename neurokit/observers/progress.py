"""Progress on the terminal: a bar with rate and time left, or plain lines where there is none."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from neurokit.hooks import hookimpl
from neurokit.run import Run

_SECONDS_BETWEEN_LINES = 15.0


class ProgressBar:
    """Shows how far each stage is, on standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
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
            self._bar = Progress(
                TextColumn("{task.description:9}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}", markup=False),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                console=self.console,
                transient=True,
            )
            self._task = self._bar.add_task(stage, total=None, unit="", note="")
            self._bar.start()

    @hookimpl
    def step(self, scalars: dict[str, float]) -> None:
        rate = scalars["voxels_per_second"] / 1e6
        self._note = f"loss {scalars['loss']:.3f}  {rate:.2f} Mvoxel/s"

    @hookimpl
    def progress(self, stage: str, what: str, done: int, total: int) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, unit=what, note=self._note)
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


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
