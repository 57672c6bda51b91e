"""Study: what a search of the decoder's settings found, from the files that it left."""

from __future__ import annotations

import csv
from pathlib import Path

from attrs import frozen

from neurokit.reporting.pictures import data_uri

_TITLES = {
    "history.png": "The value of every trial, and the best so far.",
    "slices.png": "The value against each setting; the star is the best trial.",
    "importance.png": "How much of what makes the value vary each setting explains.",
}


@frozen
class StudyView:
    """A search.

    Attributes:
        best: its best value, in words.
        settings: name and value of each setting of the best trial.
        plots: an address that holds the picture, and what it shows.
        failed: how many trials failed.
        trials: how many there are.
    """

    best: str
    settings: list[tuple[str, str]]
    plots: list[tuple[str, str]]
    failed: int
    trials: int


def study_view(run: Path) -> StudyView | None:
    """The search that was worked on last in a run's folder; None where there was none."""
    folder = run / "tune"
    try:
        head, *_ = (folder / "best.toml").read_text(encoding="utf-8").splitlines() or [""]
        with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
            trials = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return None
    best = head.removeprefix("#").strip()
    plots = []
    for name, words in _TITLES.items():
        try:
            plots.append((data_uri((folder / name).read_bytes()), words))
        except OSError:
            continue
    return StudyView(
        best,
        _settings_of_best(best, trials),
        plots,
        sum(each.get("state") == "failed" for each in trials),
        len(trials),
    )


def _settings_of_best(best: str, trials: list[dict[str, str]]) -> list[tuple[str, str]]:
    """What the trial that the words name was given: the columns with a dot in their name."""
    _, _, after = best.rpartition(": trial ")
    number = after.partition(" ")[0]
    for trial in trials:
        if trial.get("trial") == number:
            return [(name, value) for name, value in trial.items() if "." in (name or "")]
    return []
