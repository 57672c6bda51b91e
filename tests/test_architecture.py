"""How the modules depend on each other, who prints, and what is documented."""

from __future__ import annotations

import ast
import importlib

import pytest
from conftest import ROOT

import neurokit

PACKAGE = ROOT / "neurokit"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
# Each layer may import from itself and from those before it.
LAYERS = [
    {
        "errors",
        "progress",
        "atomic",
        "stopping",
        "allocator",
        "shipped",
        "occupied",
        "printable",
        "amounts",
        "space",
    },
    {"params", "channels", "volumes"},
    {
        "kinds",
        "sampling",
        "affinity",
        "graph",
        "phantom",
        "distributed",
        "activation",
        "previews",
        "fetching",
    },
    {"prediction", "structuring", "toml_lines"},
    {"components"},
    {"registry", "hooks"},
    {"schema", "scores"},
    {"recipe", "listing", "device", "checkpoint", "samples", "averaging"},
    {"run_folder", "results", "no_test", "plan", "trainer", "weights"},
    {"stages", "observers", "testing", "scaffold", "viewing", "doctor", "reporting"},
    {"comparing"},
    {"pipeline"},
    {"api"},
    {"cli"},
    {"__main__"},
]


def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _imported(module: str) -> set[str]:
    """What a module imports of this package when it runs; not what only type checkers see."""
    found: set[str] = set()
    waiting: list[ast.AST] = [_tree(module)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in inner}
        waiting += ast.iter_child_nodes(node)
    return {name for name in found if name.partition(".")[0] == "neurokit"}


def _layer(module: str) -> int | None:
    part = module.split(".")[1] if "." in module else ""
    return next((level for level, names in enumerate(LAYERS) if part in names), None)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    own = _layer(module)
    for imported in _imported(module):
        its = _layer(imported)
        if own is not None and its is not None:
            assert its <= own, f"{module} imports {imported}"


def test_every_module_has_a_layer() -> None:
    without = [name for name in MODULES if _layer(name) is None]
    # The tuner comes with its own libraries and stands beside the pipeline.
    assert [name for name in without if "tun" not in name] == ["neurokit"]


@pytest.mark.parametrize("module", [name for name in MODULES if ".components" in name])
def test_components_use_only_what_plugins_may(module: str) -> None:
    for imported in _imported(module):
        assert imported == "neurokit" or imported.startswith(
            ("neurokit.graph", "neurokit.phantom", "neurokit.components.")
        ), f"{module} imports {imported}"


def test_components_are_imported_by_nobody_else() -> None:
    for module in MODULES:
        if ".components" not in module:
            assert not [name for name in _imported(module) if ".components" in name], module


@pytest.mark.parametrize("name", neurokit.__all__)
def test_public_names_are_there(name: str) -> None:
    assert getattr(neurokit, name) is not None


def test_public_names_are_listed_once_and_in_order() -> None:
    assert sorted(set(neurokit.__all__)) == sorted(neurokit.__all__)
    with pytest.raises(AttributeError, match="module 'neurokit' has no attribute 'nothing'"):
        importlib.import_module("neurokit").nothing  # noqa: B018


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_prints(module: str) -> None:
    if module.startswith("neurokit.cli") or module.startswith("neurokit.observers"):
        return
    calls = [node.func for node in ast.walk(_tree(module)) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]
    assert not {"click", "rich"} & {
        name.split(".")[0]
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.ImportFrom)
        for name in [node.module or ""]
    }


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_is_documented(module: str) -> None:
    tree = _tree(module)
    if tree.body:
        assert ast.get_docstring(tree), f"{module} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module}.{node.name}"


def test_the_layers_name_modules_that_exist() -> None:
    parts = {name.split(".")[1] for name in MODULES if "." in name}
    assert set().union(*LAYERS) <= parts
