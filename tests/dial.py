"""What the tests of tuning share: a plugin with known scores, a trained network, recipes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import TINY
from installing import plugin_installed

from neurokit import load_recipe
from neurokit.pipeline import execute
from neurokit.schema import Recipe

ENTRY_POINTS = """\
[neurokit.decoder]
dial = neurokit_dial:Dial
[neurokit.metric]
miss = neurokit_dial:Miss
hit = neurokit_dial:Hit
"""
TROUBLE = "NEUROKIT_DIAL"
NOTES = "NEUROKIT_DIAL_NOTES"

TUNED = """
extends = "tiny.toml"
metrics = [{ use = "miss" }, { use = "hit" }]

[data.validation]
use = "phantom"
shape = [6, 40, 40]
seed = 3

[decoder]
use = "dial"

[tune]
study = "dials"
trials = 6

[tune.space.decoder]
level = {}
fine = { low = 0.0, high = 1.0, step = 0.1 }
"""
SHORT = ("train.epochs=1", "train.steps_per_epoch=1", "train.batch_size=1")


@contextmanager
def dial_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment, also of child processes, where the plugin `dial` is installed."""
    monkeypatch.setenv(TROUBLE, "")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with plugin_installed("dial", ENTRY_POINTS, folder, monkeypatch):
        yield


def trained_in(folder: Path) -> Path:
    """A run with a network that was trained for a moment, in a folder with both recipes."""
    (folder / "tiny.toml").write_text(TINY)
    (folder / "tuned.toml").write_text(TUNED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return execute(load_recipe("tiny.toml", SHORT), "train").folder


def copied(folder: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a copy of a folder."""
    shutil.copytree(folder, to)
    monkeypatch.chdir(to)


def tuned_recipe(*overrides: str) -> Recipe:
    """The recipe that tunes the plugin."""
    return load_recipe("tuned.toml", overrides)
