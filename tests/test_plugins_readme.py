"""plugins/README.md: a newcomer's commands, run as they stand, in an environment of their own."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

import neurokit
import neurokit.hooks
from neurokit.kinds import KINDS
from neurokit.testing import conform

TEXT = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line for kind, body in BLOCKS if kind == "sh" for line in body.splitlines()]

# Minutes of training are shortened to seconds; everything else runs as it stands.
SHORTENED = [
    *(
        "train.epochs=1",
        "train.steps_per_epoch=2",
        "train.patch_size=[4,64,64]",
        "train.pad=[0,0,0]",
    ),
    *("data.train.shape=[12,96,96]", "data.test.shape=[8,64,64]"),
    *("inferer.window=[4,64,64]", "inferer.pad=[0,0,0]"),
]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A copy of the repository, and a fresh environment without network or neurokit of its own.

    It sees the libraries of this one, and has the commands `pip`, `python` and `neurokit`.
    """
    folder = tmp_path_factory.mktemp("newcomer")
    clone = folder / "clone"
    clone.mkdir()
    for name in ("neurokit", "recipes"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "constraints.txt"):
        shutil.copy(ROOT / name, clone)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    there = next((folder / "env").glob("lib*/python*/site-packages"))
    (there / "these.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    commands = folder / "env" / "bin"
    (commands / "pip").write_text('#!/bin/sh\nexec python -m pip "$@"\n')
    (commands / "pip").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # the option's negation, in pip's reading of variables
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    return clone, environment


def test_the_commands_work_one_after_the_other(newcomer: tuple[Path, dict[str, str]]) -> None:
    clone, environment = newcomer
    said: dict[str, str] = {}
    for line in COMMANDS:
        command = line.replace("outputs/blobs_demo/20260101-120000", _last_run(clone))
        if command.startswith("neurokit run neurokit_blobs:demo.toml"):
            command = shlex.join([*shlex.split(command), *SHORTENED])
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        said[line] = done.stdout
    assert "pip install --editable ./neurokit-blobs" in said[COMMANDS[1]]
    assert re.search(r"decoder +blobs +neurokit-blobs 0\.1\.0", "\n".join(said.values()))
    assert 'use = "blobs"' in said["neurokit show blobs"]
    assert "adapted_rand" in said["neurokit run neurokit_blobs:demo.toml"]
    (again,) = (text for line, text in said.items() if "--resume" in line)
    assert "adapted_rand" in again


def _last_run(clone: Path) -> str:
    return max(map(str, clone.glob("outputs/blobs_demo/*")), default="none")


def test_there_is_something_to_run() -> None:
    assert len(COMMANDS) == 10


def test_what_is_shown_of_the_decoder_is_what_is_written(tmp_path: Path) -> None:
    from neurokit.scaffold import new_plugin

    made = new_plugin("blobs", "decoder", tmp_path)
    module = (made / "neurokit_blobs" / "decoder.py").read_text()
    shown, test = (body for kind, body in BLOCKS if kind == "python")
    # Without spaces and without the help, which is left out.
    written = re.sub(r'help="[^"]*"|\s', "", module)
    for line in shown.splitlines():
        part = re.sub(r'help="[^"]*"|\s|\.\.\.$|"""$', "", line)
        assert part in written, line
    tests = (made / "tests" / "test_blobs.py").read_text()
    assert test.partition("def ")[2].strip() in tests
    entry, recipe = (tomllib.loads(body) for kind, body in BLOCKS if kind == "toml")
    project = tomllib.loads((made / "pyproject.toml").read_text())["project"]
    assert entry["project"]["entry-points"] == project["entry-points"]
    shipped = made / "neurokit_blobs" / "recipes" / "demo.toml"
    assert recipe == tomllib.loads(shipped.read_text())


def test_every_kind_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", TEXT, re.MULTILINE)
    assert [name for name, _ in rows] == [*KINDS, "hook"]
    for name, work in rows[:-1]:
        method = re.findall(r"`(\w+)\(([^)]*)\)`", work)[0]
        parameters = inspect.signature(getattr(KINDS[name], method[0])).parameters
        assert list(parameters)[1:] == [each for each in method[1].split(", ") if each]


def test_arguments_of_conform_are_named() -> None:
    given = set(inspect.signature(conform).parameters) - {"component"}
    assert given <= set(re.findall(r"`(\w+)`", TEXT))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`neurokit\.(\w+)`", TEXT))))
def test_names_of_neurokit_are_there(name: str) -> None:
    assert hasattr(neurokit, name) or name == "testing"


@pytest.mark.parametrize("file", sorted(set(re.findall(r"`(neurokit/\w+\.py)`", TEXT))))
def test_files_that_are_named_exist(file: str) -> None:
    assert (ROOT / file).is_file()


def test_the_plugins_that_lie_here_are_named() -> None:
    here = {path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml")}
    assert set(re.findall(r"\]\((neurokit-\w+)\)", TEXT)) == here
