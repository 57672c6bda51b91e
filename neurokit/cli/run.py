"""`neurokit run`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from neurokit.cli.completing import complete_recipe, complete_run, complete_weights
from neurokit.cli.conventions import (
    EPILOG,
    INTERRUPTED,
    STOPPED,
    device_option,
    errors_in_one_line,
    json_option,
    loaded_recipe,
    overrides_argument,
    with_device,
)
from neurokit.cli.outcome import outcome_table, print_outcome
from neurokit.errors import NeurokitError
from neurokit.printable import printable

if TYPE_CHECKING:
    from neurokit.schema import Recipe


@click.command(epilog=EPILOG, short_help="Train, predict, decode and score.")
@click.argument("recipe", required=False, shell_complete=complete_recipe)
@overrides_argument
@click.option(
    "--mode",
    type=click.Choice(["all", "train", "test", "tune"]),
    default="all",
    show_default=True,
    help="Train; test (predict, decode and score); both; or tune the decoder.",
)
@click.option(
    "--checkpoint",
    metavar="FILE|NAME",
    type=click.Path(path_type=Path),
    help="Test or tune with this network; when training, start from its weights. A checkpoint, the "
    "folder of a run, a .safetensors file, or the name of weights such as neurokit:phantom_demo.",
    shell_complete=complete_weights,
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    help="Go on with the run in this folder.",
    shell_complete=complete_run,
)
@click.option(
    "--outputs",
    type=click.Path(path_type=Path),
    default=Path("outputs"),
    show_default=True,
    help="Where new runs are put.",
)
@json_option(
    "with the keys folder, checkpoint, segmentations, scores (as in metrics.json), unscored (why "
    "there are none), report, found (of a search) and warnings; progress goes to standard error"
)
@click.option("--profile", is_flag=True, help="Record where the time of some training steps goes.")
@device_option
def run(
    recipe: str | None,
    overrides: tuple[str, ...],
    mode: str,
    checkpoint: Path | None,
    resume: Path | None,
    outputs: Path,
    as_json: bool,
    profile: bool,
    device: str | None,
) -> None:
    """Train, predict, decode and score, as RECIPE says; or search for better settings.

    RECIPE is a TOML file. Any of its values can be overridden: train.epochs=3. It may be left out
    with --resume, as the run goes on with its own, and in the modes test and tune with
    --checkpoint, which holds the one it was trained with.
    """
    with errors_in_one_line():
        if profile and mode not in ("all", "train"):
            raise click.UsageError(f"--profile records training steps; --mode {mode} has none")
        if profile:
            # Torch's profiler would write across the progress bar. Read when torch is imported.
            os.environ.setdefault("KINETO_LOG_LEVEL", "99")
            os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        from neurokit.run_folder import Interrupted, Preempted

        if recipe is not None and "=" in recipe:
            overrides, recipe = (recipe, *overrides), None
        changes = with_device(overrides, device)
        given = [*([] if recipe is None else [recipe]), *changes]
        loaded = _loaded(recipe, changes, mode, checkpoint, resume)
        _require_fitting(mode, checkpoint, resume)
        from neurokit.device import processes_wanted
        from neurokit.distributed import launch, world
        from neurokit.pipeline import execute

        trains = mode in ("all", "train")
        if trains and (processes := processes_wanted(loaded.system)) > 1:
            sys.exit(launch(processes, sys.argv[1:]))
        if not trains and world().rank > 0:
            return  # one device predicts
        try:
            outcome = execute(
                loaded,
                mode,  # type: ignore[arg-type]  # click has checked the choice
                checkpoint=checkpoint,
                resume=resume,
                outputs=outputs,
                plugins=_hooks(profile),
            )
        except Interrupted as error:
            # Processes that train together note Ctrl-C as they note a scheduler's signals.
            signal = error.signal if isinstance(error, Preempted) else "SIGINT"
            how = "interrupted" if signal == "SIGINT" else f"stopped by {signal}"
            if world().rank == 0:
                again = _going_on(error.folder, mode, given, checkpoint)
                click.echo(f"{how}; go on with: {printable(again)}", err=True)
            _leave(INTERRUPTED if signal == "SIGINT" else STOPPED)
        if world().rank > 0:
            return
        if as_json:
            click.echo(json.dumps(outcome_table(outcome), indent=2))
        else:
            print_outcome(outcome)


def _loaded(
    recipe: str | None, changes: list[str], mode: str, checkpoint: Path | None, resume: Path | None
) -> Recipe:
    """The recipe that is named, or the one that the run or the checkpoint remembers."""
    if recipe is not None:
        return loaded_recipe(recipe, changes)
    if resume is not None:
        from neurokit.run_folder import own_recipe

        return loaded_recipe(str(own_recipe(resume)), changes)
    if checkpoint is None or mode in ("all", "train"):
        raise click.UsageError("name a RECIPE, or a run to go on with --resume")
    from neurokit.recipe import structure_table
    from neurokit.schema import Recipe
    from neurokit.weights import load

    weights = load(checkpoint)
    if "data" not in weights.table():
        raise click.UsageError(f"name a RECIPE: {weights.words} does not say which data to test on")
    return structure_table(weights.table(), Recipe, weights.words.removeprefix("the "), changes)


def _require_fitting(mode: str, checkpoint: Path | None, resume: Path | None) -> None:
    """Refuse options that leave open what predicts, or what the training goes on from."""
    if mode in ("test", "tune") and checkpoint is None and resume is None:
        what = "testing" if mode == "test" else "tuning"
        raise click.UsageError(f"{what} needs a trained network: give --checkpoint or --resume")
    if mode in ("all", "train") and checkpoint is not None and resume is not None:
        raise click.UsageError(
            "--resume goes on from the run's own checkpoint; leave out --checkpoint, or leave out "
            "--resume to start anew from its weights"
        )


def _leave(status: int) -> NoReturn:
    """Exit; one of several processes at once, as taking leave may wait for others that are gone."""
    from neurokit.distributed import world

    if world().size > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _going_on(folder: Path, mode: str, given: list[str], checkpoint: Path | None) -> str:
    """The command that continues a run.

    Args:
        folder: of the run, which remembers what it trains.
        mode: of the command that was stopped.
        given: its recipe and overrides; a study is continued only with the same.
        checkpoint: its network.
    """
    tunes = mode == "tune"
    command = ["neurokit", "run", *(given if tunes else []), "--resume", str(folder)]
    if mode != "all":
        command += ["--mode", mode]
    if tunes and checkpoint is not None:
        command += ["--checkpoint", str(checkpoint)]
    return shlex.join(command)


def _hooks(profile: bool) -> list[object]:
    """The installed hook plugins; one that cannot be loaded is reported and left out."""
    from neurokit.hooks import offered_hooks

    plugins = []
    for offer in offered_hooks():
        try:
            plugins.append(offer.load())
        except NeurokitError as error:
            click.echo(f"warning: {printable(error)}", err=True)
    if profile:
        from neurokit.observers.profiler import Profiler

        plugins.append(Profiler())
    return plugins
