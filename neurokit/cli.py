"""The command line; the only module that prints to standard output.

Imports of torch and of components happen inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import click

from neurokit.errors import NeurokitError, RecipeError
from neurokit.kinds import KINDS

_EPILOG = (
    "Exit status: 0 done, 1 something is missing or failed, 2 a wrong recipe or command, "
    "75 stopped by SIGTERM or SIGUSR1 and saved, 130 interrupted."
)
_INTERRUPTED = 130
# What sendmail calls a temporary failure; schedulers take it as "queue this again".
_STOPPED = 75


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Print what a user can mend as it is, without a traceback."""
    try:
        yield
    except RecipeError as error:
        # Of several processes, all find the same.
        for problem in error.problems if os.environ.get("RANK", "0") == "0" else ():
            click.echo(f"error: {problem}", err=True)
        sys.exit(error.exit_code)
    except NeurokitError as error:
        if not _passed_on(error):
            click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(_INTERRUPTED)
    except Exception as error:
        if not _passed_on(error):
            raise
        sys.exit(1)


def _passed_on(error: Exception) -> bool:
    """Whether the process that launched this one is told, and prints the error of all."""
    if "TORCHELASTIC_ERROR_FILE" not in os.environ:
        return False
    from neurokit.distributed import report_failure

    return report_failure(error)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="neurokit")
def main() -> None:
    """From an electron-microscopy volume to one instance per neuron."""
    # Threads that wait by spinning slow each other down several times on a machine that is shared.
    # OpenMP reads this once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


_overrides = click.argument("overrides", nargs=-1, metavar="[key.path=value]...")
_device = click.option("--device", help="auto, cpu, cuda, cuda:1; wins over the recipe.")


@main.command(epilog=_EPILOG)
@click.argument("recipe", required=False)
@_overrides
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
@_device
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
    with _errors_in_one_line():
        if profile and mode not in ("all", "train"):
            raise click.UsageError(f"--profile records training steps; --mode {mode} has none")
        if profile:
            # Torch's profiler would write across the progress bar. Read when torch is imported.
            os.environ.setdefault("KINETO_LOG_LEVEL", "99")
            os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        from neurokit.recipe import load_recipe
        from neurokit.run import Interrupted, Preempted, own_recipe

        given = [recipe] if recipe is not None and "=" not in recipe else []
        if recipe is None or "=" in recipe:
            if resume is None:
                raise click.UsageError("name a RECIPE, or a run to go on with --resume")
            overrides = (recipe, *overrides) if recipe else overrides
            recipe = str(own_recipe(resume))
        given += _with_device(overrides, device)
        loaded = load_recipe(recipe, _with_device(overrides, device))
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
            _leave(_INTERRUPTED if signal == "SIGINT" else _STOPPED)
        if world().rank == 0:
            _print_outcome(outcome)


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


def _with_device(overrides: tuple[str, ...], device: str | None) -> list[str]:
    return [*overrides, *([f"system.device={json.dumps(device)}"] if device else [])]


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


def _print_outcome(outcome: Any) -> None:
    if outcome.found is not None:
        _print_found(outcome.found, outcome.checkpoint)
        return
    if outcome.scores is not None:
        width = max(len(key) for key in outcome.scores["mean"])
        for warning in outcome.warnings:
            click.echo(f"warning: {warning}", err=True)
        for volume, scores in outcome.scores["volumes"].items():
            click.echo(f"\nscores of {volume}")
            for key, value in scores.items():
                click.echo(f"  {key:{width}}  {value:.4f}")
    elif outcome.unscored is not None:
        click.echo(f"\nnothing was scored: {outcome.unscored}")
    click.echo("\nresults")
    for file in [outcome.checkpoint, *outcome.segmentations]:
        click.echo(f"  {file}")
    if outcome.scores is not None:
        step = outcome.scores["step"]
        click.echo(f"  {outcome.folder / f'results_step={step}' / 'metrics.json'}")


def _print_found(found: Any, checkpoint: Path) -> None:
    best = found.best
    trials = "the only trial" if found.done == 1 else f"the best of {found.done} trials"
    click.echo(f"\n{trials} on {', '.join(found.volumes)} is trial {best.number}")
    scores = {found.headline: best.value} | best.scores
    width = max(map(len, [*scores, *best.settings]))
    for key, value in scores.items():
        click.echo(f"  {key:{width}}  {value:.4f}")
    click.echo("\nits settings")
    for key, value in best.settings.items():
        click.echo(f"  {key:{width}}  {json.dumps(value)}")
    click.echo("\nresults")
    for file in found.files:
        click.echo(f"  {file}")
    test = ["neurokit", "run", str(found.files[0]), "--mode", "test", "--checkpoint"]
    click.echo(f"\ntest with: {shlex.join([*test, str(checkpoint)])}")
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)


@main.command(epilog=_EPILOG)
@click.argument("recipe", type=click.Path(path_type=str))
@_overrides
@click.option("--mode", type=click.Choice(["all", "train", "test", "tune"]), default="all")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Check that it fits, too.")
@_device
def check(
    recipe: str,
    overrides: tuple[str, ...],
    mode: str,
    checkpoint: Path | None,
    device: str | None,
) -> None:
    """Check RECIPE and its files, print what would run, and run nothing."""
    with _errors_in_one_line():
        from neurokit.recipe import load_recipe, to_toml

        loaded = load_recipe(recipe, _with_device(overrides, device))
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


@main.command("list-plugins", epilog=_EPILOG)
@click.option("--kind", help="Only components of this kind.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@click.option("--strict", is_flag=True, help="Exit with 1 if a component cannot be loaded.")
def list_plugins(kind: str | None, as_json: bool, strict: bool) -> None:
    """List the installed components: where from, of which kind, what they are."""
    with _errors_in_one_line():
        rows = _listing(kind)
        if as_json:
            click.echo(json.dumps(rows, indent=2))
        else:
            _print_listing(rows)
        if strict and any(row["error"] for row in rows):
            sys.exit(1)


def _listing(kind: str | None) -> list[dict[str, str | None]]:
    from neurokit.hooks import offered_hooks
    from neurokit.kinds import KINDS
    from neurokit.registry import first_line, installed

    kinds = [*KINDS, "hook"]
    if kind is not None and kind not in kinds:
        raise click.UsageError(f"there is no kind '{kind}'; there are {', '.join(kinds)}")
    registry = installed()
    rows = []
    offers: list[tuple[str, Any, Callable[[], Any]]] = [
        (offer.kind, offer, partial(registry.load, offer)) for offer in registry.offers
    ]
    offers += [("hook", offer, offer.load) for offer in offered_hooks()]
    for its_kind, offer, load in offers:
        if kind not in (None, its_kind):
            continue
        summary, error = "", None
        try:
            loaded = load()
            documented = isinstance(loaded, type | ModuleType)
            summary = first_line(loaded if documented else type(loaded))
        except NeurokitError as problem:
            error = str(problem)
        rows.append(
            {
                "kind": its_kind,
                "name": offer.name,
                "package": offer.distribution,
                "version": offer.version,
                "summary": summary,
                "error": error,
            }
        )
    return rows


def _print_listing(rows: list[dict[str, str | None]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("kind", "name", "package"):
        table.add_column(column, no_wrap=True)
    table.add_column("what it is")
    for row in rows:
        summary = Text(row["error"], style="red") if row["error"] else Text(row["summary"] or "")
        package = f"{row['package']} {row['version']}"
        table.add_row(Text(row["kind"] or ""), Text(row["name"] or ""), Text(package), summary)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@main.group(epilog=_EPILOG)
def new() -> None:
    """Write the beginning of something of your own."""


@new.command(epilog=_EPILOG)
@click.argument("name")
@click.option(
    "--kind", type=click.Choice([*KINDS, "hook"]), required=True, help="What it is to offer."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where its folder is put; by default here.",
)
def plugin(name: str, kind: str, folder: Path) -> None:
    """Write the package neurokit-NAME, with a component that works and its tests."""
    with _errors_in_one_line():
        from neurokit.scaffold import new_plugin

        written = shlex.quote(str(new_plugin(name, kind, folder)))
        click.echo(f"wrote {written}; install it, and run its tests:\n")
        # A path without a separator could be the name of a distribution.
        place = written if os.sep in written else f".{os.sep}{written}"
        click.echo(f"  pip install --editable {place}")
        click.echo(f"  python -m pytest {written}")


@main.command(epilog=_EPILOG)
@click.argument("name")
@click.option("--kind", help="Where components of several kinds share the name.")
def show(name: str, kind: str | None) -> None:
    """Show the parameters of the component NAME, as a TOML table ready to paste."""
    with _errors_in_one_line():
        from neurokit.listing import described

        click.echo(described(name, kind))
