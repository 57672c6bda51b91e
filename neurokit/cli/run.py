"""`neurokit run`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import NoReturn

import click

from neurokit.cli.conventions import (
    EPILOG,
    INTERRUPTED,
    STOPPED,
    device_option,
    errors_in_one_line,
    overrides_argument,
    with_device,
)
from neurokit.cli.outcome import print_outcome
from neurokit.errors import NeurokitError


@click.command(epilog=EPILOG)
@click.argument("recipe", required=False)
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
    type=click.Path(path_type=Path),
    help="Test or tune with this network; when training, start from its weights.",
)
@click.option(
    "--resume", type=click.Path(path_type=Path), help="Go on with the run in this folder."
)
@click.option(
    "--outputs",
    type=click.Path(path_type=Path),
    default=Path("outputs"),
    show_default=True,
    help="Where new runs are put.",
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
    profile: bool,
    device: str | None,
) -> None:
    """Train, predict, decode and score, as RECIPE says; or search for better settings.

    RECIPE is a TOML file. Any of its values can be overridden: train.epochs=3. With --resume it may
    be left out: the run goes on with its own.
    """
    with errors_in_one_line():
        if profile and mode not in ("all", "train"):
            raise click.UsageError(f"--profile records training steps; --mode {mode} has none")
        if profile:
            # Torch's profiler would write across the progress bar. Read when torch is imported.
            os.environ.setdefault("KINETO_LOG_LEVEL", "99")
            os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        from neurokit.recipe import load_recipe
        from neurokit.run_folder import Interrupted, Preempted, own_recipe

        given = [recipe] if recipe is not None and "=" not in recipe else []
        if recipe is None or "=" in recipe:
            if resume is None:
                raise click.UsageError("name a RECIPE, or a run to go on with --resume")
            overrides = (recipe, *overrides) if recipe else overrides
            recipe = str(own_recipe(resume))
        given += with_device(overrides, device)
        loaded = load_recipe(recipe, with_device(overrides, device))
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
                click.echo(f"{how}; go on with: {again}", err=True)
            _leave(INTERRUPTED if signal == "SIGINT" else STOPPED)
        if world().rank == 0:
            print_outcome(outcome)


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
            click.echo(f"warning: {error}", err=True)
    if profile:
        from neurokit.observers.profiler import Profiler

        plugins.append(Profiler())
    return plugins
