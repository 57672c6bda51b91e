"""The folder of a run: what is written there, and who is told."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from neurokit import NeurokitError, hookimpl, load_recipe
from neurokit.run_folder import (
    Interrupted,
    Preempted,
    Run,
    is_run,
    latest_run,
    own_recipe,
    run_of_checkpoint,
)
from neurokit.schema import Recipe
from neurokit.stopping import StopRequested


class Listener:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    @hookimpl
    def run_started(self) -> None:
        """The run began."""
        self.heard.append(("run",))

    @hookimpl
    def stage_started(self, stage: str) -> None:
        """A stage began."""
        self.heard.append(("start", stage))

    @hookimpl
    def stage_finished(self, stage: str, seconds: float, reused: bool) -> None:
        """A stage ended."""
        assert seconds >= 0
        self.heard.append(("finish", stage, reused))

    @hookimpl
    def artifact_written(self, path: Path) -> None:
        """A file is there."""
        self.heard.append(("wrote", path))

    @hookimpl
    def failure(self, error: BaseException) -> None:
        """It failed."""
        self.heard.append(("failure", type(error)))


@pytest.fixture
def recipe(tiny: Path) -> Recipe:
    return load_recipe(tiny)


def test_a_new_run(recipe: Recipe) -> None:
    run = Run.create(recipe)
    assert re.fullmatch(r"outputs/tiny/\d{8}-\d{6}", str(run.folder))
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "environment.json",
        "recipe.toml",
    ]
    assert load_recipe(run.folder / "recipe.toml") == recipe
    environment = json.loads((run.folder / "environment.json").read_text())
    assert environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"neurokit", "torch"} <= set(environment["distributions"])
    assert run.last_checkpoint == run.folder / "checkpoints" / "last.ckpt"
    assert run.results(600) == run.folder / "results_step=600"
    assert is_run(run.folder)
    assert own_recipe(run.folder) == run.folder / "recipe.toml"
    assert run_of_checkpoint(run.last_checkpoint) == run.folder.absolute()
    assert run_of_checkpoint(Path("elsewhere.ckpt")) is None


def test_two_runs_of_one_second_have_two_folders(recipe: Recipe) -> None:
    assert Run.create(recipe).folder != Run.create(recipe).folder


def test_an_old_run_with_its_recipe_or_another(recipe: Recipe, tiny: Path) -> None:
    folder = Run.create(recipe).folder
    assert Run.open(folder).recipe == recipe
    other = load_recipe(tiny, ["decoder.threshold=0.1"])
    assert Run.open(folder, other).recipe == other
    with pytest.raises(NeurokitError) as caught:
        Run.open(folder.parent)
    assert str(caught.value) == (
        f"{folder.parent} is not the folder of a run; one lies at outputs/<name>/<time>"
    )


def test_listeners_and_the_log_are_told(recipe: Recipe) -> None:
    listener = Listener()
    run = Run.create(recipe, plugins=[listener])
    with run.recording():
        with run.stage("train"):
            run.written(run.folder / "a.ckpt")
        with run.stage("infer") as stage:
            stage.reused = True
    assert listener.heard == [
        ("run",),
        ("start", "train"),
        ("wrote", run.folder / "a.ckpt"),
        ("finish", "train", False),
        ("start", "infer"),
        ("finish", "infer", True),
    ]
    said = [line.split(" ", 3)[3] for line in (run.folder / "run.log").read_text().splitlines()]
    assert said[0].startswith("command: ")
    assert said[1] == f"wrote {run.folder / 'a.ckpt'}"
    assert said[2].startswith("train: done in ")
    assert said[3].startswith("infer: reused in ")
    assert logging.getLogger("neurokit").handlers == []


def test_a_failure_is_told_and_goes_on_up(recipe: Recipe) -> None:
    listener = Listener()
    run = Run.create(recipe, plugins=[listener])
    with pytest.raises(NeurokitError, match=r"^why$"), run.recording(), run.stage("train"):
        raise NeurokitError("why")
    assert listener.heard == [("run",), ("start", "train"), ("failure", NeurokitError)]
    log = (run.folder / "run.log").read_text()
    assert "ERROR the run ends with NeurokitError\nTraceback" in log
    assert logging.getLogger("neurokit").handlers == []


def test_an_interrupt_knows_where_to_go_on(recipe: Recipe) -> None:
    listener = Listener()
    run = Run.create(recipe, plugins=[listener])
    with pytest.raises(Interrupted) as caught, run.recording():
        raise KeyboardInterrupt
    assert caught.value.folder == run.folder
    assert listener.heard[-1] == ("failure", KeyboardInterrupt)


def test_a_place_that_is_no_folder(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NeurokitError) as caught:
        Run.create(recipe, tmp_path / "file")
    assert str(caught.value) == (
        f"cannot make a run folder under {tmp_path}/file/tiny: Not a directory; "
        "choose another place with --outputs"
    )


def test_a_log_that_cannot_be_written(recipe: Recipe) -> None:
    run = Run.create(recipe)
    (run.folder / "run.log").mkdir()
    with pytest.raises(NeurokitError) as caught, run.recording():
        raise AssertionError("not reached")
    assert str(caught.value) == f"the run folder {run.folder} cannot be written: Is a directory"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from neurokit import load_recipe
from neurokit.run_folder import Run, log
run = Run.create(load_recipe("tiny.toml"))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
with run.recording():
    for _ in range(100):
        log.info("a line that soon no longer fits")
print("went on")
"""


def test_a_log_that_a_full_disk_cuts_off_stops_nothing(recipe: Recipe) -> None:
    assert recipe.name == "tiny"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


def test_the_latest_run_of_a_recipe(tiny: Path) -> None:
    recipe = load_recipe(tiny)
    first, second = Run.create(recipe).folder, Run.create(recipe).folder
    assert latest_run(first) == first
    assert latest_run(first.parent) == second
    with pytest.raises(NeurokitError) as caught:
        latest_run(Path("outputs"))
    assert str(caught.value) == (
        "outputs is not the folder of a run; one lies at outputs/<name>/<time>"
    )


class Pressed:
    """Ctrl-C comes again while it hears of a failure."""

    @hookimpl
    def failure(self) -> None:
        """Be interrupted."""
        raise KeyboardInterrupt


@pytest.mark.parametrize("error", [KeyboardInterrupt(), StopRequested("SIGTERM")])
def test_ctrl_c_once_more_changes_nothing_of_how_a_run_was_stopped(
    recipe: Recipe, error: BaseException
) -> None:
    run = Run.create(recipe, plugins=[Pressed()])
    with pytest.raises(Interrupted) as caught, run.recording():
        raise error
    assert caught.value.folder == run.folder
    assert isinstance(caught.value, Preempted) == isinstance(error, StopRequested)


def test_ctrl_c_after_an_error_does_not_hide_it(recipe: Recipe) -> None:
    run = Run.create(recipe, plugins=[Pressed()])
    error = NeurokitError("why")
    with pytest.raises(NeurokitError) as caught, run.recording():
        raise error
    assert caught.value is error
