"""The recipes that are shipped, and the commands of the README."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from neurokit import load_recipe
from neurokit.cli import main
from neurokit.testing import conform
from neurokit_nisb.archive import NisbBucket
from neurokit_nisb.decoder import ConnectedComponents
from neurokit_nisb.loss import BCE
from neurokit_nisb.nerl import Nerl

README = Path(__file__).parents[1] / "README.md"
SMALL = ["system.device=cpu", "system.precision=float32", "system.threads=1", "model.filters=2"]


RUN_IN_README = "outputs/nisb_base/20260101-120000"


def run(*arguments: str) -> None:
    """Run `neurokit run`, in the working directory."""
    done = CliRunner().invoke(main, ["run", *arguments, *SMALL])
    assert done.exit_code == 0, done.output


def scores_in(folder: Path) -> dict[str, Any]:
    """Those of the only test in a folder of runs."""
    (scores,) = folder.glob("outputs/*/*/results_step=*/metrics.json")
    found: dict[str, Any] = json.loads(scores.read_text())
    return found


def keys_of(found: Any) -> set[str]:
    """All keys of nested tables."""
    if not isinstance(found, dict):
        return set()
    return set(found).union(*(keys_of(each) for each in found.values()))


def test_the_demonstration_in_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(
        "neurokit_nisb:nisb_demo.toml",
        "data.train.shape=[32,40,40]",
        "data.test.of.shape=[32,40,40]",
        "train.epochs=1",
        "train.steps_per_epoch=2",
        "train.batch_size=1",
        "inferer.window=[32,32,32]",
    )
    found = keys_of(scores_in(tmp_path))
    assert {"nerl", "nerl[tolerance=20]", "skeleton_voi", "adapted_rand"} <= found


def test_the_full_recipe_in_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained, tuned and tested with the commands of the README, one after the other."""
    monkeypatch.chdir(tmp_path)
    cubes = [
        sys.executable,
        "-m",
        "neurokit_nisb.cubes",
        "datasets/NISB",
        "--shape",
        "32",
        "36",
        "40",
    ]
    subprocess.run(cubes, cwd=tmp_path, check=True, capture_output=True)
    small = [
        "train.epochs=1",
        "train.steps_per_epoch=2",
        "train.batch_size=1",
        "train.patch_size=[32,32,32]",
        "train.validation.batches=1",
        "inferer.window=[32,32,32]",
        "tune.trials=2",
    ]
    given = [command[2:] for command in commands() if "--mode" in command]
    assert [command[command.index("--mode") + 1] for command in given] == ["train", "tune", "test"]
    for command in given:
        if (tmp_path / "outputs").exists():
            (folder,) = tmp_path.glob("outputs/nisb_base/*")
            command[command.index(RUN_IN_README)] = str(folder.relative_to(tmp_path))
        run(*command, *small)
    found = keys_of(scores_in(tmp_path))
    assert {"nerl", "nerl[tolerance=5]", "merges", "splits", "omissions"} <= found
    assert "adapted_rand" not in found
    assert len(list(tmp_path.glob("outputs/nisb_base/*/tune/best.toml"))) == 1


def test_the_full_recipe_is_that_of_banis() -> None:
    recipe = load_recipe("neurokit_nisb:nisb_base.toml")
    train = recipe.train
    assert (train.patch_size, train.batch_size) == ((128, 128, 128), 8)
    assert train.epochs * train.steps_per_epoch == 50_000
    assert (train.gradient_clip, train.ema_decay) == (1.0, 0.0)
    rates = [recipe.schedule.lr(step, 50_000, recipe.optimizer.lr) for step in (0, 25_000, 49_999)]
    assert rates == pytest.approx([1e-3, 5e-4, 0], abs=1e-7)
    assert recipe.loss == BCE()
    assert recipe.decoder == ConnectedComponents(affinity_threshold=0.66)
    assert recipe.metrics[0] == Nerl()
    assert recipe.data.validation.split == "val"  # type: ignore[union-attr]


def test_traced_conforms() -> None:
    small = ["data.test.of.shape=[8,24,24]"]
    dataset = load_recipe("neurokit_nisb:nisb_demo.toml", small).data.test
    assert dataset is not None
    conform(dataset)


def commands() -> list[list[str]]:
    """What the README has one type."""
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


def test_the_tables_of_the_readme(tmp_path: Path) -> None:
    for table in re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL):
        recipe = tmp_path / "recipe.toml"
        recipe.write_text('extends = "neurokit_nisb:nisb_demo.toml"\n' + table)
        assert load_recipe(recipe).data.test is not None


def quoted(override: str) -> str:
    """An override as TOML: a bare word is a string."""
    key, _, value = override.partition("=")
    return f'{key} = "{value}"' if value.isalpha() else f"{key} = {value}"


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_the_commands_of_the_readme(command: list[str]) -> None:
    if command[:2] == ["pip", "install"]:
        assert (README.parents[2] / command[2] / "pyproject.toml").exists()
    elif command[:2] == ["python", "-m"]:
        shown = subprocess.run(
            [sys.executable, "-m", command[2], "--help"], capture_output=True, check=False
        )
        assert shown.returncode == 0
    elif command[:3] == ["neurokit", "fetch", "nisb"]:
        given = tomllib.loads("\n".join(quoted(each) for each in command[3:]))
        assert {each.name for each in attrs.fields(NisbBucket)} >= given.keys()
        archive = NisbBucket(**given)  # which refuses what is none of the choices
        assert (archive.setting, archive.split) in {
            ("base", "val"),
            ("base", "train"),
            ("liconn", "test"),
        }
    else:
        assert command[:2] == ["neurokit", "run"]
        options = [each for each in command[3:] if each.startswith("--")]
        assert set(options) <= {"--mode", "--resume"}
        load_recipe(command[2], [each for each in command[3:] if re.match(r"[a-z_.]+=", each)])
