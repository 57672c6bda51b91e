"""Plots of a study: the course of it, and what each range has to do with the value."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from neurokit.atomic import replacing
from neurokit.tuning.ranges import Choice, Interval, Range
from neurokit.tuning.report import best_of
from neurokit.tuning.study import Study, Trial

_DOT = "#4c78a8"
_LINE = "#e45756"
_PANELS_A_ROW = 3
_MOST_JOINED = 20
_MOST_CHOICES = 12
_MOST_LETTERS = 24


def write_plots(folder: Path, study: Study, trials: Sequence[Trial], headline: str) -> list[Path]:
    """Write `history.png`, `slices.png` and, where the trials tell, `importance.png`.

    Returns:
        The files; those that trials do not suffice for are removed if they are there.
    """
    done = [each for each in trials if each.value is not None]
    importances = study.importances()
    files = []
    with rc_context({"text.parse_math": False}), warnings.catch_warnings():
        # A name may have letters that the font has not; it then shows boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figures = {
            "history.png": _history(study, done, headline) if done else None,
            "slices.png": _slices(study, done, headline) if done else None,
            "importance.png": _importance(importances, headline) if importances else None,
        }
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
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    trials = "1 trial" if len(done) == 1 else f"{len(done)} trials"
    axes.set_title(f"{study.name}: {trials}, best {better(values):.4f}")
    figure.legend(loc="outside lower center", ncols=2)
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
    """The value against each range; a line joins the best trials of the few values in an order."""
    columns = min(_PANELS_A_ROW, len(study.ranges))
    rows = math.ceil(len(study.ranges) / columns)
    figure = Figure(figsize=(4.2 * columns, 3.4 * rows), layout="constrained")
    best = best_of(done, study.higher_is_better)
    for index, each in enumerate(study.ranges):
        axes = _axes(figure, rows, columns, index + 1)
        best_at = _best_at(each, done, study.higher_is_better)
        shown = _shown(each, best_at, study.higher_is_better)
        _slice(axes, each, done, shown)
        if each.count is not None and each.count <= _MOST_JOINED and _in_order(each):
            places = sorted(best_at)
            axes.plot(places, [best_at[place] for place in places], color=_LINE, linewidth=1.2)
        if best is not None:
            place = _place(each, best) if shown is None else shown.index(_place(each, best))
            axes.scatter([place], [_value(best)], s=70, marker="*", color=_LINE, zorder=3)
        fewer = shown is not None and len(shown) < (each.count or 0)
        axes.set_xlabel(f"{each.name} (the best {_MOST_CHOICES})" if fewer else each.name)
        if index % columns == 0:
            axes.set_ylabel(headline)
    return figure


def _slice(axes: Axes, each: Range, done: list[Trial], shown: list[float] | None) -> None:
    """The value of every trial; of choices, of those with the places `shown`, side by side."""
    points = [(_place(each, trial), _value(trial)) for trial in done]
    if shown is not None:
        points = [(shown.index(place), value) for place, value in points if place in shown]
    places, values = [place for place, _ in points], [value for _, value in points]
    axes.scatter(places, values, s=14, color=_DOT, alpha=0.5)
    if isinstance(each, Choice) and shown is not None:
        labels = [_shortened(str(each.labels[int(place)])) for place in shown]
        crowded = sum(map(len, labels)) > 32
        axes.set_xticks(
            range(len(shown)),
            labels,
            rotation=40 if crowded else 0,
            ha="right" if crowded else "center",
            rotation_mode="anchor" if crowded else "default",
            fontsize=7 if crowded else None,
        )
        axes.set_xlim(-0.5, len(shown) - 0.5)
    elif isinstance(each, Interval) and each.log:
        axes.set_xscale("log")
        # The scale's own labels are formulas, which names must not be read as.
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _best_at(each: Range, done: list[Trial], higher_is_better: bool) -> dict[float, float]:
    """The best value at each place of the axis."""
    better = max if higher_is_better else min
    found: dict[float, float] = {}
    for trial in done:
        place = _place(each, trial)
        found[place] = better(found.get(place, _value(trial)), _value(trial))
    return found


def _shown(each: Range, best_at: dict[float, float], higher_is_better: bool) -> list[float] | None:
    """The places of the choices to show, in their order: all, or of many the best."""
    if not isinstance(each, Choice):
        return None
    if each.count <= _MOST_CHOICES:
        return list(range(each.count))
    ranked = sorted(best_at, key=lambda place: best_at[place], reverse=higher_is_better)
    return sorted(ranked[:_MOST_CHOICES])


def _in_order(each: Range) -> bool:
    """Whether what lies between two neighbours lies between them on the axis, too."""
    if isinstance(each, Interval):
        return True
    numbers = [value for value in each.values if type(value) in (int, float)]
    return len(numbers) == each.count <= _MOST_CHOICES and numbers == sorted(numbers)


def _shortened(label: str) -> str:
    return (
        label
        if len(label) <= _MOST_LETTERS
        else f"{label[: _MOST_LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"
    )


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
