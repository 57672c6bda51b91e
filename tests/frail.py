"""What the tests of continuing share: a plugin that makes trouble, children, and comparing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch
from children import as_typed, child
from installing import plugin_installed

from neurokit import load_recipe
from neurokit.checkpoint import Checkpoint
from neurokit.run_folder import Run
from neurokit.schema import Recipe
from neurokit.stages.train import train
from neurokit.stopping import heeding_signals

ENTRY_POINTS = """\
[neurokit.model]
frail = neurokit_frail:Frail
[neurokit.augmentation]
poison = neurokit_frail:Poison
[neurokit.hook]
trouble = neurokit_frail:Trouble
"""
TROUBLE = "NEUROKIT_FRAIL"
# Two epochs of three steps, in a fraction of a second.
FRAIL = (
    "model={use='frail'}",
    "train.patch_size=[2,16,16]",
    "data.train={use='phantom', shape=[6, 40, 40], seed=1}",
    "system.threads=1",
    "train.ema_decay=0.9",
    "train.accumulate=2",
)


@contextmanager
def frail_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment, also of child processes, where the plugin `frail` is installed."""
    monkeypatch.setenv(TROUBLE, "")
    with plugin_installed("frail", ENTRY_POINTS, folder, monkeypatch):
        yield


def frail_recipe(path: Path, *overrides: str) -> Recipe:
    """The recipe with the network that has every kind of state."""
    return load_recipe(path, [*FRAIL, *overrides])


def trained(run: Run) -> Checkpoint:
    """Train, or go on, to the last step."""
    assert run.recipe.data.train is not None
    with heeding_signals(), run.recording():
        path = train(run, run.recipe.data.train.volumes())
    return Checkpoint.load(path)


def equal(one: Any, other: Any) -> bool:
    """Whether two states are the same to the last bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    """Two checkpoints hold the same in everything."""
    for field in attrs.fields(Checkpoint):
        assert equal(getattr(one, field.name), getattr(other, field.name)), field.name


def status(function: Callable[..., object], *arguments: Any) -> int:
    """The exit status of a process that runs a function; negative is a signal that ended it.

    The trouble that is due is made in that process.
    """
    process = child(function, *arguments)
    os.environ[TROUBLE] = ""
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def command(arguments: list[str], said: Path, file_limit: int | None = None) -> None:
    """Run `neurokit` as the command line does; what it prints goes to a file.

    Args:
        arguments: of the command.
        said: for standard output and error.
        file_limit: bytes that no file may exceed, as on a disk that is full.
    """
    import resource
    import signal

    from neurokit import run_folder

    run_folder.environment = dict
    descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    if file_limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    as_typed(arguments)
