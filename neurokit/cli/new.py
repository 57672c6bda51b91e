"""`neurokit new`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from neurokit.cli.conventions import EPILOG, errors_in_one_line
from neurokit.kinds import KINDS
from neurokit.printable import printable

_KINDS = (*KINDS, "hook")


@click.group(epilog=EPILOG)
def new() -> None:
    """Write the beginning of something of your own."""


@new.command(epilog=EPILOG, short_help="Write a package that offers a component.")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    metavar="KIND",
    required=True,
    help=f"What it is to offer: {', '.join(_KINDS)}.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where its folder is put; by default here.",
)
def plugin(name: str, kind: str, folder: Path) -> None:
    """Write the package neurokit-NAME, with a component that works and its tests."""
    with errors_in_one_line():
        from neurokit.scaffold import new_plugin

        written = printable(shlex.quote(str(new_plugin(name, kind, folder))))
        click.echo(f"wrote {written}; install it, and run its tests:\n")
        # A path without a separator could be the name of a distribution.
        place = written if os.sep in written else f".{os.sep}{written}"
        click.echo(f"  pip install --editable {place}")
        click.echo(f"  python -m pytest {written}")
