"""Fresh environments into which wheels of this project are installed, as fixtures.

They see the libraries of the environment that the tests run in, where there is neither neurokit nor
a plugin; `nox -s plugins` makes such a one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen

ROOT = Path(__file__).parents[2]
PLUGINS = {
    path.parent.name: path.parent for path in sorted(ROOT.glob("plugins/neurokit-*/pyproject.toml"))
}


@frozen
class Environment:
    """A fresh virtual environment, and where its packages lie."""

    folder: Path

    @property
    def packages(self) -> Path:
        return next(self.folder.glob("lib*/python*/site-packages"))

    def neurokit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run neurokit where no source tree is near."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [str(self.folder / "bin" / "neurokit"), *arguments]
        return subprocess.run(command, cwd=elsewhere, env=plain, capture_output=True, text=True)

    def listed(self) -> list[dict[str, str | None]]:
        done = self.neurokit("list-plugins", "--json")
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, str | None]] = json.loads(done.stdout)
        return rows

    def names_of(self, distribution: str) -> set[str | None]:
        return {row["name"] for row in self.listed() if row["package"] == distribution}


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of the core and of every plugin."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (ROOT, *PLUGINS.values()):
        _pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(project))
    return folder


@pytest.fixture(scope="session")
def environment(
    wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Environment]:
    """What makes a fresh environment with some distributions in it."""

    def make(*distributions: str) -> Environment:
        folder = tmp_path_factory.mktemp("environment")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        made = Environment(folder)
        libraries = sysconfig.get_paths()["purelib"]
        (made.packages / "libraries.pth").write_text(f"{libraries}\n")
        # Only from the wheels: a library that a plugin needs and does not declare is found all the
        # same, but one that it declares must be there, and `neurokit>=1.0` must be met.
        into = ["--python", str(folder / "bin" / "python"), "install", "--no-index"]
        _pip(*into, "--find-links", str(wheels), *distributions)
        return made

    return make
