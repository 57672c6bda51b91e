"""Plots of a study: the course of it, and what each range has to do with the value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurokit.atomic import replacing
from neurokit.tuning.ranges import Choice, Range
from neurokit.tuning.report import best_of
from neurokit.tuning.study import Study, Trial

_DOT = "#4c78a8"
_LINE = "#e45756"
_PANELS_A_ROW = 3


def write_plots(folder: Path, study: Study, trials: Sequence[Trial], headline: str) -> list[Path]:
    """Write `history.png`, `slices.png` and, where the trials tell, `importance.png`.

    Returns:
        The files; those that trials do not suffice for are removed if they are there.
    """
    done = [each for each in trials if each.value is not None]
    importances = study.importances()
    figures = {
        "history.png": _history(study, done, headline) if done else None,
        "slices.png": _slices(study, done, headline) if done else None,
        "importance.png": _importance(importances, headline) if importances else None,
    }
    files = []
    for name, figure in figures.items():
        if figure is None:
            (folder / name).unlink(missing_ok=True)
            continue
        with replacing(folder / name) as partial:
            figure.savefig(partial, format="png", dpi=120)
        files.append(folder / name)
    return files


def _history(study: Study, done: list[Trial], headline: str) -> Figure:
    """The value of every trial, and the best so far."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = _axes(figure, 1, 1, 1)
    numbers = [each.number for each in done]
    values = [_value(each) for each in done]
    better = max if study.higher_is_better else min
    best = list(accumulate(values, better))
    axes.scatter(numbers, values, s=18, color=_DOT, alpha=0.7, label="trial")
    axes.step(numbers, best, where="post", color=_LINE, label="best so far")
    axes.set_xlabel("trial")
    axes.set_ylabel(headline)
    axes.set_title(f"{study.name}: {len(done)} trials, best {better(values):.4f}")
    axes.legend()
    return figure


def _importance(importances: dict[str, float], headline: str) -> Figure:
    """How much of the variation of the value each range explains."""
    names = list(importances)[::-1]
    figure = Figure(figsize=(8, 1.5 + 0.45 * len(names)), layout="constrained")
    axes = _axes(figure, 1, 1, 1)
    bars = axes.barh(names, [importances[name] for name in names], color=_DOT)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set_xlim(0, max(importances.values()) * 1.12 or 1)
    axes.set_xlabel(f"share of what makes {headline} vary")
    return figure


def _slices(study: Study, done: list[Trial], headline: str) -> Figure:
    """The value against each range; the line joins the best trials at each setting."""
    columns = min(_PANELS_A_ROW, len(study.ranges))
    rows = math.ceil(len(study.ranges) / columns)
    figure = Figure(figsize=(4.2 * columns, 3.4 * rows), layout="constrained")
    best = best_of(done, study.higher_is_better)
    for index, each in enumerate(study.ranges):
        axes = _axes(figure, rows, columns, index + 1)
        _slice(axes, each, done, study.higher_is_better)
        if best is not None:
            place = _place(each, best)
            axes.scatter([place], [_value(best)], s=70, marker="*", color=_LINE, zorder=3)
        axes.set_xlabel(each.name)
        if index % columns == 0:
            axes.set_ylabel(headline)
    return figure


def _slice(axes: Axes, each: Range, done: list[Trial], higher_is_better: bool) -> None:
    axes.scatter(
        [_place(each, trial) for trial in done],
        [_value(trial) for trial in done],
        s=14,
        color=_DOT,
        alpha=0.5,
    )
    if isinstance(each, Choice):
        labels = [str(label) for label in each.labels]
        long = max(map(len, labels)) > 6
        axes.set_xticks(
            range(each.count), labels, rotation=30 if long else 0, ha="right" if long else "center"
        )
        axes.set_xlim(-0.5, each.count - 0.5)
    elif each.log:
        axes.set_xscale("log")
    if each.count is None:
        return
    better = max if higher_is_better else min
    at: dict[float, list[float]] = {}
    for trial in done:
        at.setdefault(_place(each, trial), []).append(_value(trial))
    places = sorted(at)
    axes.plot(places, [better(at[place]) for place in places], color=_LINE, linewidth=1.2)


def _place(each: Range, trial: Trial) -> float:
    """Where on the axis of a range a trial stands."""
    setting = trial.settings[each.name]
    return float(each.values.index(setting) if isinstance(each, Choice) else setting)


def _value(trial: Trial) -> float:
    assert trial.value is not None
    return trial.value


def _axes(figure: Figure, rows: int, columns: int, place: int) -> Axes:
    axes = figure.add_subplot(rows, columns, place)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
