"""`neurokit report`."""

from __future__ import annotations

from pathlib import Path

import click

from neurokit.cli.completing import complete_run
from neurokit.cli.conventions import EPILOG, errors_in_one_line


@click.command(epilog=EPILOG, short_help="Write the report of a run anew.")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=complete_run)
def report(run: Path) -> None:
    """Write report.html of the run in the folder RUN anew, and print where it lies.

    Every run writes it at its end: scores and how they were computed, pictures in three planes, the
    worst merges and splits, curves, time and memory, the recipe and versions. It is one file, which
    loads nothing from anywhere. Pictures and mistakes need the data that the recipe names; paths in
    it are relative to where you are.
    """
    with errors_in_one_line():
        from neurokit.reporting.page import write_report

        click.echo(write_report(run))
