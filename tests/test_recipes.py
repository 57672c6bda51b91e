"""The recipes that are shipped: each resolves, and that of SNEMI3D is pinned value by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from neurokit import load_recipe
from neurokit.recipe import to_table
from neurokit.registry import installed
from neurokit.tuning.ranges import Range, grid_size
from neurokit.tuning.space import ranges_of

SHIPPED = sorted((ROOT / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_each_resolves(path: Path) -> None:
    recipe = load_recipe(path)
    assert path.stem.startswith(recipe.name) or recipe.name.startswith(path.stem)
    assert recipe.data.train is not None
    assert recipe.data.test is not None
    assert recipe.metrics


@pytest.fixture(scope="module")
def snemi() -> dict[str, Any]:
    table = to_table(load_recipe(ROOT / "recipes" / "snemi_aff12.toml"))
    assert isinstance(table, dict)
    return table


def _subset(table: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: table[key] for key in keys}


def test_snemi_data(snemi: dict[str, Any]) -> None:
    keys = ("use", "image", "labels", "voxel_size_nm")
    assert snemi["name"] == "snemi_aff12"
    assert snemi["seed"] == 42
    assert snemi["system"]["num_gpus"] == "all"
    assert _subset(snemi["data"]["train"], *keys) == {
        "use": "files",
        "image": "datasets/SNEMI/train-input.tif",
        "labels": "datasets/SNEMI/train-labels.tif",
        "voxel_size_nm": [30, 6, 6],
    }
    assert _subset(snemi["data"]["test"], *keys) == {
        "use": "files",
        "image": "datasets/SNEMI/test-input.tif",
        "labels": "datasets/SNEMI/test-labels.h5::main",
        "voxel_size_nm": [30, 6, 6],
    }
    assert "Zenodo" in snemi["data"]["train"]["hint"]


def test_snemi_training(snemi: dict[str, Any]) -> None:
    assert snemi["target"] == {"use": "aff12", "erosion": 1}
    assert snemi["model"]["use"] == "rsunet"
    assert snemi["loss"]["use"] == "balanced_bce"
    assert _subset(snemi["optimizer"], "use", "lr", "weight_decay") == {
        "use": "adamw",
        "lr": 3e-4,
        "weight_decay": 0.01,
    }
    assert snemi["schedule"] == {
        "use": "warmup_cosine",
        "warmup_fraction": 0.03,
        "warmup_start_lr": 1e-5,
        "min_lr": 1e-6,
    }
    keys = ("patch_size", "pad", "batch_size", "epochs", "steps_per_epoch", "gradient_clip")
    assert _subset(snemi["train"], *keys) == {
        "patch_size": [16, 224, 224],
        "pad": [8, 128, 128],
        "batch_size": 4,
        "epochs": 100,
        "steps_per_epoch": 1000,
        "gradient_clip": 1.0,
    }


def test_snemi_inference_and_decoding(snemi: dict[str, Any]) -> None:
    assert _subset(snemi["inferer"], "use", "window", "sw_batch_size", "pad") == {
        "use": "sliding_window",
        "window": [16, 224, 224],
        "sw_batch_size": 16,
        "pad": [8, 128, 128],
    }
    keys = ("use", "channels", "threshold", "merge_function", "aff_threshold")
    assert _subset(snemi["decoder"], *keys) == {
        "use": "waterz",
        "channels": ["z1", "y1", "x1"],
        "threshold": 0.5,
        "merge_function": "aff85_his256",
        "aff_threshold": [0.1, 0.999],
    }
    assert snemi["decoder"]["dust"] == {
        "enabled": True,
        "merge_size": 800,
        "merge_affinity": 0.3,
        "remove_size": 600,
    }
    overlap = snemi["decoder"]["section_overlap"]
    assert _subset(
        overlap, "enabled", "best_buddy", "one_sided_threshold", "one_sided_min_size"
    ) == {
        "enabled": True,
        "best_buddy": True,
        "one_sided_threshold": 0.8,
        "one_sided_min_size": 100,
    }
    assert snemi["metrics"][0]["use"] == "adapted_rand"


def test_snemi_tuning(snemi: dict[str, Any]) -> None:
    assert _subset(snemi["tune"], "study", "trials", "sampler", "trial_timeout") == {
        "study": "snemi_waterz_tuning",
        "trials": 25,
        "sampler": "tpe",
        "trial_timeout": 300,
    }
    recipe = load_recipe(ROOT / "recipes" / "snemi_aff12.toml")
    ranges = ranges_of(recipe, installed().component)
    assert {each.name: _points(each) for each in ranges} == {
        "decoder.merge_function": [f"aff{q}_his256" for q in (85, 75, 50, 25, 15)],
        "decoder.threshold": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        "decoder.aff_threshold.0": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
        "decoder.aff_threshold.1": [0.7, 0.8, 0.9, 1.0],
    }
    assert grid_size(ranges) == 1080


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_each_has_a_space_of_its_own_study(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.tune is not None
    assert recipe.tune.study == f"{recipe.name.removesuffix('_aff12')}_waterz_tuning"
    assert ranges_of(recipe, installed().component)


def _points(each: Range) -> list[Any]:
    return [each.point(index) for index in range(each.count or 0)]


def test_snemi_network() -> None:
    recipe = load_recipe(ROOT / "recipes" / "snemi_aff12.toml")
    network = recipe.model.build(1, recipe.target.channels)
    assert sum(each.numel() for each in network.parameters()) == 2_292_824
    names = [channel.name for channel in recipe.target.channels]
    assert names == ["x1", "y1", "z1", "z2", "z3", "z4", "x3", "x9", "x27", "y3", "y9", "y27"]
