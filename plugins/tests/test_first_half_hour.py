"""A newcomer's first half hour: the tutorial's own commands, one after another, on less data.

neurokit is installed from its wheel, in a fresh environment, and nothing else is known of it than
what the tutorial says.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from fresh import ROOT, environment, wheels
from newcomer import Newcomer, newcomer

__all__ = ["environment", "newcomer", "wheels"]  # fixtures

pytestmark = pytest.mark.wheels

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def _commands() -> list[str]:
    """What the tutorial has its reader type; a session that repeats the last command shows it."""
    found: list[str] = []
    for language, block in re.findall(r"```(sh|console)\n(.*?)```", TUTORIAL, re.DOTALL):
        lines = block.replace("\\\n", " ").splitlines()
        if language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        found += [line for line in lines if line not in found[-1:]]
    return found


COMMANDS = _commands()
INSTALLING = ["python3 -m venv .venv", "source .venv/bin/activate", 'pip install ".[view]"']
# What the tutorial calls its run; everyone's has another time.
RUN = re.compile(r"outputs/demo/\d{8}-\d{6}")
SMALL = (
    "data.test.shape=[16,96,96] data.train.shape=[24,128,128] data.train.seed=3 "
    "train.epochs=1 train.steps_per_epoch=2 train.patch_size=[4,64,64] train.pad=[0,0,0] "
    "inferer.window=[4,64,64] inferer.pad=[0,0,0] system.threads=1"
)


def _write_block(path: Path) -> None:
    """A block as the tutorial's reader has one: columns of bright neurites with dark walls."""
    random = np.random.default_rng(5)
    y, x = np.indices((96, 96))
    labels_YX = 1 + y // 24 + 4 * (x // 24)
    labels_YX[(y % 24 < 3) | (x % 24 < 3)] = 0
    labels_ZYX = np.broadcast_to(labels_YX, (48, 96, 96)).astype(np.uint32)
    raw_ZYX = np.where(labels_ZYX > 0, 170, 60) + random.normal(0, 10, labels_ZYX.shape)
    with h5py.File(path, "w") as file:
        file["raw"] = raw_ZYX.clip(0, 255).astype(np.uint8)
        file["labels"] = labels_ZYX


def test_the_tutorial_begins_with_the_installation() -> None:
    assert COMMANDS[:3] == INSTALLING
    assert len(COMMANDS) > 12


def test_the_first_half_hour(newcomer: Newcomer) -> None:
    (mine,) = re.findall(r"```toml\n(.*?)```", TUTORIAL, re.DOTALL)
    (newcomer.folder / "mine.toml").write_text(mine, encoding="utf-8")
    _write_block(newcomer.folder / "block.h5")
    for command in COMMANDS[len(INSTALLING) :]:
        if RUN.search(command):
            run = newcomer.run("demo").relative_to(newcomer.folder)
            command = RUN.sub(str(run), command)
        if command.startswith("neurokit view"):
            # The place in the tutorial is one of a larger volume.
            newcomer.looks(re.sub(r"--at \S+", "--at 8,40,41", command))
            continue
        if "recipes/demo.toml" in command:
            command = f"{command} {SMALL}"
        shown = newcomer.types(command)
        if command.startswith("neurokit run"):
            assert "scores of" in shown, command
    report = (newcomer.run("demo") / "report.html").read_text(encoding="utf-8")
    assert "adapted_rand" in report
    first_words = {" ".join(command.split()[:2]) for command in newcomer.typed}
    assert first_words >= {
        "neurokit doctor",
        "neurokit run",
        "neurokit view",
        "neurokit compare",
        "neurokit new",
        "python -m",
    }
