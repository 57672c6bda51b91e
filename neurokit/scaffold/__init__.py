"""Scaffold: a plugin package to begin with, one working component of a kind in it.

The package is rendered from the files in `templates/`: for each kind a component, its tests and,
where the kind has a place in recipes, a recipe; and what all packages share.
"""

from __future__ import annotations

import ast
import os
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path
from string import Template

from neurokit.errors import NeurokitError
from neurokit.scaffold.names import Names, check_names

_REQUIREMENTS = {
    "attrs": "attrs>=24.2",
    "numpy": "numpy>=2.0",
    "scipy": "scipy>=1.14",
    "torch": "torch>=2.6",
}
"""What the templates import, as requirements of the packages made from them."""

_TABLES = {
    "dataset": "[data.train]",
    "augmentation": "[[train.augmentations]]",
    "metric": "[[metrics]]",
}


_WITHOUT_RECIPE = ("archive", "hook")


def new_plugin(name: str, kind: str, folder: Path) -> Path:
    """Write the package `neurokit-<name>` with a component of a kind; all of it or nothing.

    Args:
        name: what recipes say in `use`, with hyphens for underscores.
        kind: one of `neurokit.kinds.KINDS`, or hook.
        folder: gets the package's folder.

    Returns:
        The package's folder.

    Raises:
        NeurokitError: the name does not do or is taken, or the folder cannot be written.
    """
    names = Names(name)
    check_names(names, kind, _template(f"{kind}.py") + _template(f"{kind}_test.py"))
    target = folder / names.distribution
    if not folder.is_dir():
        raise NeurokitError(f"there is no folder {folder}; make it first, or choose another")
    if os.path.lexists(target):
        raise NeurokitError(f"{target} exists already; choose another name, or another --folder")
    try:
        partial = Path(tempfile.mkdtemp(prefix=f".{names.distribution}-", dir=folder))
        try:
            for path, text in _files(names, kind).items():
                place = partial / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
            partial.chmod(0o777 & ~_umask())  # as any new folder; a temporary one is its owner's
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        raise NeurokitError(
            f"cannot write {target}: {error.strerror}; choose another place with --folder"
        ) from error
    return target


def _files(names: Names, kind: str) -> dict[str, str]:
    """The package's files, by their paths in it."""
    values = {
        "name": names.name,
        "distribution": names.distribution,
        "package": names.package,
        "Class": names.class_name,
        "kind": kind,
    }
    component = _rendered(f"{kind}.py", values)
    values["summary"] = _summary(component)
    values["dependencies"] = "".join(f', "{each}"' for each in _requirements(component))
    values["table"] = _TABLES.get(kind, f"[{kind}]")
    files = {
        f"{names.package}/__init__.py": _rendered("init.py", values),
        f"{names.package}/{kind}.py": component,
        f"{names.package}/py.typed": "",
        f"tests/test_{names.name}.py": _rendered(f"{kind}_test.py", values),
        "pyproject.toml": _rendered("pyproject.toml", values),
    }
    if kind in _WITHOUT_RECIPE:
        values["usage"] = _rendered(f"{kind}_usage.md", values).strip()
    else:
        values["usage"] = _rendered("usage.md", values).strip()
        values["recipe"] = _rendered(f"{kind}.toml", values).strip()
        files[f"{names.package}/recipes/demo.toml"] = _rendered("recipe.toml", values)
    files["README.md"] = _rendered("README.md", values)
    return files


def _rendered(template: str, values: dict[str, str]) -> str:
    return Template(_template(template)).substitute(values)


def _template(name: str) -> str:
    file = resources.files("neurokit.scaffold") / "templates" / f"{name}.txt"
    return file.read_text(encoding="utf-8")


def _summary(component: str) -> str:
    """The first line of the docstring of the component's class."""
    (cls,) = (
        node
        for node in ast.parse(component).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    return (ast.get_docstring(cls) or "").splitlines()[0]


def _requirements(component: str) -> list[str]:
    """What the component's module imports besides neurokit and Python's own modules."""
    imported = set()
    for node in ast.walk(ast.parse(component)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    return [
        _REQUIREMENTS[each] for each in sorted(imported - {"neurokit"} - sys.stdlib_module_names)
    ]


def _umask() -> int:
    """The bits that new files of this process lack; reading them means setting them."""
    umask = os.umask(0o022)
    os.umask(umask)
    return umask
