"""The components hold to what neurokit asks of any."""

from __future__ import annotations

import pytest
from multitask_runs import NINE, RECIPES, needs_sdt

from neurokit import load_recipe
from neurokit.testing import conform


@pytest.mark.parametrize(
    "name", ["multitask_demo.toml", pytest.param("snemi_sdt_multitask.toml", marks=needs_sdt)]
)
@pytest.mark.parametrize("order", [NINE, NINE[::-1]])
def test_the_model(name: str, order: tuple[str, ...]) -> None:
    small = ["model.trunk.widths=[4,6]", "model.trunk.kernels=[[1,3,3]]", "model.features=4"]
    recipe = load_recipe(RECIPES + name, small)
    channels = sorted(recipe.target.channels, key=lambda each: (*order, "sdt").index(each.name))
    conform(recipe.model, channels=channels, shape=(3, 8, 8))


@pytest.mark.parametrize(
    "name", ["multitask_demo.toml", pytest.param("snemi_sdt_multitask.toml", marks=needs_sdt)]
)
@pytest.mark.parametrize("weighting", ["uncertainty", "fixed"])
def test_the_loss(name: str, weighting: str) -> None:
    recipe = load_recipe(RECIPES + name, [f"loss.weighting={weighting}"])
    conform(recipe.loss, channels=recipe.target.channels)
