"""Sections: a comparison in words, for a terminal or a page to set as tables."""

from __future__ import annotations

from attrs import frozen

from neurokit.comparing.comparison import MEAN, Comparison, ScoreRow
from neurokit.comparing.differences import Difference, Missing, in_words
from neurokit.reporting.words import duration

NOTHING = in_words(Missing.ABSENT)


@frozen
class Line:
    """A row of a section.

    Attributes:
        name: of what the cells say.
        cells: one for each run.
        best: places of the cells that are best.
        minor: whether another line of the section says more.
    """

    name: str
    cells: tuple[str, ...]
    best: tuple[int, ...] = ()
    minor: bool = False


@frozen
class Section:
    """Lines that belong together, under a title."""

    title: str
    lines: tuple[Line, ...]

    def tells_of(self, place: int) -> bool:
        """Whether any line says something of the run at a place."""
        return any(line.cells[place] != NOTHING for line in self.lines)


def sections(found: Comparison) -> list[Section]:
    """What a comparison says, the most telling first; sections without a line are left out."""
    volumes = list(dict.fromkeys(row.volume for row in found.scores))
    scores = [
        Section(
            "mean over the volumes" if volume == MEAN else f"scores of {volume}",
            tuple(_score(row) for row in found.scores if row.volume == volume),
        )
        for volume in volumes
    ]
    each = [
        *scores,
        Section("runs", tuple(_facts(found))),
        Section("recipes", tuple(map(_difference, found.recipe))),
        Section("versions when the runs were begun", tuple(map(_difference, found.environment))),
    ]
    return [section for section in each if section.lines]


def conclusion(found: Comparison) -> str:
    """What is left to say of the recipes, in a sentence."""
    values = "value" if found.equal == 1 else "values"
    if not found.recipe:
        return f"the recipes do not differ: all their {found.equal} {values} are equal"
    return f"{found.equal} other {values} of the recipes are equal"


def _score(row: ScoreRow) -> Line:
    cells = tuple(
        NOTHING
        if value is None
        else f"{value:.4f} (no test)"
        if place in row.no_test
        else f"{value:.4f}"
        for place, value in enumerate(row.values)
    )
    return Line(row.score, cells, row.best, minor=not row.headline)


def _facts(found: Comparison) -> list[Line]:
    facts = [
        ("tested step", [None if run.step is None else f"{run.step:,}" for run in found.runs]),
        (
            "training time",
            [
                None if run.training_seconds is None else duration(run.training_seconds)
                for run in found.runs
            ],
        ),
    ]
    networks = [
        "its own" if run.results is not None and run.has_trained else run.network
        for run in found.runs
    ]
    if any(run.network for run in found.runs):
        facts.insert(0, ("network", networks))
    return [
        Line(name, tuple(NOTHING if value is None else value for value in values))
        for name, values in facts
    ]


def _difference(difference: Difference) -> Line:
    return Line(difference.key, tuple(map(in_words, difference.values)))
