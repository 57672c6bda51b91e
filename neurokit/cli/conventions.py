"""What all commands share: options, exit codes, and errors in one line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from neurokit.errors import NeurokitError, RecipeError

EPILOG = (
    "Exit status: 0 done, 1 something is missing or failed, 2 a wrong recipe or command, "
    "75 stopped by SIGTERM or SIGUSR1 and saved, 130 interrupted."
)
INTERRUPTED = 130
# What sendmail calls a temporary failure; schedulers take it as "queue this again".
STOPPED = 75

overrides_argument = click.argument("overrides", nargs=-1, metavar="[key.path=value]...")
device_option = click.option("--device", help="auto, cpu, cuda, cuda:1; wins over the recipe.")


@contextmanager
def errors_in_one_line() -> Iterator[None]:
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
        sys.exit(INTERRUPTED)
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


def with_device(overrides: tuple[str, ...], device: str | None) -> list[str]:
    """The overrides, with what `--device` says among them."""
    return [*overrides, *([f"system.device={json.dumps(device)}"] if device else [])]
