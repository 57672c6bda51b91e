"""What `neurokit run` prints at the end."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from neurokit.printable import printable


def outcome_table(outcome: Any) -> dict[str, Any]:
    """What a run left as plain values, for JSON; null where there is nothing."""
    found = outcome.found
    return {
        "folder": str(outcome.folder),
        "checkpoint": str(outcome.checkpoint),
        "segmentations": [str(file) for file in outcome.segmentations],
        "scores": outcome.scores,
        "unscored": outcome.unscored,
        "report": None if outcome.report is None else str(outcome.report),
        "found": None if found is None else _found_table(found),
        "warnings": list(outcome.warnings),
    }


def _found_table(found: Any) -> dict[str, Any]:
    return {
        "study": found.study,
        "trials": found.done,
        "trial": found.best.number,
        "headline": found.headline,
        "value": found.best.value,
        "scores": found.best.scores,
        "settings": found.best.settings,
        "volumes": list(found.volumes),
        "files": [str(file) for file in found.files],
        "warnings": list(found.warnings),
    }


def print_outcome(outcome: Any) -> None:
    """Print scores, or the best settings, and where everything lies."""
    if outcome.found is not None:
        _print_found(outcome.found, outcome.checkpoint, outcome.report)
        return
    if outcome.scores is not None:
        width = max(len(key) for key in outcome.scores["mean"])
        for volume, scores in outcome.scores["volumes"].items():
            click.echo(f"\nscores of {printable(volume)}")
            for key, value in scores.items():
                click.echo(f"  {key:{width}}  {value:.4f}")
        if outcome.scores["no_test"]:
            reasons = ", and ".join(outcome.scores["no_test"])
            click.echo(f"\nthese scores are no test: {printable(reasons)}")
    elif outcome.unscored is not None:
        click.echo(f"\nnothing was scored: {printable(outcome.unscored)}")
    click.echo("\nresults")
    own = outcome.folder in outcome.checkpoint.parents
    for file in [*([outcome.checkpoint] if own else []), *outcome.segmentations]:
        click.echo(f"  {printable(file)}")
    if outcome.scores is not None:
        step = outcome.scores["step"]
        scores = outcome.folder / f"results_step={step}" / "metrics.json"
        click.echo(f"  {printable(scores)}")
    _print_report(outcome.report)
    if outcome.segmentations:
        look = shlex.join(["neurokit", "view", str(outcome.folder)])
        click.echo(f"\nlook at it with: {printable(look)}")


def _print_report(report: Path | None) -> None:
    if report is not None:
        click.echo(f"  {printable(report)}")


def _print_found(found: Any, checkpoint: Path, report: Path | None) -> None:
    best = found.best
    trials = "the only trial" if found.done == 1 else f"the best of {found.done} trials"
    click.echo(f"\n{trials} on {printable(', '.join(found.volumes))} is trial {best.number}")
    scores = {found.headline: best.value} | best.scores
    width = max(map(len, [*scores, *best.settings]))
    for key, value in scores.items():
        click.echo(f"  {key:{width}}  {value:.4f}")
    click.echo("\nits settings")
    for key, value in best.settings.items():
        click.echo(f"  {key:{width}}  {json.dumps(value)}")
    click.echo("\nresults")
    for file in found.files:
        click.echo(f"  {printable(file)}")
    _print_report(report)
    test = ["neurokit", "run", str(found.files[0]), "--mode", "test", "--checkpoint"]
    click.echo(f"\ntest with: {printable(shlex.join([*test, str(checkpoint)]))}")
    for warning in found.warnings:
        click.echo(f"warning: {printable(warning)}", err=True)
