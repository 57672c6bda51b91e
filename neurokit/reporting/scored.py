"""Scored: what the scores of a test are, how they were computed, and what to mind."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import attrs
from attrs import frozen
from markupsafe import Markup

from neurokit.kinds import Metric
from neurokit.no_test import was_tuned
from neurokit.params import declared_param
from neurokit.recipe import to_table
from neurokit.registry import installed
from neurokit.reporting.words import paragraphs
from neurokit.results import Results
from neurokit.schema import Recipe
from neurokit.scores import has_truth, score_suffixes
from neurokit.volumes import Volume

_DIRECTIONS = {True: "higher is better", False: "lower is better"}


@frozen
class Score:
    """A score of each volume.

    Attributes:
        name: its key in `metrics.json`.
        direction: which values are better; empty for what is not a metric's headline.
        mean: over the volumes that have it.
        values: of each volume, in their order; None where it has none.
    """

    name: str
    direction: str
    mean: float
    values: list[float | None]


@frozen
class MetricView:
    """A metric, and how it computes its scores.

    Attributes:
        use: its name in a recipe.
        origin: the distribution that it comes from.
        headline: the score that one number stands for.
        about: its documentation, by paragraphs.
        settings: each parameter's name, value and meaning.
        truth: what of a volume it scores against.
        direction: which scores are better.
    """

    use: str
    origin: str
    headline: str
    about: list[Markup]
    settings: list[tuple[str, str, str]]
    truth: str
    direction: str


def scores_in(results: Results, recipe: Recipe) -> list[Score]:
    """Every score of a test, the headlines of the recipe's metrics first."""
    directions = headline_directions(recipe)
    names = sorted(results.mean, key=lambda name: name not in directions)
    return [
        Score(
            name,
            directions.get(name, ""),
            results.mean[name],
            [volume.scores.get(name) for volume in results.volumes],
        )
        for name in names
    ]


def headline_directions(recipe: Recipe) -> dict[str, str]:
    """Which values are better, by the headlines of a recipe's metrics."""
    return {
        f"{metric.headline}{suffix}": _DIRECTIONS[metric.higher_is_better]
        for metric, suffix in zip(recipe.metrics, score_suffixes(recipe.metrics), strict=True)
    }


def metric_views(recipe: Recipe) -> list[MetricView]:
    """Each metric of a recipe, in its order."""
    names = headline_directions(recipe)
    found = []
    for metric, headline in zip(recipe.metrics, names, strict=True):
        use = installed().name_of(type(metric))
        found.append(
            MetricView(
                use,
                installed().find("metric", use).origin,
                headline,
                paragraphs(type(metric)),
                _settings(metric),
                metric.truth,
                names[headline],
            )
        )
    return found


def _why_unscored(run: Path, recipe: Recipe, volumes: Iterable[Volume]) -> str:
    if any(has_truth(volume, metric) for volume in volumes for metric in recipe.metrics):
        again = f"neurokit run --resume {run} --mode test"
        return f"The scores are not here, though they could be made: {again}."
    truths = " or ".join(sorted({metric.truth for metric in recipe.metrics}))
    return f"Nothing was scored: the test volume has no {truths}."


def notes(
    run: Path, results: Results, recipe: Recipe, volumes: Iterable[Volume] | None
) -> list[str]:
    """What makes scores less than they seem.

    Args:
        run: the folder of the run.
        results: of its test.
        recipe: that the test went by.
        volumes: that were tested, as far as they can be opened; None where nobody tried.
    """
    found = []
    data = recipe.data
    if not recipe.metrics:
        found.append("Nothing was scored: the recipe names no metrics.")
    elif not results.mean and volumes is not None:
        found.append(_why_unscored(run, recipe, volumes))
    found += [f"The scores are no test: {reason}." for reason in results.no_test]
    if data.test is not None and data.test == data.validation:
        found.append(
            "The test volume is the validation volume, too: whatever was chosen by looking at the "
            "validation was chosen on it."
        )
    if was_tuned(run, to_table(recipe)) and data.validation not in (None, data.test):
        found.append(
            "The decoder's settings were found by a search, which scored on the validation."
        )
    return found


def _settings(metric: Metric) -> list[tuple[str, str, str]]:
    """The parameters of a metric: name, value, and what it means."""
    return [
        (field.name, str(getattr(metric, field.name)), declared_param(field).help)
        for field in attrs.fields(type(metric))  # type: ignore[arg-type]  # every component is one
        if field.init
    ]
