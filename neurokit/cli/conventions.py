"""What all commands share: options, exit codes, and errors in one line.

The exit code is 2 where what was typed, or the recipe, is wrong by itself; 1 where what it names is
not there or does not fit, or the work fails.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from neurokit.cli.completing import LISTED_KINDS, complete_override
from neurokit.errors import NeurokitError, RecipeError
from neurokit.printable import printable, printable_lines

if TYPE_CHECKING:
    from neurokit.schema import Recipe

Command = TypeVar("Command", bound=Callable[..., Any])

EPILOG = (
    "Exit status: 0 done, 1 something is missing or failed, 2 a wrong recipe or command, "
    "75 stopped by SIGTERM or SIGUSR1 and saved, 130 interrupted."
)
INTERRUPTED = 130
# What sendmail calls a temporary failure; schedulers take it as "queue this again".
STOPPED = 75

overrides_argument = click.argument(
    "overrides", nargs=-1, metavar="[key.path=value]...", shell_complete=complete_override
)
device_option = click.option("--device", help="auto, cpu, cuda, cuda:1; wins over the recipe.")


def json_option(shape: str) -> Callable[[Command], Command]:
    """The option `--json`, given to a command as `as_json`.

    Args:
        shape: what the document holds, for the help.
    """
    words = f"For scripts: print one JSON document and nothing else, {shape}."
    return click.option("--json", "as_json", is_flag=True, help=words)


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Print what a user can mend as it is, without a traceback, and exit with its code."""
    try:
        yield
        if sys.stdout is not None:  # it may be closed
            sys.stdout.flush()
    except RecipeError as error:
        # Of several processes, all find the same.
        for problem in error.problems if os.environ.get("RANK", "0") == "0" else ():
            click.echo(f"error: {printable_lines(problem)}", err=True)
        sys.exit(error.exit_code)
    except NeurokitError as error:
        if not _passed_on(error):
            click.echo(f"error: {printable_lines(error)}", err=True)
        sys.exit(error.exit_code)
    except click.UsageError as error:
        click.echo(f"error: {printable(error.format_message())}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if _is_full(error):
            # What is left to write would fail again when Python closes the output.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            click.echo(f"error: the output cannot be written: {printable(error)}", err=True)
        elif not _passed_on(error):
            raise
        sys.exit(1)


def _is_full(error: Exception) -> bool:
    """Whether it is standard output that finds no space; files have errors of their own."""
    return isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None


def _passed_on(error: Exception) -> bool:
    """Whether the process that launched this one is told, and prints the error of all."""
    if "TORCHELASTIC_ERROR_FILE" not in os.environ:
        return False
    from neurokit.distributed import report_failure

    return report_failure(error)


def require_kind(kind: str | None) -> None:
    """Refuse what is not the name of a kind.

    Raises:
        UsageError: it is none.
    """
    if kind is not None and kind not in LISTED_KINDS:
        raise click.UsageError(f"there is no kind '{kind}'; there are {', '.join(LISTED_KINDS)}")


def loaded_recipe(recipe: str, overrides: Sequence[str]) -> Recipe:
    """The recipe of a command line.

    Raises:
        RecipeError: as of `load_recipe`; where there is no such file, with one that may be meant.
    """
    from neurokit.recipe import load_recipe
    from neurokit.shipped import nearest_recipes

    try:
        return load_recipe(recipe, overrides)
    except RecipeError as error:
        first = error.problems[0]
        # Problems inside a recipe begin with its path and a line.
        missing = first.startswith(f"{recipe}: ") and not Path(recipe).exists()
        near = nearest_recipes(recipe) if missing else []
        if not near:
            raise
        raise RecipeError([f"{first}; did you mean {' or '.join(near)}?"]) from None


def with_device(overrides: tuple[str, ...], device: str | None) -> list[str]:
    """The overrides, with what `--device` says among them."""
    return [*overrides, *([f"system.device={json.dumps(device)}"] if device else [])]
