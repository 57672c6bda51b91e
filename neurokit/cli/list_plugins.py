"""`neurokit list-plugins`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import click

from neurokit.cli.completing import complete_kind
from neurokit.cli.conventions import EPILOG, errors_in_one_line, json_option
from neurokit.errors import NeurokitError


@click.command("list-plugins", epilog=EPILOG, short_help="List the installed components.")
@click.option("--kind", help="Only components of this kind.", shell_complete=complete_kind)
@json_option("a list with the keys kind, name, package, version, summary and error")
@click.option("--strict", is_flag=True, help="Exit with 1 if a component cannot be loaded.")
def list_plugins(kind: str | None, as_json: bool, strict: bool) -> None:
    """List the installed components: where from, of which kind, what they are."""
    with errors_in_one_line():
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
    from rich.text import Text

    from neurokit.cli.tables import print_table

    lines = []
    for row in rows:
        summary = Text(row["error"], style="red") if row["error"] else Text(row["summary"] or "")
        package = Text(f"{row['package']} {row['version']}")
        lines.append((Text(row["kind"] or ""), [Text(row["name"] or ""), package, summary]))
    print_table("kind", [Text("name"), Text("package"), Text("what it is")], lines)
