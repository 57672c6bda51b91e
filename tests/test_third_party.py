"""Plugins of others, installed by pip: found, used by name, and harmless when broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that sees this one's libraries, with both plugins installed by pip."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    here = sysconfig.get_paths()["purelib"]
    there = next(folder.glob("lib*/python*/site-packages"))
    (there / "these.pth").write_text(f"{here}\n{Path(__file__).parents[1]}\n")
    python = folder / "bin" / "python"
    for plugin in ("good", "broken"):
        build = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
        target = ["--target", str(there), str(PLUGINS / plugin)]
        subprocess.run([sys.executable, *build, *target], check=True)
    return python


def neurokit(environment: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(environment), "-c", "from neurokit.cli import main; main()", *arguments]
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(command, cwd=cwd, env=plain, capture_output=True, text=True)


def test_both_are_listed_and_the_broken_one_shows_its_error(
    environment: Path, tmp_path: Path
) -> None:
    done = neurokit(environment, "list-plugins", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["slabs"] == {
        "kind": "decoder",
        "name": "slabs",
        "package": "neurokit-slabs",
        "version": "0.3.0",
        "summary": "Slabs of equal thickness, whatever the prediction says.",
        "error": None,
    }
    assert rows["shattered"]["error"] == (
        "decoder 'shattered' of neurokit-broken 0.1.0 cannot be loaded: "
        "RuntimeError: a library of this plugin is [missing]"
    )
    assert rows["deaf"]["error"] == (
        "hook 'deaf' of neurokit-broken 0.1.0 cannot be loaded: "
        "there is no hook 'run_finish'; did you mean 'run_finished'?"
    )
    assert rows["waterz"]["error"] is None


def test_strict_listing_fails_on_the_broken_one(environment: Path, tmp_path: Path) -> None:
    done = neurokit(environment, "list-plugins", "--strict", cwd=tmp_path)
    assert done.returncode == 1
    assert "a library of this plugin is [missing]" in " ".join(done.stdout.split())


def test_a_recipe_uses_it_by_its_name_beside_the_broken_one(environment: Path, tiny: Path) -> None:
    done = neurokit(
        environment, "run", str(tiny), "decoder.use=slabs", "train.epochs=1", cwd=tiny.parent
    )
    assert done.returncode == 0, done.stderr
    assert "scores of phantom-2-0" in done.stdout
    assert done.stderr.startswith("warning: hook 'deaf' of neurokit-broken 0.1.0 cannot be loaded")
    resolved = next(tiny.parent.glob("outputs/tiny/*/recipe.toml")).read_text()
    assert '[decoder]\nuse = "slabs"\nthickness = 2\n' in resolved


def test_a_recipe_that_names_the_broken_one_fails_with_its_error(
    environment: Path, tiny: Path
) -> None:
    done = neurokit(environment, "run", str(tiny), "decoder.use=shattered", cwd=tiny.parent)
    assert done.returncode == 2
    assert done.stderr == (
        "error: override: [decoder.use] decoder 'shattered' of neurokit-broken 0.1.0 cannot "
        "be loaded: RuntimeError: a library of this plugin is [missing]\n"
    )
    assert not (tiny.parent / "outputs").exists()
