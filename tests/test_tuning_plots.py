"""Plots: what they join, shorten and leave out, whatever names and values there are."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from PIL import Image

from neurokit.tuning.plots import _history, _slices, write_plots
from neurokit.tuning.ranges import Choice, Interval, Range, Settings
from neurokit.tuning.study import Search, Study, open_study


def studied(
    folder: Path,
    ranges: tuple[Range, ...],
    value: Callable[[Settings], float],
    use: Callable[[Study], Any],
    *,
    name: str = "s",
    trials: int = 30,
    higher: bool = False,
) -> Any:
    """What `use` gives of a study that was searched."""
    search = Search("random", trials, 1, None)
    with open_study(folder, name, ranges, search, higher_is_better=higher, belongs={}) as study:
        while (trial := study.next()) is not None:
            study.complete(trial, value(trial.settings), {})
        return use(study)


def panels(study: Study) -> list[Axes]:
    return list(_slices(study, study.trials(), "error").axes)


def test_only_the_few_values_in_an_order_are_joined(tmp_path: Path) -> None:
    ranges: tuple[Range, ...] = (
        Interval(("d", "few"), 0.0, 1.0, 0.1, False, False, (0, 1)),
        Interval(("d", "many"), 0, 99, 1, False, True, (0, None)),
        Interval(("d", "endless"), 0.1, 1.0, None, True, False, (0, None)),
        Choice(("d", "words"), ("b", "a", "c")),
        Choice(("d", "rising"), (0, 0.5, 2)),
        Choice(("d", "mixed"), (2, 0.5, 3)),
    )
    found = studied(tmp_path, ranges, lambda settings: settings["d.few"], panels)
    joined = {axes.get_xlabel(): len(axes.lines) for axes in found}
    assert joined == {
        "d.few": 1, "d.many": 0, "d.endless": 0, "d.words": 0, "d.rising": 1, "d.mixed": 0
    }  # fmt: skip
    (line,) = found[0].lines
    assert list(line.get_xdata()) == sorted(set(line.get_xdata()))
    assert list(line.get_ydata()) == list(line.get_xdata())


@pytest.mark.parametrize("higher", [False, True])
def test_of_many_choices_the_best_are_shown(tmp_path: Path, higher: bool) -> None:
    values = tuple(f"{n:02}{'-' * n}" for n in range(30))
    ranges = (Choice(("d", "c"), values),)
    (axes,) = studied(
        tmp_path, ranges, lambda settings: int(settings["d.c"][:2]), panels, higher=higher
    )
    assert axes.get_xlabel() == "d.c (the best 12)"
    labels = [label.get_text() for label in axes.get_xticklabels()]
    best = range(18, 30) if higher else range(12)
    assert [int(label[:2]) for label in labels] == list(best)
    assert max(map(len, labels)) == (24 if higher else 13)
    dots, star = axes.collections
    assert sorted(map(list, dots.get_offsets())) == [[i, n] for i, n in enumerate(best)]
    assert list(star.get_offsets()[0]) == ([11, 29] if higher else [0, 0])


def test_the_course_has_whole_trials_and_a_legend_beside_it(tmp_path: Path) -> None:
    ranges = (Interval(("d", "a"), 0, 9, 1, False, True, (0, None)),)
    figure = studied(
        tmp_path,
        ranges,
        lambda settings: settings["d.a"],
        lambda study: _history(study, study.trials(), "error"),
        trials=3,
    )
    figure.canvas.draw()
    (axes,) = figure.axes
    assert all(tick == int(tick) for tick in axes.get_xticks())
    assert axes.get_legend() is None
    (legend,) = figure.legends
    assert legend.get_window_extent().y1 <= axes.get_window_extent().y0
    assert axes.get_title().startswith("s: 3 trials, best ")


@pytest.mark.parametrize("name", ["\N{GRINNING FACE} \u0f40", "$x_{", "100 %"])
def test_any_name_can_be_drawn(tmp_path: Path, name: str) -> None:
    ranges: tuple[Range, ...] = (
        Choice(("d", "a"), (f"{name}1", f"{name}2", f"{name}3")),
        Interval(("d", "b"), 1, 3, 1, False, True, (0, None)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        files = studied(
            tmp_path,
            ranges,
            lambda settings: settings["d.b"],
            lambda study: write_plots(tmp_path, study, study.trials(), f"error{name}"),
            name=name,
            trials=9,
        )
    assert [file.name for file in files] == ["history.png", "slices.png", "importance.png"]
    for file in files:
        with Image.open(file) as picture:
            picture.verify()
