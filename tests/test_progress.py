"""Progress: what long work reports, and how it is shown."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from neurokit import load_recipe, track
from neurokit.observers.bar import Bar, duration, standard_error
from neurokit.observers.progress import ProgressBar
from neurokit.progress import listening
from neurokit.run_folder import Run


def test_without_a_listener_it_only_iterates() -> None:
    assert list(track("abc", "letters", 3)) == ["a", "b", "c"]


def test_each_finished_item_is_reported() -> None:
    heard: list[tuple[str, int, int]] = []
    with listening(lambda *said: heard.append(said)):
        for item in track(range(2), "windows", 2):
            heard.append(("item", item, 0))
        assert list(track([], "nothing", 0)) == []
    list(track(range(2), "unheard", 2))
    assert heard == [
        ("windows", 0, 2),
        ("item", 0, 0),
        ("windows", 1, 2),
        ("item", 1, 0),
        ("windows", 2, 2),
        ("nothing", 0, 0),
    ]


def test_an_inner_listener_takes_over_and_gives_back() -> None:
    outer: list[str] = []
    inner: list[str] = []
    with listening(lambda what, *_: outer.append(what)):
        with suppress(KeyError), listening(lambda what, *_: inner.append(what)):
            list(track([1], "a", 1))
            raise KeyError
        list(track([1], "b", 1))
    assert (outer, inner) == (["b", "b"], ["a", "a"])


@pytest.fixture
def run(tiny: Path) -> Run:
    return Run.create(load_recipe(tiny))


def _work(run: Run, bar: ProgressBar) -> None:
    run.hooks.register(bar)
    with run.recording():
        with run.stage("train"):
            scalars: dict[str, Any] = {
                "loss/x1": 0.5,
                "memory_gib": 4.06,
                "steps_per_second": 2.5,
                "voxels_per_second": 2e6,
                "lr": 0.00094,
                "loss": 0.25,
                "anything": 1.0,
            }
            for step in track(range(3), "steps", 3):
                run.hooks.hook.step(run=run, step=step + 1, total_steps=3, scalars=scalars)
            validated = {"loss": 0.1, "validation/loss": 0.2, "validation/x1": 0.3}
            scores = {"validation/adapted_rand": 0.4, "validation/adapted_rand_recall": 0.5}
            run.hooks.hook.epoch(run=run, epoch=1, epochs=2, scalars={**validated, **scores})
            run.hooks.hook.epoch(run=run, epoch=2, epochs=2, scalars={"loss": 0.1})
        with run.stage("infer") as stage:
            stage.reused = True
        run.written(run.folder / "[bold]x:smile:.h5")
        run.written(run.folder / "scores.json")


NUMBERS = "step loss 0.2500  lr 9.4e-04  2.50 steps/s  2.00 Mvoxel/s  4.1 GiB"


def test_in_a_pipe_there_are_plain_lines(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Iterator[float] = iter(range(0, 10**6, 10))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    text = io.StringIO()
    _work(run, ProgressBar(Console(file=text, highlight=False)))
    assert "\x1b" not in text.getvalue()
    first, *middle, wrote = text.getvalue().splitlines()
    assert first == f"run {run.folder}"
    # Two steps of the clock pass between two reports, and a line is due after fifteen seconds.
    lines = [re.sub(r"(\d+ min )?\d[\d.]* s\b", "_ s", line) for line in middle]
    assert lines[0] == f"train: 1/3 steps, _ s left  {NUMBERS}"
    assert lines[-4:] == [
        "epoch 1/2: loss 0.1000; validation: loss 0.2000, adapted_rand 0.4000",
        "epoch 2/2: loss 0.1000",
        "train: done in _ s",
        "infer: unchanged, kept",
    ]
    assert wrote == f"  wrote {run.folder}/[bold]x:smile:.h5"


def _shown(text: io.StringIO) -> list[str]:
    plain = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", text.getvalue())
    return re.split(r"[\r\n]+", plain)


def test_on_a_terminal_there_is_a_bar(run: Run) -> None:
    text = io.StringIO()
    _work(run, ProgressBar(Console(file=text, force_terminal=True, width=80, highlight=False)))
    assert "\x1b" in text.getvalue()
    lines = _shown(text)
    assert any("3/3 steps" in line for line in lines)
    assert NUMBERS in lines
    # The loss of the last step must not stand beside those of epochs, which are means.
    assert any(re.fullmatch(r"train: done in [\d.]+ s", line) for line in lines)
    # What a terminal of this width would break would be drawn over itself.
    bars = [line for line in lines if "━" in line]
    assert bars
    assert max(map(len, [*bars, NUMBERS])) <= 80


@pytest.mark.parametrize("width", [30, 50])
def test_on_a_narrow_terminal_lines_are_cut(run: Run, width: int) -> None:
    text = io.StringIO()
    _work(run, ProgressBar(Console(file=text, force_terminal=True, width=width)))
    assert f"{NUMBERS[: width - 1]}…" in _shown(text)


def test_a_failure_takes_the_bar_away(run: Run) -> None:
    bar = ProgressBar(Console(file=io.StringIO(), force_terminal=True))
    run.hooks.register(bar)
    with suppress(KeyError), run.recording(), run.stage("train"):
        assert bar._bar is not None
        raise KeyError
    assert bar._bar is None


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Iterator[float] = iter(range(0, 10**6, 10))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    monkeypatch.setenv("TERM", "dumb")
    text = io.StringIO()
    bar = Bar(Console(file=text, force_terminal=True), "train")
    for done in range(4):
        bar.update("steps", done, 3)
    bar.close()
    assert "train: 3/3 steps, " in text.getvalue()
    assert "\x1b" not in text.getvalue()


def test_colours_that_are_asked_for_redraw_nothing_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    bar = Bar(standard_error(), "train")
    for done in range(4):
        bar.update("steps", done, 3)
    bar.close()
    assert capsys.readouterr().err == ""


def test_what_was_done_before_does_not_count_for_the_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    text = io.StringIO()
    bar = Bar(Console(file=text, width=200), "snemi3d", rates=True)
    bar.update("MB", 100, 186)
    now[0] = 20.0
    bar.update("MB", 100, 186)  # nothing has arrived yet
    bar.update("MB", 110, 186)
    bar.update("MB unpacked", 0, 400)
    now[0] = 40.0
    bar.update("MB unpacked", 100, 400, "a note")
    assert text.getvalue() == (
        "snemi3d: 110/186 MB, 2 min 32 s left, 0.5 MB/s\n"
        "snemi3d: 100/400 MB unpacked, 1 min 00 s left, 5.0 MB/s  a note\n"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (7260, "2 h 01 min"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
