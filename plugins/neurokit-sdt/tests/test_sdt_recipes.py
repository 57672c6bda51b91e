"""The recipes: what the full one says, and both run for a few steps on small phantoms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from neurokit import NeurokitError, Prediction, load_recipe
from neurokit.cli import main
from neurokit_sdt.loss import AffinitySDT
from neurokit_sdt.targets import Aff9SDT

CHANNELS = ["z1", "y1", "x1", "z5", "y5", "x5", "z9", "y9", "x9", "sdt"]
FEW_STEPS = [
    "system.num_gpus=0",
    "system.threads=1",
    "train.epochs=1",
    "train.steps_per_epoch=2",
    "train.batch_size=1",
    "train.patch_size=[6,32,32]",
    "train.pad=[2,8,8]",
    "inferer.window=[6,32,32]",
    "inferer.pad=[2,8,8]",
    "inferer.sw_batch_size=1",
]


def phantom(seed: int) -> str:
    return f'{{use="phantom",shape=[10,48,48],seed={seed},voxel_size_nm=[30,6,6]}}'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """What runs a recipe, in the working directory, and gives the folder of that run."""
    monkeypatch.chdir(tmp_path)

    def run(recipe: str, *overrides: str) -> Path:
        done = CliRunner().invoke(main, ["run", recipe, *FEW_STEPS, *overrides])
        assert done.exit_code == 0, done.output
        (made,) = (tmp_path / "outputs").glob("*/2*")
        return made

    return run


def test_the_full_recipe() -> None:
    recipe = load_recipe("neurokit_sdt:snemi_sdt.toml")
    core = load_recipe("neurokit:snemi_aff12.toml")
    assert recipe.name == "snemi_sdt"
    assert recipe.target == Aff9SDT(alpha=0.8, erosion=1, background=-1.0)
    assert recipe.loss == AffinitySDT(affinity=core.loss)
    decoder: Any = recipe.decoder
    assert (decoder.threshold, decoder.aff_threshold) == (0.4, (0.001, 0.999))
    assert decoder.channels == ("z1", "y1", "x1")
    assert decoder.dust == core.decoder.dust  # type: ignore[attr-defined]
    for part in ("data", "model", "optimizer", "schedule", "train", "inferer", "metrics"):
        assert getattr(recipe, part) == getattr(core, part), part


@pytest.mark.parametrize("alpha", ["inf", "10.5"])
def test_a_power_that_leaves_nothing_is_refused(alpha: str) -> None:
    with pytest.raises(NeurokitError) as error:
        load_recipe("neurokit_sdt:snemi_sdt.toml", [f"target.alpha={alpha}"])
    assert str(error.value) == f"override: [target.alpha] must be at most 10, not {alpha}"


def test_the_demonstration_has_the_tissue_and_the_training_of_the_core() -> None:
    recipe = load_recipe("neurokit_sdt:sdt_demo.toml")
    core = load_recipe("neurokit:demo.toml")
    assert isinstance(recipe.target, Aff9SDT)
    for part in ("data", "model", "optimizer", "schedule", "train", "inferer", "metrics"):
        assert getattr(recipe, part) == getattr(core, part), part


def test_the_demonstration_runs(run: Callable[..., Path]) -> None:
    tissue = (f"data.train={phantom(5)}", f"data.test={phantom(6)}")
    made = run("neurokit_sdt:sdt_demo.toml", *tissue, "model.widths=[4,6,8]")
    (prepared,) = (made.parent / "prepared").glob("phantom-5-0-*.h5")
    with h5py.File(prepared) as file:
        packed = file["main"][...]
    assert (packed >> 8).max() > 3
    assert len(np.unique(packed & 255)) > 20
    (results,) = made.glob("results_step=2")
    prediction = Prediction.open(results / "test_im_prediction.h5")
    assert [channel.name for channel in prediction.channels] == CHANNELS
    distance = prediction.select(["sdt"])
    assert -1 <= distance.min() < distance.max() <= 1
    scores = json.loads((results / "metrics.json").read_text())
    assert "adapted_rand" in str(scores)
    logged = (made / "run.log").read_text()
    assert "error" not in logged.lower()


def test_the_full_recipe_runs_at_a_reduced_size(run: Callable[..., Path]) -> None:
    tissue = (f"data.train={phantom(7)}", f"data.test={phantom(8)}")
    made = run(
        "neurokit_sdt:snemi_sdt.toml",
        *tissue,
        "train.steps_per_epoch=3",
        "model.widths=[4,4,6,6,8]",
    )
    (results,) = made.glob("results_step=3")
    with h5py.File(results / "test_im_segmentation.h5") as file:
        assert file["main"].shape == (10, 48, 48)
    assert (results / "metrics.json").exists()


@pytest.mark.slow
def test_the_distance_alone_can_be_trained_and_decoded(run: Callable[..., Path]) -> None:
    tissue = (f"data.train={phantom(5)}", f"data.test={phantom(6)}")
    made = run(
        "neurokit_sdt:sdt_demo.toml",
        *tissue,
        "model.widths=[4,6,8]",
        'target={use="skeleton_sdt"}',
        'decoder={use="sdt_watershed",channels=[]}',
    )
    (results,) = made.glob("results_step=2")
    prediction = Prediction.open(results / "test_im_prediction.h5")
    assert [channel.name for channel in prediction.channels] == ["sdt"]
