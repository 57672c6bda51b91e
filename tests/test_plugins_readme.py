"""plugins/README.md: what it shows and names is there; `nox -s plugins` runs its commands."""

from __future__ import annotations

import inspect
import re
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
