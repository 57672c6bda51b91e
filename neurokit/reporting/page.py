"""Page: `report.html`, made from what lies in a run's folder and nothing else.

It also looks at the data that the recipe names, where that is still there.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import h5py
from attrs import frozen
from jinja2 import Environment

from neurokit.atomic import write_text
from neurokit.errors import NeurokitError
from neurokit.plan import OF_SCORES
from neurokit.prediction import DATASET
from neurokit.recipe import load_recipe
from neurokit.registry import installed
from neurokit.reporting import words
from neurokit.reporting.curves import Curve, learning_curves, threshold_curves
from neurokit.reporting.data import first_section, opened_data
from neurokit.reporting.ending import Ending, ending, in_words
from neurokit.reporting.history import CommandRecord, History, read_history
from neurokit.reporting.scored import (
    MetricView,
    Score,
    headline_directions,
    metric_views,
    notes,
    scores_in,
)
from neurokit.reporting.study import StudyView, study_view
from neurokit.reporting.telling import extent
from neurokit.reporting.templating import templates_of
from neurokit.reporting.tissue import VolumeView, volume_view
from neurokit.results import Results, all_results, latest_results
from neurokit.run_folder import environment_of, own_recipe
from neurokit.schema import Recipe

REPORT = "report.html"

_MOST_VOLUMES = 3
_LACKING = "no pictures and no mistakes, as its data is missing: "
_LEFT_OUT = (
    "no pictures and no mistakes are made of a run that does not finish; neurokit report adds them"
)
_FOREMOST = ("neurokit", "torch", "numpy", "numba", "scipy", "h5py", "zarr", "waterz")


@frozen
class Fingerprint:
    """What a file was made from.

    Attributes:
        what: the file, or the data.
        value: sixteen hexadecimal digits.
        note: what to mind; empty where there is nothing.
    """

    what: str
    value: str
    note: str = ""


@frozen
class Page:
    """Everything that the report shows.

    Attributes:
        folder: of the run, as it was given.
        name: of the recipe.
        began: when the first command started, in words.
        ending: how the last command ended too early; None where it did all.
        results: of the latest test; None where nothing was tested.
        others: results of other checkpoints.
        scores, metrics, notes: of the latest test.
        first_section: of the test's file, from which z counts.
        volumes: that were tested, as many as are shown.
        unseen: how many more there are.
        learning, thresholds: charts.
        study: what a search found.
        commands: what was done, the latest first.
        speed: steps and voxels per second, in words.
        recipe: what the latest test, or the training, went by, as TOML.
        versions: of what matters, and of all else.
        system: Python, operating system and device, in words.
        fingerprints: of data, predictions and segmentations.
    """

    folder: Path
    name: str
    began: str
    ending: Ending | None
    results: Results | None
    others: list[Results]
    scores: list[Score]
    metrics: list[MetricView]
    notes: list[str]
    first_section: int
    volumes: list[VolumeView]
    unseen: int
    learning: list[Curve]
    thresholds: list[Curve]
    study: StudyView | None
    commands: list[CommandRecord]
    speed: str
    recipe: str
    versions: list[tuple[str, str]]
    other_versions: list[tuple[str, str]]
    system: list[tuple[str, str]]
    fingerprints: list[Fingerprint]

    @property
    def headlines(self) -> list[Score]:
        """The scores that one number of each metric stands for."""
        return [score for score in self.scores if score.direction]


def write_report(folder: Path, *, quickly: bool = False) -> Path:
    """Write `report.html` in a run's folder: one file that loads nothing from anywhere.

    Args:
        folder: of a run; one that only trained, only searched, or failed is reported on, too.
        quickly: leave out what needs the data: pictures and mistakes.

    Returns:
        The file.

    Raises:
        NeurokitError: the folder is not that of a run, its scores are damaged, or it cannot be
            written.
    """
    page = gathered(folder, quickly=quickly)
    html = _templates().get_template("report.html").render(page=page)
    write_text(folder / REPORT, html)
    return folder / REPORT


def summary_html(folder: Path) -> str:
    """A small card for a notebook: name, step, scores, and a picture.

    Raises:
        NeurokitError: the folder is not that of a run, or its scores are damaged.
    """
    page = gathered(folder, pictures=1, mistakes=0)
    return _templates().get_template("card.html").render(page=page)


def gathered(
    folder: Path, pictures: int = _MOST_VOLUMES, mistakes: int = 10, *, quickly: bool = False
) -> Page:
    """What a report of the run in a folder shows.

    Args:
        folder: of the run.
        pictures: of how many volumes to show the tissue.
        mistakes: how many merges and splits to find in each.
        quickly: leave out what needs the data.

    Raises:
        NeurokitError: the folder is not that of a run, or its scores are damaged.
    """
    own = own_recipe(folder)
    found = all_results(folder)
    results = latest_results(folder) if found else None
    file = own if results is None else results.folder / "recipe.toml"
    history = read_history(folder)
    remarks: list[str] = []
    recipe: Recipe | None = None
    try:
        recipe = load_recipe(file)
    except NeurokitError as error:
        remarks.append(f"The recipe cannot be used here, which leaves much out: {error}")
    volumes: list[VolumeView] = []
    if results is not None and recipe is not None:
        opened, missing = ({}, {}) if quickly else opened_data(results)
        remarks += notes(folder, results, recipe, None if quickly else opened.values())
        alone = len(results.volumes) == 1
        volumes = [
            volume_view(
                folder,
                each,
                opened.get(each.name),
                _LEFT_OUT if quickly else _LACKING + missing.get(each.name, ""),
                mistakes,
                alone,
                recipe.metrics,
            )
            for each in results.volumes[:pictures]
        ]
    remarks += [
        f"The run warned: {each}"
        for each in history.warnings
        # Of what was scored in the end, the notes tell.
        if results is None or not each.startswith(OF_SCORES)
    ]
    tested = results if recipe is not None else None
    environment = _environment(folder)
    versions = environment.get("distributions", {})
    foremost = _foremost(versions)
    return Page(
        folder=folder,
        name=folder.absolute().parent.name if recipe is None else recipe.name,
        began=words.moment(_began(folder, history)),
        ending=ending(folder, history),
        results=results,
        others=[each for each in found if results is not None and each.step != results.step],
        scores=[] if tested is None or recipe is None else scores_in(tested, recipe),
        metrics=[] if tested is None or recipe is None else metric_views(recipe),
        notes=remarks,
        first_section=0 if recipe is None else first_section(recipe),
        volumes=volumes,
        unseen=0 if results is None else len(results.volumes) - len(volumes),
        learning=learning_curves(history, list(headline_directions(recipe)) if recipe else []),
        thresholds=(
            threshold_curves(tested.folder, headline_directions(recipe))
            if tested is not None and recipe is not None
            else []
        ),
        study=study_view(folder),
        commands=history.commands[::-1],
        speed=_speed(history),
        recipe=file.read_text(encoding="utf-8"),
        versions=[(name, versions[name]) for name in foremost],
        other_versions=[(name, each) for name, each in versions.items() if name not in foremost],
        system=_system(environment, history),
        fingerprints=_fingerprints(folder, results, volumes),
    )


@cache
def _templates() -> Environment:
    templates = templates_of("neurokit.reporting")
    filters = (
        words.counted,
        words.duration,
        words.memory,
        words.moment,
        words.percent,
        words.lengths,
        words.score,
    )
    templates.filters |= {each.__name__: each for each in filters}
    templates.globals |= {"extent": extent, "how_it_ended": in_words}
    return templates


def _began(folder: Path, history: History) -> float:
    """When the run began: as its folder's name says, or else what is noted in it.

    The file of its environment is never written again.
    """
    with suppress(ValueError):
        return datetime.strptime(folder.absolute().name, "%Y%m%d-%H%M%S").timestamp()
    if history.commands:
        return history.commands[0].started
    return (folder / "environment.json").stat().st_mtime


def _environment(folder: Path) -> dict[str, Any]:
    try:
        return environment_of(folder)
    except NeurokitError:
        return {}  # the rest is worth showing all the same


def _foremost(versions: dict[str, str]) -> list[str]:
    """The distributions that matter: a few, and all that offer components."""
    offering = {offer.distribution for offer in installed().offers}
    wanted = [*_FOREMOST, *sorted(offering - set(_FOREMOST))]
    return [name for name in wanted if name in versions]


def _system(environment: dict[str, Any], history: History) -> list[tuple[str, str]]:
    devices = dict.fromkeys(each.device for each in history.commands if each.device)
    rows = [
        ("Python", str(environment.get("python", ""))),
        ("system", str(environment.get("system", ""))),
        ("machine", str(environment.get("machine", ""))),
        ("computed on", "; ".join(devices)),
    ]
    return [(name, value) for name, value in rows if value]


def _speed(history: History) -> str:
    """The usual speed of the training, in words; empty where nothing is known."""
    steps = sorted(
        each.values["steps_per_second"]
        for each in history.steps
        if "steps_per_second" in each.values
    )
    voxels = sorted(
        each.values["voxels_per_second"]
        for each in history.steps
        if "voxels_per_second" in each.values
    )
    if not steps or not voxels:
        return ""
    return (
        f"{steps[len(steps) // 2]:.3g} steps a second, "
        f"{voxels[len(voxels) // 2] / 1e6:.3g} million voxels a second"
    )


def _fingerprints(
    folder: Path, results: Results | None, volumes: list[VolumeView]
) -> list[Fingerprint]:
    """What is known of where the results come from."""
    if results is None:
        return []
    now = {view.name: view.fingerprint for view in volumes}
    found = []
    for each in results.volumes:
        of_data = _attribute(each.segmentation, "volume_fingerprint")
        here = now.get(each.name)
        if of_data is not None:
            changed = here is not None and here != of_data
            note = "the data has changed since: pictures and mistakes show it as it is now"
            found.append(Fingerprint(f"data '{each.name}'", of_data, note if changed else ""))
        elif here is not None:
            found.append(Fingerprint(f"data '{each.name}', as it is now", here))
        for file, what in ((each.prediction, "prediction"), (each.segmentation, "segmentation")):
            value = _attribute(file, "fingerprint")
            if value is not None:
                found.append(Fingerprint(f"{what} {file.relative_to(folder)}", value))
    return found


def _attribute(file: Path, name: str) -> str | None:
    try:
        with h5py.File(file, "r", locking=False) as stored:
            value = stored[DATASET].attrs.get(name)
    except (OSError, KeyError):
        return None
    return None if value is None else str(value)
