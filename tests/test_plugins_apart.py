"""The shipped plugins: the core names none of them, and they use only its public names."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

import neurokit

PROJECTS = {
    path.parent.name: tomllib.loads(path.read_text(encoding="utf-8"))
    for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))
}
MODULES = sorted(
    path for name in PROJECTS for path in (ROOT / "plugins" / name).glob("neurokit_*/**/*.py")
)
PUBLIC_MODULES = ("neurokit", "neurokit.testing")


def test_there_are_three() -> None:
    assert set(PROJECTS) == {"neurokit-multitask", "neurokit-nisb", "neurokit-sdt"}
    assert len(MODULES) > 10


@pytest.mark.parametrize(
    "file",
    [
        path
        for folder in ("neurokit", "recipes")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".toml", ".txt", ".md")
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_core_names_no_plugin(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for name in PROJECTS:
        assert not re.search(name.replace("-", "[-_]"), text), f"{file} names {name}"


def _uses(file: Path) -> Iterator[str]:
    """What a module takes from neurokit: `neurokit.param`, `neurokit.testing.conform`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


@pytest.mark.parametrize("file", MODULES, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_plugins_use_public_names(file: Path) -> None:
    public = {*PUBLIC_MODULES, *(f"neurokit.{name}" for name in neurokit.__all__)}
    used = {use for use in _uses(file) if use.split(".")[0] == "neurokit"}
    private = {use for use in used if use not in public and not use.startswith("neurokit.testing.")}
    assert private == set()


@pytest.mark.parametrize("name", PROJECTS)
def test_plugins_never_take_the_unrelated_package(name: str) -> None:
    project = PROJECTS[name]["project"]
    assert "neurokit>=1.0" in project["dependencies"]
    assert project["requires-python"] == ">=3.11"


@pytest.mark.parametrize("name", PROJECTS)
def test_plugins_declare_what_they_import(name: str) -> None:
    own = name.replace("-", "_")
    imported = {
        use.split(".")[0]
        for file in MODULES
        if own in file.parts
        for use in _imports(file)
        if use.split(".")[0] not in (own, *sys.stdlib_module_names)
    }
    distributions = {"cc3d": "connected-components-3d", "skimage": "scikit-image"}
    declared = {
        re.split(r"[<>=!~ \[]", each)[0] for each in PROJECTS[name]["project"]["dependencies"]
    }
    assert {distributions.get(each, each) for each in imported} == declared


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
