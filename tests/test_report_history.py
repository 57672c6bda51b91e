"""The history of a run: noted line by line, and read whatever happened to the process."""

from __future__ import annotations

import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from neurokit import NeurokitError, load_recipe
from neurokit.observers.report import Report
from neurokit.reporting.history import HISTORY, Point, note, read_history
from neurokit.reporting.peaks import forget_peaks, peak_gpu_memory, peak_memory
from neurokit.run_folder import Run


def _note(folder: Path, at: float, event: str, **details: Any) -> None:
    line = json.dumps({"event": event, "at": at, **details})
    with (folder / HISTORY).open("a") as file:
        file.write(f"{line}\n")


def _finished(folder: Path, at: float, stage: str, seconds: float, **more: Any) -> None:
    known = {"reused": False, "memory": None, "gpu_memory": None} | more
    _note(folder, at, "stage_finished", stage=stage, seconds=seconds, **known)


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    history = read_history(tmp_path)
    assert (history.commands, history.steps, history.epochs) == ([], [], [])


def test_stages_of_several_volumes_count_together(tmp_path: Path) -> None:
    _note(tmp_path, 100, "command", command="neurokit run a.toml")
    for seconds, reused, memory, gpu in ((2.0, True, 10, None), (3.5, False, 30, 7)):
        _note(tmp_path, 101, "stage_started", stage="infer")
        _finished(tmp_path, 102, "infer", seconds, reused=reused, memory=memory, gpu_memory=gpu)
    _finished(tmp_path, 103, "decode", 1.0, reused=True)
    (command,) = read_history(tmp_path).commands
    infer, decode = command.stages
    assert (command.command, command.started) == ("neurokit run a.toml", 100)
    assert (infer.seconds, infer.times, infer.reused, infer.ended) == (5.5, 2, False, True)
    assert (infer.memory, infer.gpu_memory) == (30, 7)
    assert (decode.reused, decode.memory) == (True, None)


def test_a_killed_process_ends_where_it_was_last_heard_of(tmp_path: Path) -> None:
    _note(tmp_path, 100, "command", command="first")
    _note(tmp_path, 110, "stage_started", stage="train")
    _note(tmp_path, 150, "steps", step=5, values={"loss": 1.0})
    _note(tmp_path, 900, "command", command="second")
    _note(tmp_path, 901, "stage_started", stage="train")
    _finished(tmp_path, 920, "train", 19.0)
    first, second = read_history(tmp_path).commands
    assert [(each.seconds, each.ended) for each in first.stages] == [(40.0, False)]
    assert [(each.seconds, each.ended) for each in second.stages] == [(19.0, True)]


def test_a_failure_is_remembered(tmp_path: Path) -> None:
    _note(tmp_path, 100, "command", command="first")
    _note(tmp_path, 110, "stage_started", stage="decode")
    _note(tmp_path, 113, "failure", error="NeurokitError: too large")
    (command,) = read_history(tmp_path).commands
    assert command.failure == "NeurokitError: too large"
    assert [(each.name, each.seconds, each.ended) for each in command.stages] == [
        ("decode", 3.0, False)
    ]


def test_what_was_done_again_takes_the_place_of_what_was(tmp_path: Path) -> None:
    for step, loss in ((10, 5.0), (20, 4.0), (30, 3.0), (15, 4.5), (25, 3.5)):
        _note(tmp_path, step, "steps", step=step, values={"loss": loss})
    for step, loss in ((20, 4.0), (40, 3.0), (40, 2.0)):
        _note(tmp_path, step, "epoch", step=step, values={"loss": loss})
    history = read_history(tmp_path)
    assert [(each.step, each.values["loss"]) for each in history.steps] == [
        (10, 5.0),
        (15, 4.5),
        (25, 3.5),
    ]
    assert history.epochs == [Point(20, {"loss": 4.0}), Point(40, {"loss": 2.0})]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_half_a_line_is_ignored_and_the_next_is_whole(tmp_path: Path, cut: int) -> None:
    note(tmp_path, "command", command="first")
    whole = (tmp_path / HISTORY).read_bytes()
    note(tmp_path, "steps", step=1, values={"loss": 0.123456789})
    (tmp_path / HISTORY).write_bytes((tmp_path / HISTORY).read_bytes()[: len(whole) + cut])
    assert read_history(tmp_path).steps == []
    note(tmp_path, "steps", step=2, values={"loss": 0.5})
    history = read_history(tmp_path)
    assert history.steps == [Point(2, {"loss": 0.5})]
    assert [each.command for each in history.commands] == ["first"]


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "null",
        "{}",
        '{"event": "steps", "at": 1}',
        '{"event": "steps", "at": 1, "step": "x", "values": {}}',
        '{"event": "epoch", "at": 1, "step": 1, "values": [1]}',
        '{"event": "stage_finished", "at": 1, "stage": "train"}',
        '{"event": "of a later version", "at": 1}',
        "\x00\xff",
    ],
)
def test_lines_that_say_nothing_are_ignored(tmp_path: Path, line: str) -> None:
    _note(tmp_path, 1, "command", command="first")
    with (tmp_path / HISTORY).open("ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    _note(tmp_path, 2, "steps", step=3, values={"loss": 1.5})
    history = read_history(tmp_path)
    assert (len(history.commands), history.steps) == (1, [Point(3, {"loss": 1.5})])
    assert history.commands[0].stages == []


def test_the_observer_notes_two_hundred_stretches_and_their_means(tiny: Path) -> None:
    report, run = Report(), Run.create(load_recipe(str(tiny)))
    report.run_started(run)
    for step in range(1, 1001):
        scalars = {"loss": float(step), "lr": step / 10, "loss/z1": 3.0}
        report.step(run, step, 1000, scalars)
    steps = read_history(run.folder).steps
    assert [each.step for each in steps] == list(range(5, 1001, 5))
    assert steps[1] == Point(10, {"loss": 8.0, "lr": 1.0})


def test_an_epoch_stands_at_its_last_step(tiny: Path) -> None:
    run = Run.create(load_recipe(str(tiny)))
    Report().epoch(run, 2, {"loss": 0.5, "validation/loss": 0.75})
    assert read_history(run.folder).epochs == [Point(6, {"loss": 0.5, "validation/loss": 0.75})]


def test_a_process_that_does_not_lead_notes_nothing(tiny: Path) -> None:
    run = Run.create(load_recipe(str(tiny)))
    run.leads = False
    report = Report()
    report.run_started(run)
    report.stage_finished(run, "train", 1.0, False)
    report.run_finished(run)
    assert not (run.folder / HISTORY).exists()
    assert not (run.folder / "report.html").exists()


def test_a_full_disk_is_a_warning_and_told_once(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*arguments: Any, **details: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("neurokit.observers.report.note", full)
    run = Run.create(load_recipe(str(tiny)))
    report = Report()
    with caplog.at_level(logging.WARNING, "neurokit"):
        report.run_started(run)
        report.stage_started(run, "train")
    assert caplog.messages == [
        f"the history of {run.folder} cannot be written (No space left on device); the report "
        f"will lack it"
    ]


def test_a_report_that_cannot_be_made_is_a_warning(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(folder: Path, *, quickly: bool) -> Path:
        assert not quickly
        raise NeurokitError("there is no room")

    monkeypatch.setattr("neurokit.reporting.page.write_report", fails)
    run = Run.create(load_recipe(str(tiny)))
    with caplog.at_level(logging.WARNING, "neurokit"):
        Report().run_finished(run)
    assert caplog.messages == ["the report cannot be written: there is no room"]


def test_the_peak_of_memory_is_that_since_it_was_forgotten() -> None:
    size = 64 << 20
    forget_peaks()
    before = peak_memory()
    assert before is not None
    block = bytearray(os.urandom(1) * size)
    grown = peak_memory()
    assert grown is not None
    assert grown >= before + size // 2
    del block
    if Path("/proc/self/clear_refs").exists():
        forget_peaks()
        after = peak_memory()
        assert after is not None
        assert after < grown - size // 2
    assert peak_gpu_memory() is None or isinstance(peak_gpu_memory(), int)
