"""`neurokit compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurokit.cli.completing import complete_run
from neurokit.cli.conventions import EPILOG, errors_in_one_line, json_option
from neurokit.printable import printable

if TYPE_CHECKING:
    from rich.text import Text

    from neurokit.comparing import Comparison, Line

# With more runs than this, each is a row instead of a column.
_COLUMNS = 3


@click.command(epilog=EPILOG, short_help="Set recipes and scores of runs side by side.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", shell_complete=complete_run)
@click.option("--html", type=click.Path(path_type=Path), help="Write a page to this file, too.")
@json_option(
    "with the keys runs, recipe (what differs), equal (how many values do not), scores, "
    "environment and warnings"
)
def compare(runs: tuple[str, ...], html: Path | None, as_json: bool) -> None:
    """Compare runs: what differs in their recipes, and their scores side by side.

    RUN is the folder of a run, of which the latest test counts; with @STEP behind it, the test of
    that step. The folder of a recipe, such as outputs/demo, means its latest run; where it is the
    only RUN, all its runs.

    Of the recipes only what differs is shown. The best value of each metric is marked with a star,
    where the metric says which way is better and the values can be compared. Scores are marked as
    no test where the volume was trained on, or the settings were chosen on it.
    """
    with errors_in_one_line():
        from neurokit.comparing import compare, find_runs

        found = compare(find_runs(runs))
        if html is not None:
            from neurokit.comparing.page import write_page

            write_page(found, html)
        if as_json:
            click.echo(json.dumps(found.to_table(), indent=2))
        else:
            _print(found)
            if html is not None:
                click.echo(f"\nwrote {printable(html)}")


def _print(found: Comparison) -> None:
    from rich.text import Text

    from neurokit.cli.tables import print_table
    from neurokit.comparing import conclusion, sections

    runs = [run.label for run in found.runs]
    for section in sections(found):
        names = [Text(line.name, style="dim" if line.minor else "") for line in section.lines]
        cells = [_cells(line) for line in section.lines]
        click.echo()
        if len(runs) <= _COLUMNS:
            print_table(section.title, list(map(Text, runs)), list(zip(names, cells, strict=True)))
        else:
            turned = [
                (Text(run), [each[place] for each in cells])
                for place, run in enumerate(runs)
                if section.tells_of(place)
            ]
            print_table(section.title, names, turned, apart=True)
    click.echo(f"\n{conclusion(found)}")
    for warning in found.warnings:
        click.echo(f"warning: {printable(warning)}", err=True)


def _cells(line: Line) -> list[Text]:
    """The cells of a line; where one is marked, the others keep the mark's place free."""
    from rich.text import Text

    room = " " if line.best else ""
    return [
        Text(f"{cell}*", style="bold green")
        if place in line.best
        else Text(f"{cell}{room}", style="dim" if line.minor else "")
        for place, cell in enumerate(line.cells)
    ]
