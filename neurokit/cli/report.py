"""`neurokit report`."""

from __future__ import annotations

from pathlib import Path

import click

from neurokit.cli.completing import complete_run
from neurokit.cli.conventions import EPILOG, errors_in_one_line
from neurokit.printable import printable


@click.command(epilog=EPILOG, short_help="Write the report of a run anew.")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=complete_run)
@click.option(
    "--without-data",
    is_flag=True,
    help="Write it also where data is missing, without that data's pictures and mistakes.",
)
def report(run: Path, without_data: bool) -> None:
    """Write report.html of the run in the folder RUN anew, and print where it lies.

    Every run writes it at its end: scores and how they were computed, pictures in three planes, the
    worst merges and splits, curves, time and memory, the recipe and versions. It is one file, which
    loads nothing from anywhere. A run that fails or is stopped says there how it ended and how to
    go on; it leaves out pictures and mistakes, which this command adds. They need the data that the
    recipe names; paths in it are relative to where you are. Where data is missing, a report that is
    there already is left as it is.
    """
    with errors_in_one_line():
        from neurokit.errors import NeurokitError
        from neurokit.reporting.data import missing_data
        from neurokit.reporting.page import REPORT, write_report

        missing = missing_data(run)
        for name, why in missing.items():
            if (run / REPORT).exists() and not without_data:
                raise NeurokitError(
                    f"the data of {name} is missing: {why}; {run / REPORT} is left as it is, and "
                    f"--without-data writes it without pictures and mistakes"
                )
            told = printable(f"warning: the data of {name} is missing: {why}")
            click.echo(told, err=True)
        click.echo(printable(write_report(run)))
