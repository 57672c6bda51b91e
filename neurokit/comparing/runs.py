"""Runs to compare: which folders are meant, and what each of them remembers."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from neurokit.comparing.differences import Missing, Table
from neurokit.errors import NeurokitError, first_line
from neurokit.results import Results, all_results, latest_results, results_of
from neurokit.run_folder import is_run, last_checkpoint, network_of, own_recipe, runs_in

_RESULTS = "results_step="
# What testing goes by, wherever the network came from. The rest says how that was trained.
_TESTED_BY = ("system", "target", "model", "inferer", "decoder", "metrics")
# Beside the runs of a recipe lie the labels that a target has prepared.
_NO_RUN = "prepared"
_LOGGED = re.compile(r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) [A-Z]+ (?P<said>.*)")
_ENDS_TRAINING = ("train: done", "the run ends with")


@frozen
class ComparedRun:
    """A run, and one test of it.

    Attributes:
        label: short, and another for each run.
        folder: of the run.
        results: of the test; None where nothing was tested.
        no_test: why its scores tell nothing of unseen tissue; empty where they do.
        recipe: the plain table of what it was trained and tested by.
        environment: versions of distributions by name, and of `python` and `system`.
        training_seconds: over all sessions; None where it trained nothing.
    """

    label: str
    folder: Path
    results: Results | None
    no_test: str
    recipe: Table
    environment: dict[str, str]
    training_seconds: float | None

    @property
    def step(self) -> int | None:
        """Optimizer step of the tested checkpoint; None where nothing was tested."""
        return None if self.results is None else self.results.step

    @property
    def network(self) -> str | None:
        """What was tested of a run that has trained nothing; None where that is its own."""
        return None if self.has_trained or self.results is None else self.results.checkpoint

    @property
    def can_be_tested(self) -> bool:
        """Whether there is a network, be it its own or one from elsewhere."""
        return self.has_trained or _network_was_given(self.folder)

    @property
    def has_trained(self) -> bool:
        """Whether it has trained a network of its own."""
        return _trained(self.folder)


def find_runs(names: Sequence[str]) -> list[ComparedRun]:
    """The runs that are meant, in the order of their names, each once.

    Args:
        names: of each the folder of a run, whose latest test is taken; with `@STEP` behind it, the
            test of that step; a folder `results_step=<N>` of a run; or the folder of a recipe
            under outputs/, which means its latest run, or, where it is the only name, all its runs.

    Raises:
        NeurokitError: a name means no run or no test, or there are not two runs.
    """
    found: dict[tuple[Path, int | None], ComparedRun] = {}
    for name in names:
        for folder, results in _meant(name, alone=len(names) == 1):
            key = (folder.resolve(), None if results is None else results.step)
            found.setdefault(key, _remembered(folder, results))
    if len(found) < 2:
        only = next((run.folder for run in found.values()), "nothing")
        raise NeurokitError(
            f"it takes two runs to compare, and there is only {only}; name another, or the folder "
            f"of a recipe that holds several"
        )
    return _labelled(list(found.values()))


def _meant(name: str, *, alone: bool) -> list[tuple[Path, Results | None]]:
    """The runs, and a test of each, that a name means."""
    path, at, number = name.rpartition("@")
    if at and number.isdigit() and not Path(name).exists():
        return [(Path(path), results_of(Path(path), int(number)))]
    folder = Path(name)
    if is_run(folder):
        return [(folder, _latest(folder))]
    place = folder.absolute()  # which has a name, also of "."
    number = place.name.removeprefix(_RESULTS)
    if is_run(place.parent) and number != place.name and number.isdigit():
        run = folder.parent if folder.name else place.parent
        return [(run, results_of(run, int(number)))]
    if place.name == _NO_RUN and runs_in(place.parent):
        return []  # the shell put it between the runs: outputs/demo/*
    runs = runs_in(folder)
    if not runs:
        own_recipe(folder)  # says what is no run
    return [(run, _latest(run)) for run in (runs if alone else runs[-1:])]


def _latest(run: Path) -> Results | None:
    return latest_results(run) if all_results(run) else None


def _remembered(folder: Path, results: Results | None) -> ComparedRun:
    environment = _read(folder / "environment.json", json.loads)
    versions = environment.pop("distributions", {})
    return ComparedRun(
        label=str(folder),
        folder=folder,
        results=results,
        no_test="" if results is None else ", and ".join(results.no_test),
        recipe=_recipe(folder, results),
        environment={key: str(value) for key, value in {**environment, **versions}.items()},
        training_seconds=training_seconds(folder),
    )


def _recipe(folder: Path, results: Results | None) -> dict[str, Any]:
    """What a run was trained by, and, where it was tested otherwise, what that went by.

    Where the network came from elsewhere, what its recipe says of training has had no effect. A run
    that ended before its first checkpoint has been trained by it all the same.
    """
    own = _read(folder / "recipe.toml", tomllib.loads)
    tested = own if results is None else _read(results.folder / "recipe.toml", tomllib.loads)
    elsewhere = results is not None or _network_was_given(folder)
    trained = _trained(folder) or not elsewhere
    recipe: dict[str, Any] = {
        key: value if trained or key == "name" else Missing.ELSEWHERE for key, value in own.items()
    }
    recipe |= {key: tested[key] for key in _TESTED_BY if key in tested}
    data = {
        part: value if trained else Missing.ELSEWHERE
        for part, value in own.get("data", {}).items()
        if part != "test"
    }
    if "test" in tested.get("data", {}):
        data["test"] = tested["data"]["test"]
    return recipe | {"data": {part: _without_hint(value) for part, value in data.items()}}


def _without_hint(dataset: Any) -> Any:
    """A dataset's table without what it says where files are missing, which changes no result."""
    if not isinstance(dataset, dict):
        return dataset
    return {key: value for key, value in dataset.items() if key != "hint"}


def _network_was_given(folder: Path) -> bool:
    """Whether a run was begun to test or tune a network from elsewhere."""
    return network_of(folder) != str(last_checkpoint(folder))


def _trained(folder: Path) -> bool:
    return any(folder.glob("checkpoints/*.ckpt"))


def _read(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    """A table from a file of a run."""
    try:
        found = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # what both parsers raise is a ValueError
        raise NeurokitError(f"{path} cannot be read: {first_line(error)}") from error
    if not isinstance(found, dict):
        raise NeurokitError(f"{path} cannot be read: it holds no table")
    return found


def training_seconds(folder: Path) -> float | None:
    """How long a run has trained, over all its sessions, as its log tells; None if it has not.

    A session that was stopped or killed counts up to the last line that it wrote.
    """
    try:
        lines = (folder / "run.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    total, began, last = None, None, None
    for line in lines:
        match = _LOGGED.match(line)
        if match is None:
            continue  # of a traceback
        now = datetime.strptime(match["time"], "%Y-%m-%d %H:%M:%S,%f")
        if began is not None and last is not None and match["said"].startswith("command: "):
            total, began = (total or 0.0) + (last - began).total_seconds(), None
        if match["said"].startswith("training from step "):
            began = now
        elif began is not None and match["said"].startswith(_ENDS_TRAINING):
            total, began = (total or 0.0) + (now - began).total_seconds(), None
        last = now
    if began is not None and last is not None:
        total = (total or 0.0) + (last - began).total_seconds()
    return total


def _labelled(runs: list[ComparedRun]) -> list[ComparedRun]:
    """The runs with labels: as much of the folder, and the step, as tells them apart."""
    places = [run.folder.resolve() for run in runs]
    names = [place.name for place in places]
    if len({place.parent for place in places}) > 1:
        names = [f"{place.parent.name}/{place.name}" for place in places]
    if len(set(names)) < len(set(places)):
        names = list(map(str, places))
    twice = {name for name in names if names.count(name) > 1}
    return [
        evolve(run, label=f"{name}@{run.step}" if name in twice else name)
        for run, name in zip(runs, names, strict=True)
    ]
