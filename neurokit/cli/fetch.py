"""`neurokit fetch`."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurokit.cli.completing import complete_archive
from neurokit.cli.conventions import EPILOG, INTERRUPTED, errors_in_one_line, json_option
from neurokit.errors import NeurokitError
from neurokit.printable import printable

if TYPE_CHECKING:
    from neurokit.fetching import Fetch
    from neurokit.kinds import Archive

_ASKED_ABOVE = 5 * 10**9  # bytes


@click.command(epilog=EPILOG, short_help="Fetch public data, or list what there is.")
@click.argument("name", required=False, shell_complete=complete_archive)
@click.argument("overrides", nargs=-1, metavar="[key=value]...")
@click.option("--list", "listed", is_flag=True, help="Only list what can be fetched.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where to put it; else as the list says."
)
@click.option(
    "--again",
    is_flag=True,
    help="Download anew and replace what is there, except files whose known checksum is right.",
)
@click.option("--yes", is_flag=True, help="Download more than 5 GB without further ado.")
@json_option(
    "a list of what there is; or, of a NAME, with the keys name, folder, files, downloaded, "
    "licence, citation, lacks, commands"
)
def fetch(
    name: str | None,
    overrides: tuple[str, ...],
    listed: bool,
    folder: Path | None,
    again: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Fetch the public data NAME, or list what can be fetched.

    What is there already is checked and not fetched again. An interrupted download goes on where it
    stopped. Plugins can offer more. `neurokit show NAME --kind archive` lists the keys.
    """
    with errors_in_one_line():
        if name is None or listed:
            rows = _rows(name)
            if as_json:
                click.echo(json.dumps(rows, indent=2))
            else:
                _print_rows(rows)
            return
        archive = _archive(name, overrides)
        planned = _planned(name, archive, folder, again, yes)
        try:
            with _told(name):
                planned.carry_out()
        except KeyboardInterrupt:
            kept = "; what has arrived is kept, and the same command goes on"
            click.echo(f"interrupted{kept if planned.has_begun() else ''}", err=True)
            sys.exit(INTERRUPTED)
        if as_json:
            click.echo(json.dumps(_outcome(name, archive, planned), indent=2))
        else:
            _print_outcome(archive, planned)


def _rows(name: str | None) -> list[dict[str, Any]]:
    """What can be fetched; of all that is installed, or of one."""
    from neurokit.registry import first_line, installed

    registry = installed()
    offers = [each for each in registry.offers if each.kind == "archive"]
    if name is not None:
        offers = [registry.find("archive", name)]
    rows = []
    for offer in offers:
        row: dict[str, Any] = {"name": offer.name, "package": offer.origin}
        try:
            archive: Any = registry.load(offer)
        except NeurokitError as error:
            rows.append({**row, "error": str(error)})
            continue
        facts = ("size", "licence", "folder", "page", "citation", "lacks")
        row |= {"what": first_line(archive)} | {key: getattr(archive, key) for key in facts}
        rows.append(row)
    return rows


def _print_rows(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        click.echo(f"{row['name']}  ({row['package']})")
        if "error" in row:
            click.echo(f"  error: {printable(row['error'])}")
            continue
        click.echo(f"  {row['what']}")
        click.echo(f"  {row['size']}, to {row['folder']}")
        click.echo(f"  licence: {row['licence']}")
        click.echo(f"  {row['page']}")
    click.echo("\nfetch one with: neurokit fetch NAME")


def _archive(name: str, overrides: tuple[str, ...]) -> Archive:
    from neurokit.kinds import Archive
    from neurokit.recipe import structure_table
    from neurokit.registry import installed

    installed().find("archive", name)  # which says plainly where there is none
    return structure_table({"use": name}, Archive, name, overrides)  # type: ignore[type-abstract]


def _planned(name: str, archive: Archive, folder: Path | None, again: bool, yes: bool) -> Fetch:
    """What there is to do; announced, and refused where it is much and nobody said yes.

    Announcements are no results, and go to standard error.
    """
    from neurokit.amounts import in_words
    from neurokit.fetching import plan_fetch

    with _told(name):
        planned = plan_fetch(archive, folder or Path(archive.folder), again)
    if not planned.files:
        return planned
    count = len(planned.files)
    files = f"{count:,} files" if count > 1 else planned.files[0].path
    there = planned.count - count
    known = f", {there:,} are there" if there else ""
    begun = f", {in_words(planned.kept)} have arrived before" if planned.kept else ""
    amount = in_words(planned.size) if planned.size else archive.size
    what = f"{files}, {amount}{begun}{known}, to {planned.folder}"
    if planned.size > _ASKED_ABOVE and not yes:
        raise NeurokitError(f"{name} is {what}; to download that, add --yes")
    click.echo(f"fetching {name}: {printable(what)}", err=True)
    return planned


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Show how far work is, and what it warns of, on standard error."""
    from neurokit.observers.bar import Bar, say, standard_error
    from neurokit.progress import listening

    console = standard_error()
    bar: Bar | None = None

    def show(what: str, done: int, total: int) -> None:
        nonlocal bar
        bar = bar or Bar(console, name, rates=True)
        bar.update(what, done, total)

    handler = logging.Handler()
    handler.emit = lambda record: say(console, printable(record.getMessage()))  # type: ignore[method-assign]
    log = logging.getLogger("neurokit.fetching")
    log.addHandler(handler)
    try:
        with listening(show):
            yield
    finally:
        log.removeHandler(handler)
        if bar is not None:
            bar.close()


def _outcome(name: str, archive: Archive, planned: Fetch) -> dict[str, Any]:
    return {
        "name": name,
        "folder": str(planned.folder),
        "files": [str(planned.folder / each) for each in archive.contents],
        "downloaded": len(planned.files),
        "licence": archive.licence,
        "citation": archive.citation,
        "lacks": archive.lacks,
        "commands": dict(archive.commands),
    }


def _print_outcome(archive: Archive, planned: Fetch) -> None:
    there = "" if planned.files else "everything is there already, and nothing was downloaded: "
    click.echo(f"{there}{printable(planned.folder)}")
    for each in archive.contents:
        click.echo(f"  {printable(each)}")
    click.echo(f"\nlicence  {archive.licence}\ncite     {archive.citation}")
    if archive.lacks:
        click.echo(f"\n{archive.lacks}")
    if archive.commands and planned.folder != Path(archive.folder):
        here = printable(planned.folder)
        click.echo(f"\nThe commands below are for {archive.folder}; here it is {here}.")
    for what, command in archive.commands.items():
        click.echo(f"\n{what}:\n  {command}")
