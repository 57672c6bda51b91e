"""Comparison: recipes, scores and versions of several runs, side by side."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import h5py
from attrs import define, frozen

from neurokit.comparing.differences import Difference, Missing, Table, differences
from neurokit.comparing.runs import ComparedRun
from neurokit.errors import NeurokitError
from neurokit.kinds import KINDS, Metric
from neurokit.prediction import DATASET
from neurokit.registry import Registry, installed
from neurokit.results import VolumeResults
from neurokit.scores import score_suffixes
from neurokit.structuring import Invalid, make_converter

MEAN = "mean"
"""Stands for the name of a volume where a score is the mean over several."""

# What computes results, beside neurokit and its plugins.
_MATTERS = ("python", "torch", "numpy", "scipy", "numba", "waterz", "system")


@frozen
class ScoreRow:
    """One score of all runs.

    Attributes:
        volume: its name, or `MEAN`.
        score: its key.
        headline: whether one number stands for the metric, and this is it.
        higher_is_better: None where the metric does not say, or is not installed.
        values: of each run; None where a run has no such score.
        no_test: places of the values that are no test.
        best: places of the best of the others; empty where no direction is known, where fewer than
            two runs have the score, and where all are equal.
    """

    volume: str
    score: str
    headline: bool
    higher_is_better: bool | None
    values: tuple[float | None, ...]
    no_test: tuple[int, ...]
    best: tuple[int, ...]


@frozen
class Comparison:
    """What sets runs apart, and what came of it.

    Attributes:
        runs: at least two.
        recipe: keys of the recipes whose values differ.
        equal: how many values of the recipes are equal.
        scores: volume by volume; headlines first.
        environment: versions that matter and differ.
        warnings: why scores may not be comparable, one line each.
    """

    runs: tuple[ComparedRun, ...]
    recipe: tuple[Difference, ...]
    equal: int
    scores: tuple[ScoreRow, ...]
    environment: tuple[Difference, ...]
    warnings: tuple[str, ...]

    def to_table(self) -> dict[str, Any]:
        """The comparison as plain values, for JSON; null where there is no value."""
        return {
            "runs": [
                {
                    "label": run.label,
                    "folder": str(run.folder),
                    "step": run.step,
                    "network": run.network,
                    "results": None if run.results is None else str(run.results.folder),
                    "training_seconds": run.training_seconds,
                    "no_test": run.no_test or None,
                }
                for run in self.runs
            ],
            "recipe": [_plain(each) for each in self.recipe],
            "equal": self.equal,
            "scores": [
                {
                    "volume": row.volume,
                    "score": row.score,
                    "headline": row.headline,
                    "higher_is_better": row.higher_is_better,
                    "values": list(row.values),
                    "best": list(row.best),
                }
                for row in self.scores
            ],
            "environment": [_plain(each) for each in self.environment],
            "warnings": list(self.warnings),
        }


def compare(runs: Sequence[ComparedRun], registry: Registry | None = None) -> Comparison:
    """Set runs against each other.

    Args:
        runs: at least two.
        registry: where the metrics are looked up, which say what their headline is, and whether a
            higher one is better; by default among the installed ones.
    """
    found, equal = differences([run.recipe for run in runs])
    metrics = _headlines(runs, registry or installed())
    scored_otherwise = [key for key, each in metrics.items() if each.scored_otherwise]
    return Comparison(
        runs=tuple(runs),
        recipe=tuple(found),
        equal=equal,
        scores=tuple(_score_rows(runs, metrics)),
        environment=tuple(_environment(runs)),
        warnings=tuple(
            [
                *_untested(runs),
                *(
                    f"the scores of {run.label} are no test: {run.no_test}"
                    for run in runs
                    if run.no_test
                ),
                *_other_data(runs),
                *(
                    f"{key} was computed in several ways (see [metrics] of the recipes), and its "
                    f"values cannot be compared"
                    for key in scored_otherwise
                ),
            ]
        ),
    )


@define
class _Headline:
    """What is known of a score that stands for its metric."""

    higher_is_better: bool
    tables: list[Table]

    @property
    def scored_otherwise(self) -> bool:
        """Whether the metric's parameters are not the same in all runs."""
        return any(table != self.tables[0] for table in self.tables)


def _plain(difference: Difference) -> dict[str, Any]:
    values = [None if isinstance(value, Missing) else value for value in difference.values]
    return {"key": difference.key, "values": values}


def _score_rows(runs: Sequence[ComparedRun], headlines: dict[str, _Headline]) -> Iterator[ScoreRow]:
    """Rows of each volume, in the order in which runs have them; first the means over several."""
    found = [_volumes(run) for run in runs]
    names = list(dict.fromkeys(name for volumes in found for name in volumes))
    no_test = [place for place, run in enumerate(runs) if run.no_test]
    doubtful = [name for name in names if _other_content(runs, name)]
    if len(names) > 1 and all(len(volumes) in (0, len(names)) for volumes in found):
        means = [{} if run.results is None else run.results.mean for run in runs]
        yield from _rows(MEAN, means, headlines, no_test, comparable=not doubtful)
    for name in names:
        scores = [volumes[name].scores if name in volumes else {} for volumes in found]
        yield from _rows(name, scores, headlines, no_test, comparable=name not in doubtful)


def _rows(
    volume: str,
    scores: Sequence[dict[str, float]],
    headlines: dict[str, _Headline],
    no_test: Sequence[int],
    *,
    comparable: bool,
) -> Iterator[ScoreRow]:
    """A row for each score; the headlines come first."""
    keys = list(dict.fromkeys(key for each in scores for key in each))
    for key in sorted(keys, key=lambda key: key not in headlines):
        values = tuple(each.get(key) for each in scores)
        headline = headlines.get(key)
        higher = None if headline is None else headline.higher_is_better
        best: tuple[int, ...] = ()
        if headline is not None and comparable and not headline.scored_otherwise:
            tests = [None if at in no_test else value for at, value in enumerate(values)]
            best = _best(tests, headline.higher_is_better)
        marked = tuple(place for place in no_test if values[place] is not None)
        yield ScoreRow(volume, key, headline is not None, higher, values, marked, best)


def _best(values: Sequence[float | None], higher_is_better: bool) -> tuple[int, ...]:
    given = [value for value in values if value is not None]
    if len(set(given)) < 2:
        return ()
    best = max(given) if higher_is_better else min(given)
    return tuple(place for place, value in enumerate(values) if value == best)


def _volumes(run: ComparedRun) -> dict[str, VolumeResults]:
    """What a run's test left, by the name of the volume."""
    return {} if run.results is None else {each.name: each for each in run.results.volumes}


def _headlines(runs: Sequence[ComparedRun], registry: Registry) -> dict[str, _Headline]:
    """What stands for the metrics of the recipes, as far as they are installed, by score key."""
    found: dict[str, _Headline] = {}
    for run in runs:
        tables = run.recipe.get("metrics", []) if run.results is not None else []
        metrics = [(table, _metric(table, registry)) for table in tables]
        known = [(table, metric) for table, metric in metrics if metric is not None]
        try:
            suffixes = score_suffixes([metric for _, metric in known])
        except NeurokitError:
            continue  # beside one that is not installed any more, they look alike
        for (table, metric), suffix in zip(known, suffixes, strict=True):
            key = metric.headline + suffix
            found.setdefault(key, _Headline(metric.higher_is_better, [])).tables.append(table)
    return found


def _metric(table: Table, registry: Registry) -> Metric | None:
    """The metric of a recipe's table; None if it is not installed, or of another version."""
    try:
        metric = make_converter(registry.component).structure(table, KINDS["metric"])
    except (Invalid, NeurokitError):
        return None
    assert isinstance(metric, Metric)
    return metric


def _untested(runs: Sequence[ComparedRun]) -> Iterator[str]:
    for run in runs:
        again = ["neurokit", "run", "--resume", str(run.folder)]
        if run.results is None and not run.can_be_tested:
            yield f"{run.label} has no network yet; go on with it: {shlex.join(again)}"
        elif run.results is None:
            test = shlex.join([*again, "--mode", "test"])
            yield f"{run.label} has not been tested; test it: {test}"
        elif not run.results.mean:
            yield f"{run.label} was tested, and nothing was scored"


def _other_data(runs: Sequence[ComparedRun]) -> Iterator[str]:
    """Where scores of several runs are not of the same volume."""
    found = [_volumes(run) for run in runs if run.results is not None]
    names = list(dict.fromkeys(name for volumes in found for name in volumes))
    if any(len(volumes) < len(names) for volumes in found):
        yield "not all runs were tested on the same volumes; compare only scores of one volume"
    for name in names:
        doubt = _other_content(runs, name)
        if doubt:
            yield f"{doubt}; scores on it compare only if they hold the same"


def _other_content(runs: Sequence[ComparedRun], name: str) -> str | None:
    """What speaks against a volume's being the same in all runs that were tested on it."""
    tested = [run for run in runs if name in _volumes(run)]
    marks = [_content(_volumes(run)[name]) for run in tested]
    if None not in marks:
        others = [run.label for run, mark in zip(tested, marks, strict=True) if mark != marks[0]]
        if not others:
            return None
        return (
            f"the volume '{name}' is read from other files, or another part of them, in "
            f"{', '.join(others)} than in {tested[0].label}"
        )
    sources = [run.recipe["data"].get("test") for run in tested]
    if all(source == sources[0] for source in sources):
        return None
    return f"the volume '{name}' may be read from other files, as [data.test] of the runs differ"


def _content(volume: VolumeResults) -> str | None:
    """The fingerprint of a volume that was tested; None where it was not noted."""
    try:
        with h5py.File(volume.segmentation, "r", locking=False) as file:
            mark = file[DATASET].attrs.get("volume_fingerprint")
    except (OSError, KeyError):
        return None
    return None if mark is None else str(mark)


def _environment(runs: Sequence[ComparedRun]) -> Iterator[Difference]:
    """Versions that matter and are not the same."""
    names = dict.fromkeys(name for run in runs for name in run.environment)
    plugins = [name for name in names if name.startswith("neurokit")]
    packages = {each.distribution for each in installed().offers} & names.keys()
    for name in dict.fromkeys([*plugins, *sorted(packages), *_MATTERS]):
        values = [run.environment.get(name, Missing.ABSENT) for run in runs]
        if any(value != values[0] for value in values):
            yield Difference(name, values)
