"""`neurokit show`."""

from __future__ import annotations

import json

import click

from neurokit.cli.completing import complete_component, complete_kind
from neurokit.cli.conventions import EPILOG, errors_in_one_line, json_option, require_kind
from neurokit.printable import printable_lines


@click.command(epilog=EPILOG, short_help="Show the parameters of a component, or a card.")
@click.argument("name", shell_complete=complete_component)
@click.option(
    "--kind",
    metavar="KIND",
    help="Where components of several kinds share the name.",
    shell_complete=complete_kind,
)
@json_option(
    "with the keys kind, name, package, version, documentation and parameters, a list with the "
    "keys key, help, type, range, required and default"
)
def show(name: str, kind: str | None, as_json: bool) -> None:
    """Show the parameters of the component NAME, as a TOML table ready to paste.

    Of weights that come with a package, such as fib25_cpu, show the model card: what they were
    trained on, how they score, and what they must not be used for.
    """
    with errors_in_one_line():
        require_kind(kind)
        from neurokit.listing import component_table, described

        if as_json:
            click.echo(json.dumps(component_table(name, kind), indent=2))
        else:
            click.echo(printable_lines(described(name, kind)))
