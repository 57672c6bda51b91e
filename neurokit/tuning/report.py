"""Report: what a study found, as files beside it and in words."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w
from attrs import frozen

from neurokit.atomic import write_text
from neurokit.tuning.ranges import Range
from neurokit.tuning.study import Study, Trial

PLOTS = ("history.png", "slices.png", "importance.png")
_SCORED_WITH = ("data", "inferer", "metrics")


@frozen
class Found:
    """The best settings of a study.

    Attributes:
        study: its name.
        headline: what the value is, such as `adapted_rand`.
        best: the best trial; the first of equally good ones.
        done: how many trials are complete or failed.
        volumes: the names of those that were scored on.
        files: a recipe with the best settings, a table of the trials, and plots.
        warnings: what to mind, one line each.
    """

    study: str
    headline: str
    best: Trial
    done: int
    volumes: tuple[str, ...]
    files: tuple[Path, ...]
    warnings: tuple[str, ...]


def best_of(trials: Sequence[Trial], higher_is_better: bool) -> Trial | None:
    """The complete trial with the best value; None where there is none."""
    sign = -1 if higher_is_better else 1
    done = [(sign * each.value, each.number, each) for each in trials if each.value is not None]
    return min(done)[2] if done else None


def write_best(path: Path, table: dict[str, Any], own: dict[str, Any], words: str) -> None:
    """Write a recipe that lays the best settings over the run's own.

    It holds the whole decoder, and what else was scored with and is not as in the run's recipe.

    Args:
        path: in the folder beside which the run's recipe lies.
        table: the plain table of the recipe that was tuned, with the best settings.
        own: that of the run's recipe.
        words: a line for its head.
    """
    content: dict[str, Any] = {"extends": "../recipe.toml", "decoder": table["decoder"]}
    content |= {key: table[key] for key in _SCORED_WITH if table[key] != own[key]}
    write_text(path, f"# {words}\n{tomli_w.dumps(content)}")


def write_trials(path: Path, study: Study, trials: Sequence[Trial], headline: str) -> None:
    """Write a table of all trials: state, value, settings, scores, seconds, and why it failed."""
    settings = [each.name for each in study.ranges]
    scores = list(dict.fromkeys(key for each in trials for key in each.scores if key != headline))
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(["trial", "state", headline, *settings, *scores, "seconds", "reason"])
    for each in trials:
        seconds = "" if each.seconds is None else f"{each.seconds:.3f}"
        writer.writerow(
            [
                each.number,
                each.state,
                "" if each.value is None else each.value,
                *(each.settings[name] for name in settings),
                *(each.scores.get(name, "") for name in scores),
                seconds,
                each.reason or "",
            ]
        )
    write_text(path, rows.getvalue())


def remove_of_another(folder: Path, study: str) -> None:
    """Remove what another study left in a folder, where this one may not come to replace it."""
    try:
        head = (folder / "best.toml").read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        head = ""
    if not head.endswith(_of_study(study)):
        for name in ("best.toml", "trials.csv", *PLOTS):
            (folder / name).unlink(missing_ok=True)


def best_in_words(study: str, headline: str, best: Trial, done: int, volumes: Sequence[str]) -> str:
    """One line: the value, on which volumes, of which trial."""
    return (
        f"{headline} {best.value:.6g} on {', '.join(volumes)}: trial {best.number} of {done}"
        f"{_of_study(study)}"
    )


def _of_study(name: str) -> str:
    return f" of the study {name}"


def metric_warnings(ranges: tuple[Range, ...]) -> list[str]:
    """Whether the yardstick is among what is searched."""
    searched = [each.name for each in ranges if each.path[0] == "metrics"]
    if not searched:
        return []
    return [
        f"{', '.join(searched)} changes how trials are scored: the best may be the most lenient "
        f"score rather than the best segmentation"
    ]


def tie_warnings(trials: Sequence[Trial]) -> list[str]:
    """Whether what is searched makes any difference."""
    values = [each.value for each in trials if each.value is not None]
    if len(values) < 2 or len(set(values)) > 1:
        return []
    return [
        f"all {len(values)} complete trials scored the same: the score does not depend on what is "
        f"searched"
    ]


def edge_warnings(ranges: tuple[Range, ...], best: Trial) -> list[str]:
    """Where the best value may lie beyond the space."""
    found = []
    for each in ranges:
        value = best.settings[each.name]
        edge = each.edge(value)
        if edge is not None:
            most = "smallest" if edge == "low" else "largest"
            found.append(
                f"the best {each.name}, {value:g}, is the {most} of its range; a wider range may "
                f"hold a better one"
            )
    return found


def failure_warnings(trials: Sequence[Trial]) -> list[str]:
    """How many trials failed, and why the first did."""
    failed = [each for each in trials if each.state == "failed"]
    if not failed:
        return []
    noun = "trial" if len(failed) == 1 else "trials"
    return [f"{len(failed)} {noun} failed; trial {failed[0].number}: {failed[0].reason}"]
