"""Curves: how a training went, and how scores depend on the decoder's threshold."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from markupsafe import Markup

from neurokit.reporting.charts import Line, Rule, chart
from neurokit.reporting.history import History, Point
from neurokit.stages.thresholds import THRESHOLDS


@frozen
class Curve:
    """A chart with what it says.

    Attributes:
        title: above it.
        svg: the chart.
        legend: the names of its lines, in the order of their colours.
        note: what to mind; empty where there is nothing.
    """

    title: str
    svg: Markup
    legend: list[str]
    note: str = ""


def learning_curves(history: History, headlines: Sequence[str]) -> list[Curve]:
    """Loss, scores of the validation, and learning rate; those that are known.

    Args:
        history: of the training.
        headlines: the scores to show of the validation.
    """
    losses = [
        _line("mean of a stretch of steps", history.steps, "loss"),
        _line("mean of an epoch", history.epochs, "loss", dotted=True),
        _line("validation", history.epochs, "validation/loss", dotted=True),
    ]
    rates = [_line("learning rate", history.steps, "lr")]
    charts = [("Loss", losses), ("Learning rate", rates)]
    charts[1:1] = [
        (f"{name} of the validation", [_line(name, history.epochs, f"validation/{name}", True)])
        for name in headlines
    ]
    found = []
    for title, lines in charts:
        known = [line for line in lines if any(math.isfinite(y) for y in line.ys)]
        if known:
            svg = chart(known, "optimizer step", f"{title} over optimizer steps", from_zero=True)
            found.append(Curve(title, Markup(svg), [line.name for line in known]))
    return found


def threshold_curves(results: Path, directions: dict[str, str]) -> list[Curve]:
    """The headlines over the decoder's threshold, a chart each; none where there is no such file.

    Args:
        results: the folder of a test.
        directions: which scores are better, by headline.
    """
    try:
        found = json.loads((results / THRESHOLDS).read_text(encoding="utf-8"))
        thresholds = [float(each) for each in found["thresholds"]]
        scores = {name: [float(each) for each in row] for name, row in found["scores"].items()}
        own = float(found["own"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    curves = []
    for name, row in scores.items():
        if name not in directions or len(row) != len(thresholds):
            continue
        rules = [Rule(own, f"the recipe's {own:g}")]
        line = Line(name, thresholds, row, dotted=True)
        svg = chart([line], "decoder.threshold", f"{name} over the decoder's threshold", rules)
        curves.append(
            Curve(
                f"{name} over the threshold",
                Markup(svg),
                [f"{name}, {directions[name]}"],
                _best_words(name, thresholds, row, own, directions[name].startswith("higher")),
            )
        )
    return curves


def _best_words(
    name: str, thresholds: list[float], scores: list[float], own: float, higher: bool
) -> str:
    known = [(s, t) for s, t in zip(scores, thresholds, strict=True) if math.isfinite(s)]
    if not known:
        return ""
    best, at = (max if higher else min)(known)
    shown = {f"{score:.4f}" for score, _ in known}
    if len(known) > 1 and len(shown) == 1:
        return f"The threshold makes no difference here: {name} {best:.4f} at all of these."
    here = dict(zip(thresholds, scores, strict=True)).get(own, math.nan)
    if here == best and [score for score, _ in known].count(best) == 1:
        return f"The recipe's threshold is the best of these: {name} {best:.4f}."
    if f"{here:.4f}" == f"{best:.4f}":
        return f"The recipe's threshold is as good as the best of these: {name} {best:.4f}."
    return f"Best at {at:g}: {name} {best:.4f}, beside {here:.4f} at the recipe's {own:g}."


def _line(name: str, points: list[Point], key: str, dotted: bool = False) -> Line:
    known = [point for point in points if key in point.values]
    return Line(
        name, [point.step for point in known], [point.values[key] for point in known], dotted
    )
