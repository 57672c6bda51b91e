"""`neurokit check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurokit.cli.completing import complete_recipe, complete_weights
from neurokit.cli.conventions import (
    EPILOG,
    device_option,
    errors_in_one_line,
    json_option,
    loaded_recipe,
    overrides_argument,
    with_device,
)
from neurokit.printable import printable

if TYPE_CHECKING:
    from neurokit.plan import Plan
    from neurokit.schema import Recipe
    from neurokit.volumes import Volume
    from neurokit.weights import Weights


@click.command(epilog=EPILOG, short_help="Check a recipe and its files; run nothing.")
@click.argument("recipe", type=click.Path(path_type=str), shell_complete=complete_recipe)
@overrides_argument
@click.option(
    "--mode",
    type=click.Choice(["all", "train", "test", "tune"]),
    default="all",
    show_default=True,
    help="As of neurokit run.",
)
@click.option(
    "--checkpoint",
    metavar="FILE|NAME",
    type=click.Path(path_type=Path),
    help="Check that this network fits, too.",
    shell_complete=complete_weights,
)
@device_option
@json_option("with the keys recipe, volumes, parameters, device, steps, search and warnings")
def check(
    recipe: str,
    overrides: tuple[str, ...],
    mode: str,
    checkpoint: Path | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Check RECIPE and its files, print what would run, and run nothing."""
    with errors_in_one_line():
        loaded = loaded_recipe(recipe, with_device(overrides, device))
        from neurokit.plan import make_plan
        from neurokit.weights import load

        weights = None if checkpoint is None else load(checkpoint)
        plan = make_plan(loaded, mode, weights)  # type: ignore[arg-type]  # click has checked it
        found = _table(loaded, plan, mode, weights)
        if as_json:
            click.echo(json.dumps(found, indent=2))
        else:
            _print(found)


def _table(recipe: Recipe, plan: Plan, mode: str, weights: Weights | None) -> dict[str, Any]:
    """What would run, as plain values; null where the mode does not come to it."""
    from neurokit.recipe import to_table

    volumes = {"train": plan.train, "validation": plan.validation, "test": plan.test}
    steps = recipe.train.epochs * recipe.train.steps_per_epoch
    return {
        "recipe": to_table(recipe),
        "volumes": {part: list(map(_volume_table, each)) for part, each in volumes.items()},
        "parameters": plan.parameters,
        "device": str(plan.device),
        "steps": steps if mode in ("all", "train") else None,
        "search": _search_table(recipe) if mode == "tune" else None,
        "warnings": _warnings(recipe, plan, mode, weights),
    }


def _volume_table(volume: Volume) -> dict[str, Any]:
    return {
        "name": volume.name,
        "shape": list(volume.shape),
        "voxel_size_nm": list(volume.voxel_size_nm),
        "labels": volume.labels is not None,
        "skeletons": volume.skeletons is not None,
    }


def _search_table(recipe: Recipe) -> dict[str, Any]:
    """How many of how many settings are tried; `settings` is null where there is no end of them."""
    from neurokit.registry import installed
    from neurokit.tuning.ranges import grid_size
    from neurokit.tuning.space import ranges_of, trial_count

    assert recipe.tune is not None  # the plan has refused it
    ranges = ranges_of(recipe, installed().component)
    return {
        "trials": trial_count(recipe.tune, ranges),
        "sampler": recipe.tune.sampler,
        "settings": grid_size(ranges),
        "parameters": [each.name for each in ranges],
    }


def _warnings(recipe: Recipe, plan: Plan, mode: str, weights: Weights | None) -> list[str]:
    """What would run otherwise than its author may think."""
    from neurokit.schema import Validation

    warnings = list(plan.warnings)
    if weights is not None:
        sizes = [weights.size_warning(volume) for volume in plan.test]
        predicts = mode in ("test", "tune")
        told = weights.precision_warning(recipe.system, plan.device) if predicts else None
        warnings += filter(None, (*sizes, told))
    if recipe.data.validation is None and recipe.train.validation != Validation():
        warnings.append("[train.validation] has no effect, as the recipe has no [data.validation]")
    if plan.device.type == "cpu" and recipe.system.num_gpus not in ("all", 0):
        warnings.append(f"system.num_gpus = {recipe.system.num_gpus} has no effect on the CPU")
    return warnings


def _print(found: dict[str, Any]) -> None:
    from neurokit.listing import toml_text

    click.echo(f"{toml_text(found['recipe'])}\n")
    for part, volumes in found["volumes"].items():
        for volume in volumes:
            name = printable(volume["name"])
            click.echo(f"{part[:5]:8} {name}: {_volume_in_words(volume)}")
    for line in found["warnings"]:
        click.echo(f"warning: {printable(line)}", err=True)
    click.echo(f"network  {found['parameters']:,} parameters, on {found['device']}")
    if found["search"] is not None:
        click.echo(f"tuning   {_search_in_words(found['search'])}")
    if found["steps"] is not None:
        batch = found["recipe"]["train"]["batch_size"]
        click.echo(f"training {found['steps']:,} steps of {batch} samples")
    click.echo("the recipe is ready to run")


def _volume_in_words(volume: dict[str, Any]) -> str:
    size = " x ".join(map(str, volume["shape"]))
    voxel = " x ".join(f"{length:g}" for length in volume["voxel_size_nm"])
    labels = "with labels" if volume["labels"] else "without labels"
    skeletons = ", with skeletons" if volume["skeletons"] else ""
    return f"{size} voxels of {voxel} nm, {labels}{skeletons}"


def _search_in_words(search: dict[str, Any]) -> str:
    size = search["settings"]
    settings = "settings without end" if size is None else f"{size:,} settings"
    trials, parameters = search["trials"], len(search["parameters"])
    return f"{trials:,} trials ({search['sampler']}) of {settings} of {parameters} parameters"
