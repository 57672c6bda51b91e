"""Scores: the names under which the values of a recipe's metrics are kept apart."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from neurokit.errors import NeurokitError
from neurokit.kinds import Metric


def score_suffixes(metrics: Sequence[Metric]) -> list[str]:
    """What to append to the keys of each metric's scores.

    Nothing for a metric whose `headline` no other one shares. Of those that share it, each gets
    the parameters that are not at their defaults: `adapted_rand` beside
    `adapted_rand[crop=snemi3d-gc]`.

    Raises:
        NeurokitError: two metrics would still give the same score.
    """
    headlines = [metric.headline for metric in metrics]
    suffixes = [
        _settings(metric) if headlines.count(metric.headline) > 1 else "" for metric in metrics
    ]
    names = [headline + suffix for headline, suffix in zip(headlines, suffixes, strict=True)]
    for name in names:
        if names.count(name) > 1:
            raise NeurokitError(f"two of the recipe's metrics give the score '{name}'; remove one")
    return suffixes


def _settings(metric: Metric) -> str:
    changed = [
        f"{field.name}={getattr(metric, field.name)}"
        for field in attrs.fields(type(metric))  # type: ignore[arg-type]  # every component is one
        if field.init and getattr(metric, field.name) != field.default
    ]
    return f"[{','.join(changed)}]" if changed else ""
