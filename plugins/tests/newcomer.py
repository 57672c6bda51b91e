"""Somebody new, with a shell in a fresh environment, who types what a page says."""

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

import pytest
from attrs import define, field

from fresh import ROOT, Environment


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

    def run(self, name: str) -> Path:
        """The folder of the first run of a recipe."""
        return min(self.folder.glob(f"outputs/{name}/*"))

    @property
    def _surroundings(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return plain | {
            "PATH": f"{self.environment.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        }


@pytest.fixture
def newcomer(environment: Callable[..., Environment], tmp_path: Path) -> Newcomer:
    """In a clone of the repository, of which only the recipes matter; neurokit is installed."""
    made = environment("neurokit")
    pip = made.folder / "bin" / "pip"
    python = shlex.join([sys.executable, "-m", "pip", "--python", str(made.folder / "bin/python")])
    # Without an index, and building with what is there: the test needs no network.
    pip.write_text(f'#!/bin/sh\nexec {python} "$@" --no-index --no-build-isolation\n')
    pip.chmod(0o755)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    return Newcomer(made, tmp_path)
