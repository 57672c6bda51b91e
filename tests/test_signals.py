"""A scheduler's signal: the run saves within a step, and says that it wants to go on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from frail import (
    FRAIL,
    TROUBLE,
    assert_same,
    command,
    frail_installed,
    frail_recipe,
    status,
    trained,
)

from neurokit import hookimpl
from neurokit.checkpoint import Checkpoint
from neurokit.hooks import hook_manager
from neurokit.pipeline import execute
from neurokit.plan import make_plan
from neurokit.run_folder import Interrupted, Preempted, Run
from neurokit.stopping import (
    StopRequested,
    heeding_signals,
    noted_signal,
    noting_interrupts,
    stop_if_asked,
)
from neurokit.trainer import Trainer

SAID = Path("said.txt")


@pytest.fixture
def frail(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The recipe `tiny`, where its network can be frail."""
    with frail_installed(tmp_path, monkeypatch):
        yield tiny


def _send(name: signal.Signals) -> None:
    os.kill(os.getpid(), name)


def _folder() -> Path:
    (folder,) = Path("outputs/tiny").iterdir()
    return folder


def _files(folder: Path) -> set[str]:
    """Everything in a run's folder, but what watches it."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "logs" and path.parents[1].name != "logs"
    }


def test_a_run_that_is_stopped_while_it_trains(frail: Path) -> None:
    os.environ[TROUBLE] = "SIGTERM@step:4"
    assert status(command, ["run", "tiny.toml", "--mode", "train", *FRAIL], SAID) == 75
    folder = _folder()
    assert SAID.read_text().splitlines()[-1] == (
        f"stopped by SIGTERM; go on with: neurokit run --resume {folder} --mode train"
    )
    assert "Traceback" not in SAID.read_text()
    last = folder / "checkpoints" / "last.ckpt"
    assert Checkpoint.load(last).step == 4
    assert status(command, ["run", "--resume", str(folder), "--mode", "train"], SAID) == 0
    assert_same(Checkpoint.load(last), trained(Run.create(frail_recipe(frail))))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_a_signal_within_a_step_ends_it_after_the_step(frail: Path, name: str) -> None:
    os.environ[TROUBLE] = f"{name}@training"
    assert status(command, ["run", "tiny.toml", *FRAIL], SAID) == 75
    folder = _folder()
    assert SAID.read_text().splitlines()[-1] == (
        f"stopped by {name}; go on with: neurokit run --resume {folder}"
    )
    assert Checkpoint.load(folder / "checkpoints" / "last.ckpt").step == 1


WATCHED = (
    "data.validation={use='phantom', shape=[6, 40, 40], seed=3}",
    "train.validation.segment_every_epochs=1",
    "train.validation.batches=1",
)


@pytest.mark.parametrize(
    ("trouble", "step"),
    [("SIGTERM@windows:2", 6), ("SIGUSR1@windows:0", 6), ("SIGUSR1@prediction", 3)],
    ids=["amid inference", "before inference", "in validation"],
)
def test_a_signal_while_it_predicts_leaves_nothing_half_written(
    frail: Path, trouble: str, step: int
) -> None:
    # What is shown of the validation's windows is nothing, so its signal comes from the network.
    watched = WATCHED if "prediction" in trouble else ()
    os.environ[TROUBLE] = trouble
    assert status(command, ["run", "tiny.toml", *FRAIL, *watched], SAID) == 75
    folder = _folder()
    last = folder / "checkpoints" / "last.ckpt"
    best = {f"checkpoints/{name}" for _, name in Checkpoint.load(last).best}
    assert Checkpoint.load(last).step == step
    assert _files(folder) == {
        "checkpoints/last.ckpt",
        *best,
        "environment.json",
        "history.jsonl",
        "recipe.toml",
        "report.html",
        "run.log",
    }
    assert status(command, ["run", "--resume", str(folder)], SAID) == 0
    results = {f"results_step=6/{name}" for name in ("metrics.json", "recipe.toml")}
    for name in ("prediction", "segmentation"):
        results.add(f"results_step=6/test_im_{name}.h5")
    assert results <= _files(folder)
    assert not [name for name in _files(folder) if "/." in name or name.startswith(".")]
    assert_same(Checkpoint.load(last), trained(Run.create(frail_recipe(frail, *watched))))


def test_a_signal_while_a_checkpoint_is_written_waits_for_it(
    frail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.create(frail_recipe(frail))
    save = Checkpoint.save

    def signalled(checkpoint: Checkpoint, path: Path) -> None:
        _send(signal.SIGTERM)
        save(checkpoint, path)

    monkeypatch.setattr(Checkpoint, "save", signalled)
    with pytest.raises(Preempted) as caught:
        trained(run)
    assert (caught.value.folder, caught.value.signal) == (run.folder, "SIGTERM")
    assert Checkpoint.load(run.last_checkpoint).step == 3


def test_before_the_first_step_it_stops_without_one(frail: Path) -> None:
    run = Run.create(frail_recipe(frail))

    class Early:
        @hookimpl
        def stage_started(self) -> None:
            _send(signal.SIGUSR1)

    with pytest.raises(Preempted):
        trained(evolve(run, hooks=hook_manager([Early()])))
    assert Checkpoint.load(run.last_checkpoint).step == 0
    assert_same(trained(run), trained(Run.create(run.recipe)))


def test_a_signal_while_it_looks_at_its_data_stops_it_before_any_work(
    frail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planned(*given: Any) -> Any:
        _send(signal.SIGTERM)
        return make_plan(*given)

    monkeypatch.setattr("neurokit.pipeline.make_plan", planned)
    with pytest.raises(Preempted) as caught:
        execute(frail_recipe(frail), "train")
    assert _files(caught.value.folder) == {"environment.json", "recipe.toml", "run.log"}


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_lets_the_step_end_and_a_second_one_does_not(
    frail: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    run = Run.create(frail_recipe(frail))
    gradients = Trainer._gradients
    calls: list[None] = []

    def pressed(trainer: Trainer, batches: Any) -> Any:
        calls.append(None)
        if len(calls) == 5:
            for _ in range(times):
                _send(signal.SIGINT)
        return gradients(trainer, batches)

    monkeypatch.setattr(Trainer, "_gradients", pressed)
    with pytest.raises(Interrupted) as caught:
        trained(run)
    assert not isinstance(caught.value, Preempted)
    assert Checkpoint.load(run.last_checkpoint).step == (5 if times == 1 else 3)
    assert_same(trained(run), trained(Run.create(run.recipe)))


def test_signals_are_noted_only_inside() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    try:
        with heeding_signals():
            assert noted_signal() is None
            stop_if_asked()
            _send(signal.SIGUSR1)
            _send(signal.SIGTERM)
            assert noted_signal() == "SIGUSR1"
            with pytest.raises(StopRequested, match=r"^stopped by SIGUSR1$") as caught:
                stop_if_asked()
            assert caught.value.signal == "SIGUSR1"
            assert heard == []
        assert noted_signal() is None
        _send(signal.SIGUSR1)
        assert heard == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_ctrl_c_is_noted_where_several_train_together() -> None:
    with heeding_signals(interrupt=True):
        _send(signal.SIGINT)
        _send(signal.SIGINT)  # the terminal's, and the launcher's, who passes it on
        with noting_interrupts():
            _send(signal.SIGINT)
        assert noted_signal() == "SIGINT"
    with pytest.raises(KeyboardInterrupt), heeding_signals():
        _send(signal.SIGINT)


def test_ctrl_c_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with heeding_signals(), noting_interrupts():
            _send(signal.SIGINT)
            assert noted_signal() is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_was_not_pythons_becomes_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assign = signal.signal
    with monkeypatch.context() as patch:
        patch.setattr(signal, "signal", lambda number, handler: assign(number, handler) and None)
        with heeding_signals():
            pass
    try:
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        assign(signal.SIGTERM, before)
        assign(signal.SIGUSR1, signal.SIG_DFL)


def test_other_threads_leave_signals_alone() -> None:
    found: list[object] = []

    def work() -> None:
        with heeding_signals(interrupt=True), noting_interrupts():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]
