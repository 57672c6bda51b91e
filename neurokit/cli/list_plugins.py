"""`neurokit list-plugins`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import click

from neurokit.cli.completing import complete_kind
from neurokit.cli.conventions import EPILOG, errors_in_one_line, json_option, require_kind
from neurokit.errors import NeurokitError


@click.command("list-plugins", epilog=EPILOG, short_help="List the installed components.")
@click.option(
    "--kind", metavar="KIND", help="Only what is of this kind.", shell_complete=complete_kind
)
@json_option("a list with the keys kind, name, package, version, summary and error")
@click.option("--strict", is_flag=True, help="Exit with 1 if a component cannot be loaded.")
def list_plugins(kind: str | None, as_json: bool, strict: bool) -> None:
    """List the installed components: where from, of which kind, what they are.

    Trained networks that come with a package are listed, too: their kind is `weights`, and
    --checkpoint takes their names.
    """
    with errors_in_one_line():
        require_kind(kind)
        rows = _listing(kind)
        if as_json:
            click.echo(json.dumps(rows, indent=2))
        else:
            _print_listing(rows)
        if strict and any(row["error"] for row in rows):
            sys.exit(1)


def _listing(kind: str | None) -> list[dict[str, str | None]]:
    rows = []
    for offer, summarize in _offers(kind):
        summary, error = "", None
        try:
            summary = summarize()
        except NeurokitError as problem:
            error = str(problem)
        rows.append(
            {
                "kind": offer.kind,
                "name": offer.name,
                "package": offer.distribution,
                "version": offer.version,
                "summary": summary,
                "error": error,
            }
        )
    return rows


def _offers(kind: str | None) -> Iterator[tuple[Any, Callable[[], str]]]:
    """What is installed of a kind, or of all, each with what tells in a line what it is.

    Only components and hooks are imported for that.
    """
    from neurokit.shipped import offered_weights

    if kind != "weights":
        from neurokit.registry import installed

        for offer in installed().offers:
            if kind in (None, offer.kind):
                yield offer, partial(_first_line, partial(installed().load, offer))
    if kind in (None, "hook"):
        from neurokit.hooks import offered_hooks

        for hook in offered_hooks():
            yield hook, partial(_first_line, hook.load)
    if kind in (None, "weights"):
        for weights in offered_weights():
            yield weights, weights.title


def _first_line(load: Callable[[], Any]) -> str:
    from neurokit.registry import first_line

    loaded = load()
    return first_line(loaded if isinstance(loaded, type | ModuleType) else type(loaded))


def _print_listing(rows: list[dict[str, str | None]]) -> None:
    from rich.text import Text

    from neurokit.cli.tables import print_table

    lines = []
    for row in rows:
        summary = Text(row["error"], style="red") if row["error"] else Text(row["summary"] or "")
        package = Text(f"{row['package']} {row['version']}")
        lines.append((Text(row["kind"] or ""), [Text(row["name"] or ""), package, summary]))
    print_table("kind", [Text("name"), Text("package"), Text("what it is")], lines)
