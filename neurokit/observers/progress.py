"""Progress on the terminal: a bar with rate and time left, or plain lines where there is none."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from neurokit.hooks import hookimpl
from neurokit.observers.bar import Bar, duration, say, standard_error
from neurokit.run_folder import Run


class ProgressBar:
    """Shows how far each stage is, on standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or standard_error()
        self._bar: Bar | None = None
        self._note = ""

    @hookimpl
    def run_started(self, run: Run) -> None:
        self._say(f"run {run.folder}")

    @hookimpl
    def stage_started(self, stage: str) -> None:
        self._note = ""
        self._bar = Bar(self.console, stage)

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
    def progress(self, what: str, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(what, done, total, self._note)

    @hookimpl
    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None:
        # The last step's numbers go with the bar: here they would pass for those of the stage.
        self._close()
        taken = "unchanged, kept" if reused else f"done in {duration(seconds)}"
        self._say(f"{stage}: {taken}")

    @hookimpl
    def warning(self, message: str) -> None:
        self._say(f"warning: {message}")

    @hookimpl
    def artifact_written(self, path: Path) -> None:
        if path.suffix == ".h5":
            self._say(f"  wrote {path}")

    @hookimpl
    def failure(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _say(self, line: str) -> None:
        say(self.console, line)


def _numbers(scalars: dict[str, float]) -> str:
    """What a step says, in words; the most telling first.

    Its loss is that of one batch, and "loss" alone, in the lines of epochs, the mean of theirs.
    """
    words = {
        "loss": "step loss {:.4f}",
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
