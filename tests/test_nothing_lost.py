"""Whatever ends a training, it goes on to the bits of one that never ended."""

from __future__ import annotations

import errno
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from inspect import signature
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from children import child
from frail import (
    FRAIL,
    TROUBLE,
    assert_same,
    command,
    equal,
    frail_installed,
    frail_recipe,
    status,
    trained,
)

from neurokit import NeurokitError, load_recipe
from neurokit.checkpoint import Checkpoint
from neurokit.registry import installed
from neurokit.run_folder import Interrupted, Preempted, Run
from neurokit.schema import Recipe
from neurokit.stages import train as stages

# In a folder of its own, a run need not wait for the second to be another one.
STRAIGHT = Path("straight")


@pytest.fixture
def frail(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The recipe `tiny`, where its network can be frail."""
    with frail_installed(tmp_path, monkeypatch):
        yield tiny


def _small(step: int) -> Checkpoint:
    """A checkpoint of 2 MB, whose every number says of which step it is."""
    weights = torch.full((500_000,), float(step))
    return Checkpoint(step, "", {"weights": weights}, {}, {}, torch.get_rng_state())


def _assert_whole(path: Path) -> int:
    """The step of a checkpoint that holds what was saved as that step."""
    checkpoint = Checkpoint.load(path)
    assert (checkpoint.model["weights"] == checkpoint.step).all()
    return checkpoint.step


def _save_on_and_on(path: Path, step: int, reports: Connection) -> None:
    while True:
        step += 1
        _small(step).save(path)
        reports.send(step)


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_of_writing_leaves_a_whole_checkpoint(
    tmp_path: Path, kills: int
) -> None:
    moments = random.Random(4)
    path = tmp_path / "last.ckpt"
    step = 0
    for _ in range(kills):
        receiving, sending = get_context("forkserver").Pipe(duplex=False)
        writer = child(_save_on_and_on, path, step, sending)
        sending.close()
        reported = receiving.recv()
        assert reported == step + 1  # it went on from what the last kill left
        time.sleep(moments.uniform(0, 0.04))
        writer.kill()
        writer.join()
        while receiving.poll():
            try:
                reported = receiving.recv()
            except EOFError:
                break
        step = _assert_whole(path)
        assert step >= reported
    assert {file.name for file in tmp_path.iterdir()} <= {"last.ckpt", ".last.ckpt.partial"}
    _small(step + 1).save(path)
    assert _assert_whole(path) == step + 1
    assert list(tmp_path.iterdir()) == [path]


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _save_and_die(path: Path, where: str) -> None:
    """Save step 2, and be killed at one point of it."""
    write, replace, fsync = Path.write_bytes, Path.replace, os.fsync
    flushed: list[int] = []

    def half(file: Path, content: Any) -> int:
        write(file, content[: len(content) // 2])
        _die()
        return 0

    def renamed(file: Path, target: Path) -> Path:
        replace(file, target)
        _die()
        return target

    def flush(descriptor: int) -> None:
        flushed.append(descriptor)
        if len(flushed) == (2 if where == "flushing the folder" else 1):
            _die()
        fsync(descriptor)

    points: dict[str, tuple[object, str, Callable[..., Any]]] = {
        "before writing": (Path, "write_bytes", _die),
        "half written": (Path, "write_bytes", half),
        "before flushing": (os, "fsync", flush),
        "before renaming": (Path, "replace", _die),
        "after renaming": (Path, "replace", renamed),
        "flushing the folder": (os, "fsync", flush),
    }
    place, name, instead = points[where]
    setattr(place, name, instead)
    _small(2).save(path)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("before writing", 1),
        ("half written", 1),
        ("before flushing", 1),
        ("before renaming", 1),
        ("after renaming", 2),
        ("flushing the folder", 2),
    ],
)
def test_a_kill_at_each_point_of_a_save(tmp_path: Path, where: str, found: int) -> None:
    path = tmp_path / "last.ckpt"
    _small(1).save(path)
    assert status(_save_and_die, path, where) == -signal.SIGKILL
    assert _assert_whole(path) == found
    _small(3).save(path)
    assert _assert_whole(path) == 3
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def files(tiny: Path) -> str:
    """A training volume in a file, as an override of the recipe."""
    recipe = load_recipe(tiny, ["data.train.shape=[6,40,40]"])
    assert recipe.data.train is not None
    (volume,) = recipe.data.train.volumes()
    assert volume.labels is not None
    with h5py.File("train.h5", "w") as file:
        file["image"] = np.asarray(volume.image[...])
        file["labels"] = np.asarray(volume.labels[...])
    return (
        "data.train={use='files', image='train.h5::image', labels='train.h5::labels', "
        "voxel_size_nm=[30, 6, 6]}"
    )


def _required(component: type) -> list[str]:
    parameters = signature(component).parameters.values()
    return [each.name for each in parameters if each.default is each.empty]


def _every_augmentation() -> str:
    registry = installed()
    names = [
        offer.name
        for offer in registry.offers
        if offer.kind == "augmentation"
        and offer.distribution == "neurokit"
        and not _required(registry.load(offer))
    ]
    assert len(names) > 5
    return f"train.augmentations=[{', '.join(f'{{use={name!r}}}' for name in names)}]"


def _stopped(recipe: Recipe, step: int, how: str) -> Run:
    """A training that ended after a step."""
    from neurokit_frail import Trouble

    run = Run.create(recipe, plugins=[Trouble()])
    os.environ[TROUBLE] = f"{how}@step:{step}"
    if how == "SIGKILL":
        assert status(_train_on, run.folder) == -signal.SIGKILL
        return run
    with pytest.raises(Interrupted) as caught:
        trained(run)
    assert isinstance(caught.value, Preempted) == (how != "SIGINT")
    assert Checkpoint.load(run.last_checkpoint).step == step
    return run


def _train_on(folder: Path) -> None:
    from neurokit_frail import Trouble

    trained(Run.open(folder, plugins=[Trouble()]))


CASES = {
    "plain": [],
    "augmented": ["train.patch_size=[4,24,24]"],
    "streamed": ["train.volume_memory_gib=0"],
    "float16": ["system.precision=float16", "optimizer.lr=1e-2"],
    "bfloat16": ["system.precision=bfloat16"],
    "poisoned": ["train.nonfinite_steps=9"],
}


@pytest.mark.parametrize(
    ("case", "step", "how"),
    [
        ("plain", 1, "SIGINT"),
        ("plain", 3, "SIGUSR1"),
        ("augmented", 2, "SIGTERM"),
        ("streamed", 4, "SIGINT"),
        ("float16", 5, "SIGTERM"),
        ("bfloat16", 2, "SIGUSR1"),
        ("poisoned", 4, "SIGTERM"),
    ],
)
def test_what_was_stopped_goes_on_to_the_same_bits(
    frail: Path, files: str, case: str, step: int, how: str
) -> None:
    overrides = list(CASES[case])
    if case == "augmented":
        overrides.append(_every_augmentation())
    if case == "streamed":
        overrides.append(files)
    if case == "poisoned":
        overrides.append("train.augmentations=[{use='poison', probability=0.1}]")
    recipe = frail_recipe(frail, *overrides)
    straight = trained(Run.create(recipe, STRAIGHT))
    assert straight.step == 6
    assert straight.averaged
    assert not equal(straight.averaged, straight.model)
    assert straight.optimizer["state"]
    if case == "float16":
        assert straight.scaler["scale"] > 0
    run = _stopped(recipe, step, how)
    with torch.random.fork_rng([]):
        torch.manual_seed(step)  # what others draw meanwhile is not the training's concern
        continued = trained(Run.open(run.folder))
    assert_same(continued, straight)
    files_there = {path.name for path in run.checkpoints.iterdir()}
    assert files_there == {"last.ckpt", *(name for _, name in straight.best)}


@pytest.mark.parametrize("when", ["step:2", "step:5", "last.ckpt", "epoch=", "epoch:1"])
def test_what_was_killed_goes_on_to_the_same_bits(frail: Path, when: str) -> None:
    recipe = frail_recipe(frail)
    straight = trained(Run.create(recipe, STRAIGHT))
    run = Run.create(recipe)
    os.environ[TROUBLE] = f"SIGKILL@{when}"
    assert status(_train_on, run.folder) == -signal.SIGKILL
    assert run.last_checkpoint.exists() == (when != "step:2")
    assert_same(trained(Run.open(run.folder)), straight)
    for _, name in straight.best:
        assert Checkpoint.load(run.checkpoints / name).step == 3 * int(name[6:9])


def test_stopping_again_and_again_changes_nothing(frail: Path) -> None:
    recipe = frail_recipe(frail)
    straight = trained(Run.create(recipe, STRAIGHT))
    run = _stopped(recipe, 1, "SIGTERM")
    for step in (2, 3, 4, 5):
        from neurokit_frail import Trouble

        os.environ[TROUBLE] = f"SIGUSR1@step:{step}"
        with pytest.raises(Preempted):
            trained(Run.open(run.folder, plugins=[Trouble()]))
    assert_same(trained(Run.open(run.folder)), straight)


def test_an_interrupt_while_weights_are_exchanged_spoils_nothing(
    frail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = frail_recipe(
        frail, "data.validation={use='phantom', shape=[6, 40, 40], seed=3}", "train.batch_size=1"
    )
    straight = trained(Run.create(recipe, STRAIGHT))
    run = Run.create(recipe)
    load = torch.nn.Module.load_state_dict

    def half(module: torch.nn.Module, state: dict[str, torch.Tensor], **options: Any) -> Any:
        some = dict(list(state.items())[: len(state) // 2])
        load(module, some, strict=False)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.Module, "load_state_dict", half)
        with pytest.raises(Interrupted):
            _trained_and_watched(run)
    assert Checkpoint.load(run.last_checkpoint).step == 3
    assert_same(trained(run), straight)


def _trained_and_watched(run: Run) -> None:
    train, validation = run.recipe.data.train, run.recipe.data.validation
    assert train is not None
    assert validation is not None
    with run.recording():
        stages.train(run, train.volumes(), validation=validation.volumes())


def _run(frail: Path, *overrides: str) -> list[str]:
    return ["run", str(frail), "--mode", "train", *FRAIL, *overrides]


def test_a_full_disk_ends_it_loudly_with_the_old_checkpoint_whole(frail: Path) -> None:
    said = Path("said.txt")
    large = _run(frail, "model={use='frail', ballast=200000}")  # of 2 MB with the averaged ones
    os.environ[TROUBLE] = "SIGTERM@step:4"
    assert status(command, large, said) == 75
    (folder,) = Path("outputs/tiny").iterdir()
    last = folder / "checkpoints" / "last.ckpt"
    before = last.read_bytes()
    going_on = ["run", "--resume", str(folder), "--mode", "train"]
    assert status(command, going_on, said, 1_000_000) == 1
    assert said.read_text().splitlines()[-1] == (
        f"error: cannot write {last}: File too large; free some space or choose another place"
    )
    assert "Traceback" not in said.read_text()
    assert last.read_bytes() == before
    assert Checkpoint.load(last).step == 4
    assert not list(last.parent.glob(".*"))
    assert status(command, going_on, said) == 0
    recipe = frail_recipe(frail, "model={use='frail', ballast=200000}")
    assert_same(Checkpoint.load(last), trained(Run.create(recipe)))


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "No space left on device; free some space or choose another place"),
        (errno.EROFS, "Read-only file system; choose another place"),
        (errno.EDQUOT, "Disk quota exceeded; free some space or choose another place"),
    ],
)
def test_a_disk_that_fails_in_the_middle_of_a_checkpoint(
    frail: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    run = _stopped(frail_recipe(frail), 2, "SIGTERM")
    before = run.last_checkpoint.read_bytes()
    write = Path.write_bytes

    def half(file: Path, content: Any) -> int:
        if file.suffix == ".partial":
            write(file, content[: len(content) // 2])
            raise OSError(number, os.strerror(number))
        return write(file, content)

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(NeurokitError) as caught:
        trained(Run.open(run.folder))
    assert str(caught.value) == f"cannot write {run.last_checkpoint}: {told}"
    assert [file.name for file in run.checkpoints.iterdir()] == ["last.ckpt"]
    assert run.last_checkpoint.read_bytes() == before
    monkeypatch.setattr(Path, "write_bytes", write)
    assert_same(trained(Run.open(run.folder)), trained(Run.create(run.recipe)))


class _Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("sprung",)


@pytest.mark.parametrize("mode", ["test", "train"])
def test_the_command_refuses_a_checkpoint_with_code_in_it(tiny: Path, mode: str) -> None:
    torch.save({"neurokit_checkpoint": 2, "step": 1, "model": _Trap()}, "given.ckpt")
    said = Path("said.txt")
    arguments = ["run", str(tiny), "--mode", mode, "--checkpoint", "given.ckpt"]
    assert status(command, arguments, said) == 1
    assert said.read_text() == (
        "error: given.ckpt is not a neurokit checkpoint, or holds code, which is never run\n"
    )
    assert not Path("sprung").exists()
    assert not Path("outputs").exists()
