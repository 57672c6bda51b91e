"""A newcomer's first half hour: the tutorial's own commands, one after another, on less data.

neurokit is installed from its wheel, in a fresh environment, and nothing else is known of it than
what the tutorial says.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from attrs import define, field

from fresh import ROOT, Environment, environment, wheels

__all__ = ["environment", "wheels"]  # fixtures

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
    "train.epochs=1 train.steps_per_epoch=2"
)


@define
class Newcomer:
    """Somebody with a shell, who types what they read."""

    environment: Environment
    folder: Path
    typed: list[str] = field(factory=list)

    def types(self, command: str) -> str:
        """The output of a command, which must succeed."""
        self.typed.append(command)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._surroundings,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def looks(self, command: str) -> None:
        """Start a viewer, open its link, and end it by Ctrl-C."""
        self.typed.append(command)
        viewer = subprocess.Popen(
            ["bash", "-c", f"exec {command} --no-browser --port 0"],
            cwd=self.folder,
            env=self._surroundings,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert viewer.stdout is not None
        shown = ""
        try:
            while (link := re.search(r"http://127\.0\.0\.1:\d+\S*", shown)) is None:
                line = viewer.stdout.readline()
                assert line, f"{command} ended, having printed {shown!r}"
                shown += line
            with urllib.request.urlopen(link[0]) as page:
                assert "neuroglancer" in page.read().decode().lower()
        finally:
            viewer.send_signal(signal.SIGINT)
            assert viewer.wait() == 0

    @property
    def run(self) -> Path:
        """The folder of the first run."""
        return min(self.folder.glob("outputs/demo/*"))

    @property
    def _surroundings(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return plain | {
            "PATH": f"{self.environment.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        }


@pytest.fixture
def newcomer(environment: Callable[..., Environment], tmp_path: Path) -> Newcomer:
    """In a clone of the repository, of which only the recipes matter; with a block of tissue."""
    made = environment("neurokit")
    pip = made.folder / "bin" / "pip"
    python = shlex.join([sys.executable, "-m", "pip", "--python", str(made.folder / "bin/python")])
    # Without an index, and building with what is there: the test needs no network.
    pip.write_text(f'#!/bin/sh\nexec {python} "$@" --no-index --no-build-isolation\n')
    pip.chmod(0o755)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    _write_block(tmp_path / "block.h5")
    return Newcomer(made, tmp_path)


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
    for command in COMMANDS[len(INSTALLING) :]:
        if RUN.search(command):
            command = RUN.sub(str(newcomer.run.relative_to(newcomer.folder)), command)
        if command.startswith("neurokit view"):
            # The place in the tutorial is one of a larger volume.
            newcomer.looks(re.sub(r"--at \S+", "--at 8,40,41", command))
            continue
        if "recipes/demo.toml" in command:
            command = f"{command} {SMALL}"
        shown = newcomer.types(command)
        if command.startswith("neurokit run"):
            assert "scores of" in shown, command
    report = (newcomer.run / "report.html").read_text(encoding="utf-8")
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
