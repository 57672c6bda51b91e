"""The recipes: what they say, what they share with the core's, and that they run."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch
from multitask_runs import NINE, RANGES, RECIPES, SMALL, needs_sdt, neurokit

from neurokit import NeurokitError, load_recipe


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)


def _heads(recipe: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The heads' channels of the model, and of the loss."""
    return recipe.model.heads, {name: task.channels for name, task in recipe.loss.heads.items()}


@pytest.mark.parametrize("name", ["snemi_multitask.toml", "multitask_demo.toml"])
def test_three_ranges_have_a_head_each(name: str) -> None:
    recipe = load_recipe(RECIPES + name)
    assert tuple(channel.name for channel in recipe.target.channels) == NINE
    assert _heads(recipe) == (RANGES, RANGES)
    recipe.loss.build(recipe.target.channels)


@pytest.mark.parametrize(
    ("name", "core", "changed"),
    [
        ("snemi_multitask.toml", "snemi_aff12.toml", {"target", "model", "loss"}),
        ("multitask_demo.toml", "demo.toml", {"target", "model", "loss", "train", "decoder"}),
    ],
)
def test_all_else_is_the_cores(name: str, core: str, changed: set[str]) -> None:
    own, other = load_recipe(RECIPES + name), load_recipe(f"neurokit:{core}")
    differing = {
        field.name
        for field in attrs.fields(type(own))
        if getattr(own, field.name) != getattr(other, field.name)
    }
    assert differing == changed | {"name", "tune"}
    tune, core_tune = own.tune, other.tune
    assert tune is not None
    assert core_tune is not None
    assert attrs.evolve(tune, study=core_tune.study) == core_tune
    assert attrs.evolve(own.train, epochs=1, steps_per_epoch=1) == attrs.evolve(
        other.train, epochs=1, steps_per_epoch=1
    )
    trunk: Any = own.model
    assert trunk.trunk == other.model


def test_the_networks_of_the_recipes() -> None:
    counts = {}
    for name in ("snemi_multitask.toml", "multitask_demo.toml"):
        recipe = load_recipe(RECIPES + name)
        with torch.device("meta"):
            network: Any = recipe.model.build(1, recipe.target.channels)
        counts[name] = sum(each.numel() for each in network.parameters())
        heads = sum(each.numel() for each in network.heads.parameters())
        features = recipe.model.features  # type: ignore[attr-defined]
        kernel = 27 if name.startswith("snemi") else 9
        # Two normalisations, a convolution without and one with a bias, three times.
        assert heads == 3 * (4 * features + kernel * features**2 + 3 * features + 3)
    # RSUNet of 12 channels has 2,292,824; its last convolution gives 18 instead.
    assert counts["snemi_multitask.toml"] == 2_292_824 + 6 * 19 + 3 * (8_748 + 7 * 18 + 3)


@needs_sdt
def test_the_recipe_with_a_distance() -> None:
    recipe: Any = load_recipe(f"{RECIPES}snemi_sdt_multitask.toml")
    assert tuple(channel.name for channel in recipe.target.channels) == (*NINE, "sdt")
    heads = {**RANGES, "sdt": ("sdt",)}
    assert _heads(recipe) == (heads, heads)
    assert (recipe.decoder.threshold, recipe.decoder.aff_threshold) == (0.4, (0.001, 0.999))
    loss = recipe.loss.build(recipe.target.channels)
    arrays = (torch.rand(1, 10, 2, 3, 4) for _ in range(2))
    total, terms = loss(*arrays, torch.ones(1, 10, 2, 3, 4))
    assert torch.isfinite(total)
    assert [name for name in terms if "/" not in name] == [*RANGES, "sdt"]
    assert terms["sdt"] == terms["sdt/sdt"]


@pytest.mark.parametrize(
    "name",
    [
        "snemi_multitask.toml",
        "multitask_demo.toml",
        pytest.param("snemi_sdt_multitask.toml", marks=needs_sdt),
    ],
)
def test_it_trains_predicts_decodes_and_scores(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    overrides = list(SMALL)
    if name == "multitask_demo.toml":
        overrides.append("model.trunk.widths=[4,6,6]")
    assert neurokit("run", RECIPES + name, *overrides) == 0, capfd.readouterr().err
    (scores,) = Path("outputs").glob("*/*/results_step=4/metrics.json")
    assert 0 <= json.loads(scores.read_text())["mean"]["adapted_rand"] <= 1


def test_a_head_without_its_channels_is_refused_before_any_work(
    capfd: pytest.CaptureFixture[str],
) -> None:
    wrong = "model.heads={near=['z1','y1','x1'], far=['z9','y9','x9']}"
    demo = f"{RECIPES}multitask_demo.toml"
    small = [*SMALL, "model.trunk.widths=[4,6,6]"]
    assert neurokit("run", demo, *small, wrong) == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        "error: no head has the target's channels z5, y5, x5; each needs one, and the heads are "
        "near, far"
    )
    assert not Path("outputs").exists()


def test_what_is_wrong_in_a_recipe_is_said_with_its_place() -> None:
    own = Path("own.toml")
    own.write_text(
        f"""\
extends = "{RECIPES}multitask_demo.toml"
[model.heads]
empty = []
[loss.heads.aff_r1]
wieght = 2.0
[loss.heads.aff_r5]
weight = 0
[loss.heads.aff_r9]
loss = {{ use = "balanced_bse" }}
"""
    )
    with pytest.raises(NeurokitError) as caught:
        load_recipe(own)
    assert str(caught.value).splitlines() == [
        "own.toml:2: [model] the head 'empty' has no channel",
        "own.toml:5: [loss.heads.aff_r1.wieght] unknown parameter 'wieght'; did you mean 'weight'?",
        "own.toml:7: [loss.heads.aff_r5.weight] must be above 0, not 0.0",
        "own.toml:9: [loss.heads.aff_r9.loss.use] unknown loss 'balanced_bse'; did you mean "
        "'balanced_bce'?",
    ]


def test_the_readmes_own_recipe() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (block,) = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    Path("own.toml").write_text(block)
    recipe = load_recipe("own.toml")
    channels = recipe.target.channels
    with torch.device("meta"):
        recipe.model.build(1, channels)
    loss: Any = recipe.loss.build(channels)
    assert list(loss.heads) == ["head_near", "head_far"]


def test_the_readmes_commands_name_what_there_is() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    named = set(re.findall(rf"{RECIPES}(\w+\.toml)", readme))
    shipped = {path.name for path in (files("neurokit_multitask") / "recipes").iterdir()}
    assert named == shipped
    for component in re.findall(r"^neurokit show (\w+)$", readme, re.MULTILINE):
        assert neurokit("show", component) == 0
