"""`neurokit export`."""

from __future__ import annotations

from pathlib import Path

import click

from neurokit.cli.completing import complete_weights
from neurokit.cli.conventions import EPILOG, errors_in_one_line
from neurokit.printable import printable

_SUFFIX = ".safetensors"


@click.command(epilog=EPILOG, short_help="Make a trained network a file for others.")
@click.argument(
    "source",
    metavar="RUN_OR_CHECKPOINT",
    type=click.Path(path_type=Path),
    shell_complete=complete_weights,
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The file to write: NAME.safetensors; the card becomes NAME.md.",
)
@click.option("--title", default="", help="What it is; by default the recipe's name.")
@click.option("--licence", default="", help="Under which others may use it, such as CC-BY-4.0.")
@click.option(
    "--credit", default="", help="Whose data it learnt from, and under which licence that is."
)
def export(source: Path, out: Path, title: str, licence: str, credit: str) -> None:
    """Make a trained network a file that others can use.

    Of the folder of a run, its last checkpoint is taken. The file holds the weights as inference
    uses them, and what is needed to use them: network, channels, decoder, voxel size. A model card
    in Markdown is written beside it, filled from the run: data, recipe, scores. Read it before you
    pass it on.

    Use the file with `neurokit run RECIPE --mode test --checkpoint NAME.safetensors`, or in Python
    as `neurokit.segment(image, weights="NAME.safetensors", ...)`.
    """
    with errors_in_one_line():
        if out.suffix != _SUFFIX:
            raise click.UsageError(f"--out is '{out}'; it must end in {_SUFFIX}")
        from neurokit.weights import export as export_weights

        written = export_weights(source, out, title=title, licence=licence, credit=credit)
        click.echo(printable(written.weights))
        click.echo(printable(written.card))
