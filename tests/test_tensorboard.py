"""TensorBoard: the curves and pictures that come back out of the files."""

from __future__ import annotations

import io
import logging
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)
from test_pictures import preview

from neurokit import NeurokitError, load_recipe
from neurokit.components.targets import Affinity3
from neurokit.observers.pictures import pictures
from neurokit.observers.tensorboard import TensorBoard
from neurokit.pipeline import execute
from neurokit.run_folder import Run


@pytest.fixture
def run(tiny: Path) -> Run:
    return Run.create(load_recipe(tiny), plugins=[TensorBoard()])


def again(run: Run) -> Run:
    """The same run in another process, as it were."""
    return Run.open(run.folder, plugins=[TensorBoard()])


def steps(run: Run, first: int, last: int, total: int, offset: float = 0.0) -> None:
    """Steps with a loss that equals their number, if there is no offset."""
    for step in range(first, last + 1):
        scalars = {
            "loss": step + offset,
            "loss/x1": 2.0 * step,
            "lr": 1 / step,
            "memory_gib": step / 8,
            "steps_per_second": 4.0 * step,
        }
        run.hooks.hook.step(run=run, step=step, total_steps=total, scalars=scalars)


def read(run: Run) -> Any:
    found = EventAccumulator(str(run.folder / "logs"), {"images": 0, "scalars": 0})
    return found.Reload()


def curve(found: Any, tag: str) -> list[tuple[int, Any]]:
    return [(each.step, pytest.approx(each.value, rel=1e-6)) for each in found.Scalars(tag)]


def test_points_stand_for_the_steps_before_them(run: Run) -> None:
    steps(run, 1, 25, total=25)
    run.hooks.hook.stage_finished(run=run, stage="train", seconds=1.0, reused=False)
    found = read(run)
    assert set(found.Tags()["scalars"]) == {
        "loss/total",
        "loss/x1",
        "training/lr",
        "training/memory_gib",
        "training/steps_per_second",
    }
    assert curve(found, "loss/total") == [(1, 1.0), (10, 6.0), (20, 15.5), (25, 23.0)]
    assert curve(found, "loss/x1") == [(1, 2.0), (10, 12.0), (20, 31.0), (25, 46.0)]
    assert curve(found, "training/steps_per_second")[1] == (10, 24.0)
    assert curve(found, "training/lr") == [(1, 1.0), (10, 0.1), (20, 0.05), (25, 0.04)]
    assert curve(found, "training/memory_gib")[-1] == (25, 25 / 8)


def test_a_term_that_only_some_steps_have(run: Run) -> None:
    for step, scalars in enumerate([{"loss": 1.0}, {"loss": 2.0, "a/b": 5.0}, {"loss": 3.0}], 8):
        run.hooks.hook.step(run=run, step=step, total_steps=99, scalars=scalars)
    assert curve(read(run), "loss/total") == [(8, 1.0), (10, 2.5)]
    assert "a/b" not in read(run).Tags()["scalars"]


def test_points_can_be_seen_while_the_training_runs(run: Run) -> None:
    steps(run, 1, 1, total=100)
    assert curve(read(run), "loss/total") == [(1, 1.0)]


def test_epochs_are_points_at_their_last_step(run: Run) -> None:
    per_epoch = run.recipe.train.steps_per_epoch
    for epoch in (1, 2):
        steps(run, epoch * per_epoch - 1, epoch * per_epoch, total=99)
        scalars = {
            "loss": 3.0 / epoch,
            "validation/loss": 0.5,
            "validation/adapted_rand": 0.1,
        }
        run.hooks.hook.epoch(run=run, epoch=epoch, epochs=9, scalars=scalars)
    found = read(run)
    assert curve(found, "epoch/loss") == [(per_epoch, 3.0), (2 * per_epoch, 1.5)]
    assert curve(found, "validation/loss") == [(per_epoch, 0.5), (2 * per_epoch, 0.5)]
    assert curve(found, "validation/adapted_rand")[1] == (2 * per_epoch, 0.1)


def test_going_on_continues_the_curves_without_doubles(run: Run) -> None:
    steps(run, 1, 25, total=50)
    shown = preview(Affinity3().channels, (2, 4, 4))
    for step in (20, 25):
        run.hooks.hook.preview(run=run, step=step, preview=shown)
    # The checkpoint is of step 20; the steps after it are done once more.
    second = again(run)
    steps(second, 21, 30, total=50, offset=100.0)
    third = again(run)
    steps(third, 31, 50, total=50, offset=200.0)
    found = read(run)
    assert [step for step, _ in curve(found, "loss/total")] == [1, 10, 20, 21, 30, 31, 40, 50]
    assert curve(found, "loss/total")[3:] == [
        (21, 121.0),
        (30, 126.0),
        (31, 231.0),
        (40, 236.0),
        (50, 245.5),
    ]
    assert [each.step for each in found.Images("preview/1_z1_y1_x1")] == [20]


def test_the_steps_before_a_failure_are_kept(run: Run) -> None:
    def failing() -> None:
        with run.recording(), run.stage("train"):
            steps(run, 1, 14, total=50)
            raise NeurokitError("the loss of step 15 is nan")

    with pytest.raises(NeurokitError):
        failing()
    assert curve(read(run), "loss/total") == [(1, 1.0), (10, 6.0), (14, 12.5)]


def test_pictures_come_back_as_they_were(run: Run) -> None:
    shown = preview(Affinity3().channels, (4, 9, 11))
    run.hooks.hook.preview(run=run, step=3, preview=shown)
    found = read(run)
    expected = pictures(shown)
    assert found.Tags()["images"] == [f"preview/{name}" for name in expected]
    for name, picture_YXC in expected.items():
        (event,) = found.Images(f"preview/{name}")
        assert event.step == 3
        stored = np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))
        assert np.array_equal(stored, picture_YXC)
        assert stored.shape == (event.height, event.width, 3)


def test_where_nothing_is_trained_nothing_is_written(run: Run) -> None:
    with run.recording():
        for stage in ("train", "infer", "decode", "evaluate"):
            with run.stage(stage):
                pass
    assert not (run.folder / "logs").exists()


def test_what_cannot_be_written_is_said_once(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    (run.folder / "logs").write_text("in the way")
    with caplog.at_level(logging.WARNING, "neurokit"):
        steps(run, 1, 30, total=30)
        run.hooks.hook.preview(run=run, step=30, preview=preview((), (1, 1, 1)))
        run.hooks.hook.stage_finished(run=run, stage="train", seconds=1.0, reused=False)
    assert [record.getMessage() for record in caplog.records] == [
        f"{run.folder}/logs cannot be written (File exists); training goes on without TensorBoard"
    ]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writing beyond this size fails, as on a full disk: at first in part, then wholly."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_full_disk_leaves_what_was_written(
    run: Run, caplog: pytest.LogCaptureFixture, room: int
) -> None:
    steps(run, 1, 10, total=100)
    (file,) = (run.folder / "logs").iterdir()
    whole = file.read_bytes()
    with caplog.at_level(logging.WARNING, "neurokit"), largest_file(len(whole) + room):
        steps(run, 11, 40, total=100)
    steps(run, 41, 100, total=100)
    run.hooks.hook.failure(run=run, error=ValueError())
    assert [record.getMessage() for record in caplog.records] == [
        f"{run.folder}/logs cannot be written (File too large); "
        "training goes on without TensorBoard"
    ]
    assert file.read_bytes() == whole
    steps(again(run), 41, 50, total=100)
    assert [step for step, _ in curve(read(run), "loss/total")] == [1, 10, 41, 50]


def test_it_is_loaded_without_tensorboard() -> None:
    program = (
        "import sys; from neurokit.hooks import offered_hooks;"
        "[offer.load() for offer in offered_hooks() if offer.distribution == 'neurokit'];"
        "print([name for name in ('tensorboard', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_real_training_can_be_watched(tiny: Path) -> None:
    recipe = load_recipe(tiny)
    outcome = execute(recipe, "train", plugins=[TensorBoard()])
    run = Run.open(outcome.folder)
    found = read(run)
    tags = found.Tags()
    assert {"loss/total", "loss/z1", "loss/y1", "loss/x1", "epoch/loss"} <= set(tags["scalars"])
    for number in ("lr", "steps_per_second", "voxels_per_second", "memory_gib"):
        assert f"training/{number}" in tags["scalars"]
        assert all(value.value > 0 for value in found.Scalars(f"training/{number}"))
    assert [step for step, _ in curve(found, "loss/total")] == [1, 6]
    assert [step for step, _ in curve(found, "epoch/loss")] == [3, 6]
    assert [each.step for each in found.Images("preview/1_z1_y1_x1")] == [3]
    execute(recipe, "train", resume=outcome.folder, plugins=[TensorBoard()])
    assert len(list((outcome.folder / "logs").iterdir())) == 1
