"""`neurokit show`."""

from __future__ import annotations

import click

from neurokit.cli.conventions import EPILOG, errors_in_one_line


@click.command(epilog=EPILOG)
@click.argument("name")
@click.option("--kind", help="Where components of several kinds share the name.")
def show(name: str, kind: str | None) -> None:
    """Show the parameters of the component NAME, as a TOML table ready to paste."""
    with errors_in_one_line():
        from neurokit.listing import described

        click.echo(described(name, kind))
