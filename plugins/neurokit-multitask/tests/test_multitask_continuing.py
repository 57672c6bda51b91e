"""Trained weights of heads: they are logged, and saved with everything else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from multitask_runs import RANGES, RECIPES, SMALL, neurokit

HOOK = '''\
"""Writes down what a step says, and stops the run after the step that it is told."""
import json, os, signal
from neurokit import hookimpl


@hookimpl
def step(step, scalars):
    with open("said.jsonl", "a") as file:
        file.write(json.dumps(scalars) + "\\n")
    if os.environ.get("STOP_AFTER") == str(step):
        os.kill(os.getpid(), signal.SIGTERM)
'''


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)


@pytest.fixture
def _hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with the hook installed."""
    place = tmp_path / "installed"
    distribution = place / "multitask_hook-1.0.dist-info"
    distribution.mkdir(parents=True)
    (distribution / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: multitask-hook\nVersion: 1.0\n"
    )
    (distribution / "entry_points.txt").write_text("[neurokit.hook]\nsay = multitask_hook\n")
    (place / "multitask_hook.py").write_text(HOOK)
    monkeypatch.syspath_prepend(place)


def _said() -> list[dict[str, float]]:
    lines = Path("said.jsonl").read_text().splitlines()
    Path("said.jsonl").unlink()
    return [json.loads(line) for line in lines]


def _checkpoint() -> tuple[Path, dict[str, Any]]:
    """The last checkpoint of the only run here, and its folder."""
    (path,) = Path("outputs").glob("*/*/checkpoints/last.ckpt")
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return path.parents[1], state


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


@pytest.mark.usefixtures("_hook")
@pytest.mark.parametrize("weighting", ["uncertainty", "fixed"])
def test_weights_of_heads_are_logged_and_go_on_where_they_were(
    monkeypatch: pytest.MonkeyPatch, weighting: str
) -> None:
    small = ["model.trunk.widths=[4,6,6]", "optimizer.lr=0.01", f"loss.weighting={weighting}"]
    train = ["run", f"{RECIPES}multitask_demo.toml", *SMALL, *small, "--mode", "train"]
    assert neurokit(*train) == 0
    straight, said = _checkpoint()[1], _said()
    for name in RANGES:
        weights = [step[f"loss/{name}/weight"] for step in said]
        assert weights[0] == 1.0
        assert (len(set(weights)) == 4) == (weighting == "uncertainty")
        for step in said:
            channels = [step[f"loss/{name}/{channel}"] for channel in RANGES[name]]
            assert step[f"loss/{name}"] == pytest.approx(sum(channels), rel=1e-5)
    assert len(straight["loss"]) == (3 if weighting == "uncertainty" else 0)
    assert all(bool(value != 0) for value in straight["loss"].values())
    shutil.rmtree("outputs")

    monkeypatch.setenv("STOP_AFTER", "3")
    assert neurokit(*train) == 75
    folder, stopped = _checkpoint()
    assert stopped["step"] == 3
    monkeypatch.delenv("STOP_AFTER")
    # Also where the recipe, given again, names the heads in another order.
    heads = ", ".join(f"{name}={list(RANGES[name])}" for name in reversed(RANGES))
    assert neurokit(*train, f"model.heads={{{heads}}}", "--resume", str(folder)) == 0
    assert [_losses(step) for step in _said()] == [_losses(step) for step in said]
    _, continued = _checkpoint()
    assert continued.pop("recipe") != straight.pop("recipe")  # in the order of heads
    assert _same(continued, straight)


def _losses(step: dict[str, float]) -> dict[str, float]:
    """What a step says that no clock has a part in."""
    return {name: value for name, value in step.items() if name.startswith(("loss", "gradient"))}
