"""`neurokit check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from neurokit.cli.conventions import (
    EPILOG,
    device_option,
    errors_in_one_line,
    overrides_argument,
    with_device,
)


@click.command(epilog=EPILOG)
@click.argument("recipe", type=click.Path(path_type=str))
@overrides_argument
@click.option("--mode", type=click.Choice(["all", "train", "test", "tune"]), default="all")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Check that it fits, too.")
@device_option
def check(
    recipe: str,
    overrides: tuple[str, ...],
    mode: str,
    checkpoint: Path | None,
    device: str | None,
) -> None:
    """Check RECIPE and its files, print what would run, and run nothing."""
    with errors_in_one_line():
        from neurokit.recipe import load_recipe, to_toml

        loaded = load_recipe(recipe, with_device(overrides, device))
        from neurokit.plan import make_plan
        from neurokit.scores import left_out

        plan = make_plan(loaded, mode, checkpoint)  # type: ignore[arg-type]
        click.echo(to_toml(loaded))
        parts = {"train": plan.train, "valid": plan.validation, "test": plan.test}
        for part, volumes in parts.items():
            for volume in volumes:
                size = " x ".join(map(str, volume.shape))
                voxel = " x ".join(f"{length:g}" for length in volume.voxel_size_nm)
                labels = "with labels" if volume.labels is not None else "without labels"
                skeletons = ", with skeletons" if volume.skeletons is not None else ""
                what = f"{size} voxels of {voxel} nm, {labels}{skeletons}"
                click.echo(f"{part:8} {volume.name}: {what}")
        for line in left_out(loaded.metrics, plan.test):
            click.echo(f"warning: {line}", err=True)
        total = loaded.train.epochs * loaded.train.steps_per_epoch
        click.echo(f"network  {plan.parameters:,} parameters, on {plan.device}")
        if mode == "tune":
            click.echo(f"tuning   {_search_in_words(loaded)}")
        if mode in ("all", "train"):
            click.echo(f"training {total:,} steps of {loaded.train.batch_size} samples")
        click.echo("the recipe is ready to run")


def _search_in_words(recipe: Any) -> str:
    from neurokit.registry import installed
    from neurokit.tuning.ranges import grid_size
    from neurokit.tuning.space import ranges_of, trial_count

    ranges = ranges_of(recipe, installed().component)
    size = grid_size(ranges)
    settings = "settings without end" if size is None else f"{size:,} settings"
    trials = trial_count(recipe.tune, ranges)
    return f"{trials:,} trials ({recipe.tune.sampler}) of {settings} of {len(ranges)} parameters"
