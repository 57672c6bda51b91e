"""How far work is, drawn: a bar with rate and time left, or plain lines where there is no terminal.

It knows neither runs nor hooks, so that whatever takes long can be shown alike.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from neurokit.printable import printable_lines

_SECONDS_BETWEEN_LINES = 15.0


class Bar:
    """Shows on a console how far one piece of work is, from when it is made until it is closed.

    Args:
        console: where it is shown; drawn only if it is interactive.
        name: of the work.
        rates: whether items a second are shown.
    """

    def __init__(self, console: Console, name: str, *, rates: bool = False) -> None:
        self._console = console
        self._name = name
        self._rates = rates
        self._started = self._said = time.monotonic()
        self._what: str | None = None
        self._before = 0
        self._drawn: _BarAndNote | None = None
        self._task: TaskID | None = None
        if console.is_interactive:
            self._drawn = _BarAndNote(
                TextColumn("{task.description:8}", markup=False),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}", markup=False),
                *([_Rate()] if rates else []),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=console,
                expand=True,
                transient=True,
            )
            self._task = self._drawn.add_task(name, total=None, unit="")
            self._drawn.start()

    def update(self, what: str, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` items, called `what`, are done.

        Args:
            what: the items, in the plural; where it changes, other items are counted anew.
            done: how many are done; of the first call for these items, how many were done before.
            total: how many there are.
            note: shown below.
        """
        anew = what != self._what
        self._what = what
        if anew:
            self._before, self._started = done, time.monotonic()
        if self._drawn is not None and self._task is not None:
            self._drawn.note = note
            if anew:
                self._drawn.reset(self._task, completed=done, total=total, unit=what)
            self._drawn.update(self._task, completed=done, total=total, unit=what)
        elif time.monotonic() - self._said > _SECONDS_BETWEEN_LINES and done > self._before:
            self._said = time.monotonic()
            rate = (done - self._before) / max(self._said - self._started, 1e-9)
            line = f"{self._name}: {done}/{total} {what}, {duration((total - done) / rate)} left"
            if self._rates:
                line += f", {rate:.1f} {_unit(what)}/s"
            say(self._console, f"{line}  {note}" if note else line)

    def close(self) -> None:
        """Take the bar away."""
        if self._drawn is not None:
            self._drawn.stop()


def standard_error() -> Console:
    """A console of standard error, which redraws nothing unless it is a terminal.

    `FORCE_COLOR` asks for colours, which do no harm in a log; bars drawn over each other do.
    """
    redraws = None if sys.stderr.isatty() else False
    return Console(stderr=True, highlight=False, force_interactive=redraws)


def say(console: Console, line: str) -> None:
    """A line of text as it is, not broken and without markup."""
    console.print(printable_lines(line), markup=False, emoji=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """A time in words."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


class _BarAndNote(Progress):
    """A bar, and below it a line of numbers, which is cut where the terminal is narrow."""

    note = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.note:
            yield Text(self.note, style="dim", no_wrap=True, overflow="ellipsis")


class _Rate(ProgressColumn):
    """Items a second, of the last half minute."""

    def render(self, task: Task) -> Text:
        if task.speed is None:
            return Text("")
        rate = f"{task.speed:.1f} {_unit(task.fields['unit'])}/s"
        return Text(rate, style="progress.data.speed")


def _unit(what: str) -> str:
    """Of "MB unpacked", the MB."""
    return what.partition(" ")[0]
