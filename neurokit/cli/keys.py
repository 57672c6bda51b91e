"""Keys: what may stand on the left of `key.path=value`, found without importing a component.

The keys of the fixed tables come from the schema. Those of a component come from the text of the
module that its entry point names: importing it could take seconds, while somebody waits for a key.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neurokit.shipped import shipped_recipes

Table = dict[str, Any]

# Where a recipe names a component, and of which kind it is.
PLACES = {
    "data.train": "dataset",
    "data.validation": "dataset",
    "data.test": "dataset",
    "target": "target",
    "model": "model",
    "loss": "loss",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "inferer": "inferer",
    "decoder": "decoder",
}


def keys_of(recipe: str, given: Sequence[str] = (), word: str = "") -> list[str]:
    """The dotted keys that a recipe, and the components that it names, have.

    Args:
        recipe: a file, or the name of a shipped one. One that cannot be read has only the keys
            that every recipe has.
        given: overrides, of which `decoder.use=...` decides what else there is.
        word: what the keys must begin with; only the components that this leads to are looked at.
    """
    table = _merged(_file(recipe), ())
    for override in given:
        key, _, value = override.partition("=")
        if key.endswith(".use"):
            place = _place(table, key.split("."))
            place.clear()
            place["use"] = value.strip("\"'")
    found = dict.fromkeys([*_class_keys("neurokit.schema", "Recipe"), *_own_keys(table)])
    for path, kind in PLACES.items():
        found.pop(path, None)
        found[f"{path}.use"] = None
        if word.startswith(f"{path}."):
            use = _place(table, [*path.split("."), "use"]).get("use")
            found |= dict.fromkeys(f"{path}.{key}" for key in _component_keys(kind, use))
    return [key for key in found if key.startswith(word)]


def _file(recipe: str) -> Path:
    return shipped_recipes().get(recipe, Path(recipe))


def _merged(file: Path, seen: tuple[Path, ...]) -> Table:
    """A recipe's table laid over what it extends; empty where it cannot be read."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    extended = table.pop("extends", None)
    if not isinstance(extended, str) or file in seen:
        return table
    base = shipped_recipes().get(extended, file.parent / extended)
    return _laid_over(_merged(base, (*seen, file)), table)


def _laid_over(base: Table, table: Table) -> Table:
    if "use" in table and table["use"] != base.get("use"):
        return table
    merged = dict(base)
    for key, value in table.items():
        under = merged.get(key)
        both = isinstance(value, dict) and isinstance(under, dict)
        merged[key] = _laid_over(under or {}, value) if both else value
    return merged


def _place(table: Table, parts: Sequence[str]) -> Table:
    """The table around the last of some keys; an empty one where there is none."""
    for part in parts[:-1]:
        inner = table.get(part)
        table = inner if isinstance(inner, dict) else {}
    return table


def _own_keys(table: Table, above: str = "") -> Iterator[str]:
    """The keys that a recipe's author wrote; entries of a list are counted from 0."""
    for key, value in table.items():
        name = f"{above}{key}"
        entries = value if isinstance(value, list) else []
        if isinstance(value, dict):
            yield from _own_keys(value, f"{name}.")
        elif entries and all(isinstance(each, dict) for each in entries):
            for place, each in enumerate(entries):
                yield from _own_keys(each, f"{name}.{place}.")
        else:
            yield name


def _component_keys(kind: str, use: object) -> list[str]:
    """The parameters of the component that a `use` names."""
    distribution, _, name = str(use).rpartition(":")
    for point in entry_points(group=f"neurokit.{kind}", name=name):
        if not distribution or (point.dist is not None and point.dist.name == distribution):
            return _class_keys(point.module, point.attr)
    return []


def _class_keys(module: str, name: str) -> list[str]:
    """The parameters that a class declares or inherits, dotted where one is a table."""
    place = _declared(module, name)
    if place is None:
        return []
    module, declared = place
    keys: dict[str, None] = {}
    for base in declared.bases:
        if isinstance(base, ast.Name):
            keys |= dict.fromkeys(_class_keys(module, base.id))
    for statement in declared.body:
        if not isinstance(statement, ast.AnnAssign) or not _is_param(statement.value):
            continue
        assert isinstance(statement.target, ast.Name)
        inner = [
            key
            for each in _alternatives(statement.annotation)
            if each != name
            for key in _class_keys(module, each)
        ]
        field = statement.target.id
        keys |= dict.fromkeys([f"{field}.{key}" for key in inner] or [field])
    return list(keys)


def _is_param(value: ast.expr | None) -> bool:
    called = value.func if isinstance(value, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else called
    return (name.id if isinstance(name, ast.Name) else name) == "param"


def _alternatives(annotation: ast.expr) -> list[str]:
    """The names that a type consists of: `Dust | None` is Dust."""
    if isinstance(annotation, ast.Name):
        return [annotation.id]
    if isinstance(annotation, ast.BinOp):
        return [*_alternatives(annotation.left), *_alternatives(annotation.right)]
    return []


def _declared(module: str, name: str) -> tuple[str, ast.ClassDef] | None:
    """A class by the name that it has in a module, and the module that declares it."""
    tree = _tree(module)
    for statement in tree.body if tree else ():
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            return module, statement
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    return _declared(_imported(module, statement), alias.name)
    return None


def _imported(module: str, statement: ast.ImportFrom) -> str:
    """The module that an import statement of another module means."""
    if not statement.level:
        return statement.module or ""
    is_package = _source(module).name == "__init__.py"
    parts = module.split(".")
    above = parts[: len(parts) - statement.level + is_package]
    return ".".join([*above, *([statement.module] if statement.module else [])])


@cache
def _tree(module: str) -> ast.Module | None:
    """The parsed text of a module; None where there is no such text."""
    try:
        return ast.parse(_source(module).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None


def _source(module: str) -> Path:
    """The file of a module, which is not imported for that; neither is its package."""
    top, *below = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.submodule_search_locations is None:
        return Path((spec.origin if spec and not below else None) or module)
    file = Path(next(iter(spec.submodule_search_locations)), *below)
    return file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
