"""Tuning from end to end: what it finds and leaves, stopped, continued, and with trials that fail.

The decoder is one whose scores are known: the best settings of the space are level 7 and fine 0,
or level 6 and fine 1.
"""

from __future__ import annotations

import csv
import os
import shlex
import signal
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import optuna
import pytest
from children import Command, started
from click.testing import CliRunner, Result
from dial import NOTES, TROUBLE, copied, dial_installed, trained_in, tuned_recipe
from PIL import Image

from neurokit import NeurokitError, hookimpl, load_recipe
from neurokit.cli import main
from neurokit.pipeline import Outcome, execute
from neurokit.recipe import to_toml
from neurokit.run_folder import Interrupted, Preempted
from neurokit.tuning.worker import _PROGRAM, Worker

FINE_FIXED = "tune.space.decoder={level={}}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with recipes and a run in it, and the run's own folder, relative to that."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, trained_in(folder)


@pytest.fixture
def run(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder of a run of one's own, in the working directory, where the plugin is there."""
    folder, run = trained
    copied(folder, tmp_path / "copy", monkeypatch)
    with dial_installed(tmp_path, monkeypatch):
        yield run


def tuned(run: Path, *overrides: str, **options: Any) -> Outcome:
    return execute(tuned_recipe(*overrides), "tune", resume=run, **options)


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "tune/trials.csv").open() as file:
        return list(csv.DictReader(file))


def invoke(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def stored(run: Path) -> list[optuna.trial.FrozenTrial]:
    """The trials as Optuna's own tools see them."""
    url = f"sqlite:///{run / 'tune/dials.db'}"
    return optuna.load_study(study_name="dials", storage=url).trials


def test_what_it_finds_and_leaves(run: Path) -> None:
    recipe_before = (run / "recipe.toml").read_bytes()
    outcome = tuned(run)
    found = outcome.found
    assert found is not None
    assert outcome.folder == run
    assert (found.study, found.headline, found.done) == ("dials", "miss", 6)
    assert found.volumes == ("phantom-3-0",)
    table = rows(run)
    assert [row["trial"] for row in table] == list("012345")
    # First, what the recipe says.
    assert (table[0]["decoder.level"], table[0]["decoder.fine"]) == ("3", "0.5")
    for row in table:
        level, fine = int(row["decoder.level"]), float(row["decoder.fine"])
        expected = 10 * level + round(10 * fine)
        assert row["decoder.fine"] in [f"0.{n}" for n in range(10)] + ["1.0"]
        assert float(row["miss"]) == abs(expected - 70) / 10
        assert float(row["hit"]) == 10 - abs(expected - 70) / 10
        assert (float(row["id"]), row["state"], row["reason"]) == (expected, "complete", "")
    assert found.best.value == min(float(row["miss"]) for row in table)
    assert len({(row["decoder.level"], row["decoder.fine"]) for row in table}) == 6
    names = ["best.toml", "trials.csv", "history.png", "slices.png", "importance.png"]
    assert list(found.files) == [run / "tune" / name for name in names]
    for file in found.files[2:]:
        assert np.asarray(Image.open(file).convert("L")).std() > 5
    assert (run / "recipe.toml").read_bytes() == recipe_before
    assert not [file for file in run.rglob("*.partial")]
    assert [trial.value for trial in stored(run)] == [float(row["miss"]) for row in table]
    assert all(trial.user_attrs["scores"]["hit"] >= 0 for trial in stored(run))


def test_the_best_is_a_recipe_that_gives_its_score(run: Path) -> None:
    found = tuned(run, "tune.space.metrics=[{goal=[70,80]},{}]").found
    assert found is not None
    best = run / "tune/best.toml"
    lines = best.read_text().splitlines()
    assert lines[0] == (
        f"# miss {found.best.value:.6g} on phantom-3-0: trial {found.best.number} of 6 of the "
        f"study dials"
    )
    content = tomllib.loads(best.read_text())
    # The run itself was neither scored by these metrics nor had it a validation volume.
    assert set(content) == {"extends", "decoder", "metrics", "data"}
    assert content["extends"] == "../recipe.toml"
    recipe: Any = load_recipe(best)
    settings = found.best.settings
    assert recipe.decoder.level == settings["decoder.level"]
    assert recipe.decoder.fine == settings["decoder.fine"]
    assert recipe.metrics[0].goal == settings["metrics.0.goal"]
    test = execute(recipe, "test", checkpoint=run / "checkpoints/last.ckpt")
    assert test.scores is not None
    assert test.scores["mean"]["miss"] == found.best.value
    Path("other.toml").write_text(f'extends = "{best}"\nname = "other"\n')
    other: Any = load_recipe("other.toml")
    assert other.decoder == recipe.decoder


def test_the_best_holds_what_is_not_as_in_the_run(run: Path) -> None:
    tuned(run, "tune.trials=1", "inferer.overlap=0.25")
    best: Any = load_recipe(run / "tune/best.toml")
    assert best.inferer.overlap == 0.25
    assert best.data.validation is not None
    (run / "recipe.toml").write_text(to_toml(tuned_recipe("inferer.overlap=0.25")))
    tuned(run, "tune.trials=1", "inferer.overlap=0.25")
    content = tomllib.loads((run / "tune/best.toml").read_text())
    assert list(content) == ["extends", "decoder"]


def test_the_real_decoder_tuned_and_tested_by_the_commands_that_are_printed(run: Path) -> None:
    space = (
        "tune={study='w', trials=3, sampler='random', space={decoder={"
        "aff_threshold=[{low=0.0,high=0.3,step=0.1},{low=0.6,high=0.9,step=0.1}],"
        "merge_function=['aff85_his256','aff50_his256'],threshold={low=0.1,high=0.9,step=0.1},"
        "dust={enabled={},merge_size={low=10,high=100,step=10},remove_size=[0,20]}}}}"
    )
    done = invoke("run", "tiny.toml", space, "--mode", "tune", "--resume", run)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[1].startswith("the best of 3 trials on phantom-2-0 is trial ")
    value = lines[2].split()
    assert value[0] == "adapted_rand"
    (command,) = (line for line in lines if line.startswith("test with: neurokit "))
    assert (
        "warning: the recipe has no [data.validation], and settings are chosen on [data.test]: "
        "scores on it are then no test\n"
    ) in done.stderr
    test = invoke(*shlex.split(command)[3:])
    assert test.exit_code == 0, test.output
    assert "infer: unchanged, kept" in test.stderr
    assert f"  adapted_rand            {value[1]}\n" in test.stdout
    with (run / "tune/trials.csv").open() as file:
        best = min(float(row["adapted_rand"]) for row in csv.DictReader(file))
    scores = Path(run / "results_step=1/metrics.json").read_text()
    assert f'"adapted_rand": {best}' in scores


def test_continuing_runs_only_what_is_left(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NOTES, str(Path("notes").absolute()))
    assert tuned(run, "tune.trials=2").found is not None
    assert len(Path("notes").read_text().splitlines()) == 2
    again = tuned(run, "tune.trials=2")
    assert again.found is not None
    assert again.found.done == 2
    assert len(Path("notes").read_text().splitlines()) == 2
    tuned(run, "tune.trials=4", "tune.sampler=random", "tune.trial_timeout=77")
    assert len(Path("notes").read_text().splitlines()) == 4
    assert [row["state"] for row in rows(run)] == ["complete"] * 4


def test_predictions_are_made_once_and_shared_with_testing(run: Path) -> None:
    tuned(run, "tune.trials=1")
    watched = run / "results_step=1/validation/test_im_prediction.h5"
    before = watched.stat().st_mtime_ns
    assert not (run / "results_step=1/test_im_prediction.h5").exists()
    assert tuned(run, "tune.trials=1").found is not None
    assert watched.stat().st_mtime_ns == before
    without = "data={train={use='phantom'}, test={use='phantom', shape=[6, 40, 44], seed=2}}"
    tuned(run, "tune.trials=1", "tune.study=other", without)
    tested = run / "results_step=1/test_im_prediction.h5"
    before = tested.stat().st_mtime_ns
    assert execute(tuned_recipe(), "test", resume=run).scores is not None
    assert tested.stat().st_mtime_ns == before


def test_several_volumes_count_the_same(run: Path) -> None:
    found = tuned(run, "data.validation.count=2", "tune.trials=2").found
    assert found is not None
    assert found.volumes == ("phantom-3-0", "phantom-3-1")
    for name in found.volumes:
        assert (run / f"results_step=1/validation/{name}/test_im_prediction.h5").is_file()


def test_a_grid_is_gone_through_in_order_the_quick_ones_fastest(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges = "inner={depth=[2,1]}, level=[4,9,5], form={}, fine=[0.5]"
    space = f"tune={{study='grid', sampler='grid', space={{decoder={{{ranges}}}}}}}"
    found = tuned(run, space).found
    assert found is not None
    assert found.done == 12
    keys = ("form", "fine", "inner.depth", "level")
    got = [tuple(row[f"decoder.{key}"] for key in keys) for row in rows(run)]
    assert got == [
        (form, "0.5", depth, level)
        for form in ("plain", "odd")
        for depth in ("2", "1")
        for level in ("4", "9", "5")
    ]


def test_a_space_is_never_tried_twice(run: Path) -> None:
    for sampler in ("tpe", "random"):
        ranges = "level={low=1,high=12}"
        space = f"tune={{study='{sampler}', trials=50, space={{decoder={{{ranges}}}}}}}"
        found = tuned(run, space, f"tune.sampler={sampler}").found
        assert found is not None
        assert found.done == 12
        assert sorted(int(row["decoder.level"]) for row in rows(run)) == list(range(1, 13))
        # Two are equally good; the first of them stands.
        assert found.best.value == 0.5
        assert found.best.number == [row["miss"] for row in rows(run)].index("0.5")


def test_a_higher_value_can_be_better(run: Path) -> None:
    metrics = "metrics=[{use='hit'},{use='miss'}]"
    found = tuned(run, metrics, FINE_FIXED, "tune.sampler=grid", "tune.trials=9").found
    assert found is not None
    assert (found.headline, found.best.value) == ("hit", 9.5)
    assert found.best.settings == {"decoder.level": 6}


def test_trials_that_fail_do_not_end_the_study(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TROUBLE, "slow@1,crash@2,killed@3,memory@4,bad@5")
    levels = "[20,1,2,3,4,5,6,7,8]"
    space = f"tune.space.decoder={{level={levels}, ends=[[0.2, 0.8], [0.8, 0.2]]}}"
    found = tuned(run, space, "tune.sampler=grid", "tune.trials=11", "tune.trial_timeout=1").found
    assert found is not None
    table = rows(run)
    log = run / "tune/worker.log"
    assert [row["reason"] for row in table] == [
        "miss is nan",
        "took longer than 1 s",
        f"its process ended of SIGSEGV; see {log}",
        "its process was killed, perhaps for want of memory",
        "out of memory",
        "ValueError: level 5 is",
        "",
        "",
        "",
        "ends must rise, and 0.8 is not below 0.2",
        "ends must rise, and 0.8 is not below 0.2",
    ]
    assert [row["state"] for row in table] == ["failed"] * 6 + ["complete"] * 3 + ["failed"] * 2
    assert found.best.settings == {"decoder.level": 6, "decoder.ends": [0.2, 0.8]}
    assert (found.done, found.warnings[-1]) == (11, "8 trials failed; trial 0: miss is nan")
    assert "ValueError: level 5 is\nbad" in log.read_text()
    assert (
        "trial 5 {'decoder.ends': [0.2, 0.8], 'decoder.level': 5} failed: ValueError: level 5"
        in (run / "run.log").read_text()
    )


def test_a_study_without_any_score(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TROUBLE, "bad@3,bad@4")
    with pytest.raises(NeurokitError) as caught:
        tuned(run, "tune.space.decoder={level=[3,4]}")
    assert str(caught.value) == (
        "no trial of the study 'dials' gave a score: 2 trials failed; trial 0: "
        "ValueError: level 3 is"
    )
    assert not (run / "tune/best.toml").exists()
    assert len(rows(run)) == 2


def test_another_study_is_not_continued(run: Path) -> None:
    tuned(run, "tune.trials=1")
    for override, what in (
        ("decoder.inner.depth=1", "decoder"),
        ("metrics.0.goal=60", "metrics"),
        ("tune.space.decoder.level={low=1}", "space"),
        ("data.validation.seed=4", "prediction and volume"),
    ):
        with pytest.raises(NeurokitError) as caught:
            tuned(run, override)
        assert str(caught.value) == (
            f"the study 'dials' in {run}/tune/dials.db was made with another {what}; choose "
            f"another tune.study"
        )
    # Its settings within the space may be others: they are what is searched.
    assert tuned(run, "decoder.level=9", "tune.trials=2").found is not None


def test_a_damaged_study_says_so(run: Path) -> None:
    (run / "tune").mkdir()
    (run / "tune/dials.db").write_text("no database" * 1000)
    with pytest.raises(NeurokitError) as caught:
        tuned(run)
    assert str(caught.value) == (
        f"the study in {run}/tune/dials.db cannot be read or written: file is not a database; "
        f"choose another tune.study, or remove the file"
    )


def test_a_file_where_the_folder_should_be(run: Path) -> None:
    (run / "tune").write_text("")
    with pytest.raises(NeurokitError) as caught:
        tuned(run)
    assert str(caught.value) == (
        f"cannot write {run}/tune/.prediction.lock: {run}/tune is no folder; move what lies there "
        f"elsewhere"
    )


def test_a_worker_that_cannot_start(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "open('starts', 'a').write('x'); raise SystemExit(3)"
    monkeypatch.setattr("neurokit.tuning.worker._PROGRAM", program)
    with pytest.raises(NeurokitError) as caught:
        tuned(run)
    assert str(caught.value) == (
        f"settings cannot be tried: its process ended with status 3; see {run}/tune/worker.log"
    )
    assert stored(run) == []
    assert Path("starts").read_text() == "xxx"


def test_a_worker_that_starts_at_the_third_try(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import os; file = open('starts', 'a'); file.write('x'); file.close(); "
        f"len(open('starts').read()) < 3 and os.kill(os.getpid(), 9); {_PROGRAM}"
    )
    monkeypatch.setattr("neurokit.tuning.worker._PROGRAM", program)
    found = tuned(run, "tune.trials=2").found
    assert found is not None
    assert (found.done, Path("starts").read_text()) == (2, "xxx")


def test_what_takes_long_only_once_is_outside_of_the_clock(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TROUBLE, "first@3")
    tuned(run, "tune.space.decoder={level=[3,4]}", "tune.trial_timeout=2")
    assert [row["state"] for row in rows(run)] == ["complete"] * 2


@pytest.mark.parametrize("trouble", ["crash@3", "slow@3", "bad@3"])
def test_a_rehearsal_that_fails_says_nothing_of_the_trials(
    run: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr("neurokit.tuning.worker._SECONDS_OF_REHEARSAL", 1.0)
    monkeypatch.setenv(TROUBLE, trouble)
    found = tuned(run, "tune.space.decoder={level=[4,5]}").found
    assert found is not None
    assert (found.done, found.best.settings) == (2, {"decoder.level": 5})


def test_any_error_comes_after_what_is_known(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = Worker.start, []

    def third_fails(worker: Worker) -> None:
        started.append(worker)
        if len(started) == 3:
            raise NeurokitError("there is no third time")
        start(worker)

    monkeypatch.setattr(Worker, "start", third_fails)
    with pytest.raises(NeurokitError) as caught:
        tuned(run)
    assert str(caught.value) == "there is no third time"
    assert [row["state"] for row in rows(run)] == ["complete"] * 2
    assert (run / "tune/best.toml").is_file()


def test_the_best_is_told_where_it_cannot_be_written(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: object) -> None:
        raise NeurokitError(f"cannot write {path}: No space left on device; free some space")

    monkeypatch.setattr("neurokit.stages.tune.write_trials", full)
    with pytest.raises(NeurokitError) as caught:
        tuned(run, "tune.space.decoder={level=[7], form=['plain']}")
    assert str(caught.value) == (
        f"cannot write {run}/tune/trials.csv: No space left on device; free some space; "
        f"{run}/tune/cache may be removed; the best so far is miss 0.5 on phantom-3-0: trial 0 of "
        f'1 of the study dials, with decoder.form="plain", decoder.level=7'
    )


def test_plots_that_cannot_be_drawn_cost_nothing_else(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_font(*_: object) -> None:
        raise ValueError("no font\nat all")

    monkeypatch.setattr("neurokit.stages.tune.write_plots", no_font)
    found = tuned(run, "tune.trials=1").found
    assert found is not None
    assert found.files == (run / "tune/best.toml", run / "tune/trials.csv")
    assert found.warnings[-1] == "the plots cannot be drawn: no font"


def test_studies_do_not_mix(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned(run)
    assert len(list((run / "tune").glob("*.png"))) == 3
    monkeypatch.setenv(TROUBLE, "bad@3")
    with pytest.raises(NeurokitError):
        tuned(run, "tune.study=other", "tune.space.decoder={level=[3]}")
    assert [row["state"] for row in rows(run)] == ["failed"]
    assert not list((run / "tune").glob("*.png"))
    assert not (run / "tune/best.toml").exists()
    monkeypatch.setenv(TROUBLE, "")
    tuned(run)
    before = (run / "tune/best.toml").read_bytes()
    with pytest.raises(NeurokitError):  # nothing is taken from the study that goes on
        tuned(run, "decoder.inner.depth=1")
    assert (run / "tune/best.toml").read_bytes() == before
    assert len(list((run / "tune").glob("*.png"))) == 3


def test_progress_begins_when_trials_do(run: Path) -> None:
    seen: list[tuple[int, bool]] = []

    class Watcher:
        @hookimpl
        def progress(self, what: str, done: int) -> None:
            if what.startswith("trials"):
                seen.append((done, (run / "tune/worker.log").exists()))

    tuned(run, "tune.trials=2", plugins=[Watcher()])
    assert seen == [(0, True), (1, True), (2, True)]


class Stopper:
    """Sends a signal after some trials."""

    def __init__(self, after: int, name: signal.Signals) -> None:
        self.after = after
        self.name = name

    @hookimpl
    def progress(self, what: str, done: int) -> None:
        """Only the tuner's progress counts."""
        if what.startswith("trials") and done == self.after:
            os.kill(os.getpid(), self.name)


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_between_trials(run: Path, name: signal.Signals) -> None:
    with pytest.raises(Interrupted) as caught:
        tuned(run, plugins=[Stopper(2, name)])
    assert isinstance(caught.value, Preempted) == (name == signal.SIGTERM)
    assert [row["state"] for row in rows(run)] == ["complete"] * 2
    assert (run / "tune/best.toml").is_file()
    found = tuned(run).found
    assert found is not None
    assert found.done == 6
    assert len(rows(run)) == 6


def tuning(run: Path, *arguments: str) -> Command:
    """A process that tunes; it starts in a moment."""
    return started("run", "tuned.toml", "--mode", "tune", "--resume", run, *arguments)


def notes() -> list[list[int]]:
    """What the plugin has noted: level and process."""
    lines = Path("notes").read_text().splitlines() if Path("notes").exists() else []
    return [list(map(int, line.split())) for line in lines]


def noted_by(command: Command, count: int) -> list[list[int]]:
    """The first notes of the plugin, once there are so many."""
    while len(notes()) < count:
        assert command.process.is_alive(), command.ended().stderr
        time.sleep(0.02)
    return notes()


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().split()[2] != "Z"


def assert_gone(process: int) -> None:
    until = time.monotonic() + 120
    while is_running(process):
        assert time.monotonic() < until, f"{process} is still there"
        time.sleep(0.02)


GRID = (FINE_FIXED, "tune.sampler=grid", "tune.trials=9")


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        (signal.SIGTERM, 75, "stopped by SIGTERM"),
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGKILL, -9, None),
    ],
)
def test_stopped_in_the_middle_of_a_trial_it_loses_only_that(
    run: Path, monkeypatch: pytest.MonkeyPatch, name: signal.Signals, status: int, said: str | None
) -> None:
    monkeypatch.setenv(NOTES, str(Path("notes").absolute()))
    monkeypatch.setenv(TROUBLE, "slow@4")
    process = tuning(run, *GRID)
    worker = noted_by(process, 5)[4][1]
    process.send_signal(name)
    ended = process.ended()
    errors = ended.stderr
    assert ended.returncode == status, errors
    if said is not None:
        overrides = shlex.join(["tuned.toml", *GRID])
        assert errors.splitlines()[-1] == (
            f"{said}; go on with: neurokit run {overrides} --resume {run} --mode tune"
        )
        assert [row["state"] for row in rows(run)] == ["complete"] * 4 + ["lost"]
        assert (run / "tune/best.toml").is_file()
    assert "Traceback" not in errors
    assert_gone(worker)
    monkeypatch.setenv(TROUBLE, "")
    found = tuned(run, *GRID).found
    assert found is not None
    assert (found.done, found.best.settings) == (9, {"decoder.level": 6})
    table = rows(run)
    assert [row["decoder.level"] for row in table] == ["0", "1", "2", "3", "4", *"45678"]
    assert [row["state"] for row in table] == [*["complete"] * 4, "lost", *["complete"] * 5]
    reason = "its process is gone" if said is None else "it was interrupted"
    assert table[4]["reason"] == reason
    assert [line[0] for line in notes()] == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]


def test_several_processes_share_a_study(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NOTES, str(Path("notes").absolute()))
    arguments = (FINE_FIXED, "tune.sampler=grid", "tune.trials=20")
    for process in [tuning(run, *arguments) for _ in range(2)]:
        ended = process.ended()
        assert ended.returncode == 0, ended.stderr
    table = rows(run)
    assert sorted(int(row["decoder.level"]) for row in table) == list(range(20))
    assert sorted(level for level, _ in notes()) == list(range(20))
    assert not list((run / "tune/.dials.processes").iterdir())


def test_what_makes_no_difference_is_said(run: Path) -> None:
    found = tuned(run, "tune.space.decoder={open={low=1,high=3,step=1}, shy={}}").found
    assert found is not None
    assert found.warnings == (
        "all 6 complete trials scored the same: the score does not depend on what is searched",
    )
    done = invoke(
        "run", "tuned.toml", "tune.trials=1", "tune.study=o", "--mode", "tune", "--resume", run
    )
    assert done.stdout.splitlines()[1] == "the only trial on phantom-3-0 is trial 0"


def test_a_yardstick_that_is_searched_is_said(run: Path) -> None:
    space = "tune.space={decoder={level=[3]}, metrics=[{goal=[30,35]},{}]}"
    found = tuned(run, space, "tune.trials=2").found
    assert found is not None
    assert found.warnings == (
        "metrics.0.goal changes how trials are scored: the best may be the most lenient score "
        "rather than the best segmentation",
    )


def test_what_to_mind_is_said(run: Path) -> None:
    found = tuned(run, "tune.space.decoder={level={low=1,high=4}}", "tune.sampler=grid").found
    assert found is not None
    assert found.warnings == (
        "the best decoder.level, 4, is the largest of its range; a wider range may hold a better "
        "one",
    )
    found = tuned(
        run,
        "tune={study='same', space={decoder={level=[7]}}}",
        "data.test={use='phantom', shape=[6, 40, 40], seed=3}",
    ).found
    assert found is not None
    assert found.warnings == (
        "[data.validation], on which settings are chosen, holds all of [data.test]: scores on that "
        "are then no test",
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["tune={}"],
            "[tune.space] holds no range; name parameters of the decoder in [tune.space.decoder]",
        ),
        (["metrics=[]"], "the recipe names no metrics, and tuning goes by the first one"),
        (
            ["tune.space.decoder.fine={}", "tune.sampler=grid"],
            'tune.sampler is "grid", and decoder.fine has no step; give it one in tune.space, or '
            'choose "tpe"',
        ),
        (
            [
                "metrics=[{use='voi'}]",
                "decoder={use='waterz'}",
                "tune.space.decoder={channels=[['z1','y1','x1'],['z1','y1','nope']]}",
            ],
            "tune.space has a choice of decoder.channels that reads what the target does not have: "
            "there is no channel 'nope'; there are z1, y1, x1",
        ),
        (
            [
                "data.validation={use='files', image='none.h5::main', labels='none.h5::labels', "
                "voxel_size_nm=[30, 6, 6]}"
            ],
            "the labels of the validation volume 'none' hold no object: there is nothing to score "
            "settings against",
        ),
    ],
)
def test_refused_before_any_work(run: Path, overrides: list[str], message: str) -> None:
    with h5py.File("none.h5", "w") as file:
        file["main"] = np.zeros((6, 40, 40), np.uint8)
        file["labels"] = np.full((6, 40, 40), -1, np.int16)
        file["labels"][2:] = 0
    with pytest.raises(NeurokitError) as caught:
        tuned(run, *overrides)
    assert str(caught.value) == message
    assert not (run / "tune").exists()
    checked = invoke("check", "tuned.toml", *overrides, "--mode", "tune")
    # What is wrong is the recipe by itself, or the data that it names.
    code = 1 if " volume " in message else 2
    assert (checked.exit_code, checked.stderr) == (code, f"error: {message}\n")


def test_what_tuning_needs(run: Path) -> None:
    with pytest.raises(NeurokitError) as caught:
        execute(tuned_recipe(), "tune")
    assert str(caught.value) == "tuning needs a trained network: give --checkpoint or --resume"
    with pytest.raises(NeurokitError) as caught:
        execute(load_recipe("tiny.toml"), "tune", resume=run)
    assert str(caught.value) == (
        "the recipe has no [tune], which says what to search; docs/howto/tune.md shows one"
    )
    without = "data.validation={use='files', image='flat.h5', voxel_size_nm=[30, 6, 6]}"
    with h5py.File("flat.h5", "w") as file:
        file["main"] = np.zeros((6, 40, 40), np.uint8)
    with pytest.raises(NeurokitError) as caught:
        tuned(run, without)
    assert str(caught.value) == (
        "the validation volume 'flat' has no labels to score settings against"
    )
    with pytest.raises(NeurokitError) as caught:
        tuned(
            run,
            without.replace("data.validation", "data.test"),
            "data.validation={use='phantom', shape=[2, 16, 16]}",
            "inferer.memory_gib=1e-5",
        )
    assert str(caught.value).startswith("inference takes ")


def test_a_checkpoint_from_elsewhere_gets_a_run(run: Path) -> None:
    (run / "checkpoints/last.ckpt").rename("elsewhere.ckpt")
    outcome = execute(tuned_recipe("tune.trials=1"), "tune", checkpoint=Path("elsewhere.ckpt"))
    assert outcome.folder != run
    assert (outcome.folder / "tune/best.toml").is_file()
    best: Any = load_recipe(outcome.folder / "tune/best.toml")
    assert best.decoder.level == 3


def test_the_check_says_what_would_be_tried(run: Path) -> None:
    done = invoke("check", "tuned.toml", "--mode", "tune")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-4:] == [
        "valid    phantom-3-0: 6 x 40 x 40 voxels of 30 x 6 x 6 nm, with labels",
        done.stdout.splitlines()[-3],
        "tuning   6 trials (tpe) of 231 settings of 2 parameters",
        "the recipe is ready to run",
    ]
    endless = invoke("check", "tuned.toml", "--mode", "tune", "tune.space.decoder.fine={}")
    assert "tuning   6 trials (tpe) of settings without end of 2 parameters" in endless.stdout
    assert not (run / "tune").exists()
