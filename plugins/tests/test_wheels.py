"""Built wheels in fresh environments: the core alone, each plugin, all of them, and one broken.

Run by `nox -s plugins`, in whose environment there is neither neurokit nor a plugin, but everything
that they depend on. Fresh environments see those libraries; pip itself resolves the rest.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from fresh import PLUGINS, Environment, environment, wheels

__all__ = ["environment", "wheels"]  # fixtures

pytestmark = pytest.mark.wheels

COMPONENTS = {
    "neurokit-sdt": {"aff9_sdt", "skeleton_sdt", "sdt_watershed"},
    "neurokit-multitask": {"heads", "multitask"},
    "neurokit-nisb": {
        "nisb",
        "traced",
        "bce",
        "aff6",
        "mednext",
        "connected_components",
        "nerl",
        "skeleton_voi",
        "banis",
    },
}
DEMOS = {
    "neurokit-sdt": "neurokit_sdt:sdt_demo.toml",
    "neurokit-multitask": "neurokit_multitask:multitask_demo.toml",
    "neurokit-nisb": "neurokit_nisb:nisb_demo.toml",
}
# Their tissue grows, and is learnt and segmented, in seconds.
_OF_THE_CORE = [
    *("data.train.shape=[12,96,96]", "train.patch_size=[4,64,64]", "train.pad=[0,0,0]"),
    *("data.test.shape=[8,64,64]", "inferer.window=[4,64,64]", "inferer.pad=[0,0,0]"),
    "system.threads=1",
]
SMALL = {
    "neurokit": _OF_THE_CORE,
    "neurokit-sdt": _OF_THE_CORE,
    "neurokit-multitask": _OF_THE_CORE,
    "neurokit-nisb": [
        *("data.train.shape=[32,40,40]", "data.test.of.shape=[32,40,40]", "train.batch_size=1"),
        *("inferer.window=[32,32,32]", "system.threads=1"),
    ],
}


@pytest.fixture(scope="session")
def everything(environment: Callable[..., Environment]) -> Environment:
    """The core and all plugins."""
    return environment(*PLUGINS)


def test_libraries_alone_hold_no_neurokit() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import neurokit"], cwd="/", capture_output=True, text=True
    )
    assert "No module named 'neurokit'" in found.stderr, "run by `nox -s plugins`"


def test_the_core_alone_offers_what_is_its_own(environment: Callable[..., Environment]) -> None:
    core = environment("neurokit")
    rows = core.listed()
    assert {row["package"] for row in rows} == {"neurokit"}
    assert [row["error"] for row in rows if row["error"]] == []
    assert {"rsunet", "waterz", "adapted_rand", "aff12"} <= {row["name"] for row in rows}
    refused = core.neurokit("run", DEMOS["neurokit-sdt"])
    assert refused.returncode == 2
    assert refused.stderr == (
        "error: neurokit_sdt:sdt_demo.toml: the package 'neurokit_sdt' cannot be imported: "
        "No module named 'neurokit_sdt'\n"
    )


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_alone_works(plugin: str, environment: Callable[..., Environment]) -> None:
    alone = environment(plugin)
    rows = alone.listed()
    assert {row["package"] for row in rows} == {"neurokit", plugin}
    assert [row["error"] for row in rows if row["error"]] == []
    assert alone.names_of(plugin) >= COMPONENTS[plugin]
    imported = subprocess.run(
        [alone.folder / "bin" / "python", "-c", "import neurokit; print(neurokit.__file__)"],
        cwd=alone.folder,
        capture_output=True,
        text=True,
    )
    assert imported.stdout.startswith(str(alone.packages))
    short = ["train.epochs=1", "train.steps_per_epoch=2"]
    done = alone.neurokit("run", DEMOS[plugin], *short, *SMALL[plugin])
    assert done.returncode == 0, done.stderr
    assert "scores of" in done.stdout


def test_all_together_work(everything: Environment) -> None:
    rows = everything.listed()
    assert {row["package"] for row in rows} == {"neurokit", *PLUGINS}
    assert [row["error"] for row in rows if row["error"]] == []
    # It needs two of them.
    data = 'data.train={use="phantom",shape=[24,192,192],seed=1}'
    small = [data, data.replace("train", "test"), "train.patch_size=[16,160,160]"]
    done = everything.neurokit("check", "neurokit_multitask:snemi_sdt_multitask.toml", *small)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("the recipe is ready to run\n")


def test_one_that_is_broken_troubles_no_other(environment: Callable[..., Environment]) -> None:
    made, broken = environment(*PLUGINS), "neurokit-sdt"
    package = made.packages / "neurokit_sdt"
    for module in package.rglob("*.py"):
        module.write_text('raise RuntimeError("this plugin is broken on purpose")\n')
    rows = made.listed()
    wrong = {row["package"] for row in rows if row["error"]}
    assert wrong == {broken}
    assert all("broken on purpose" in (row["error"] or broken) for row in rows if row["error"])
    for plugin in PLUGINS.keys() - {broken}:
        assert made.neurokit("check", DEMOS[plugin], *SMALL[plugin]).returncode == 0
    assert made.neurokit("check", "neurokit:demo.toml", *SMALL["neurokit"]).returncode == 0
    refused = made.neurokit("check", "neurokit:demo.toml", f"target.use={broken}:anything")
    assert refused.returncode == 2
