"""The command line, a module a command; nothing else prints to standard output.

Imports of torch and of components happen inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import os

import click

from neurokit.cli.check import check
from neurokit.cli.compare import compare
from neurokit.cli.completion import completion
from neurokit.cli.conventions import EPILOG
from neurokit.cli.doctor import doctor
from neurokit.cli.export import export
from neurokit.cli.fetch import fetch
from neurokit.cli.list_plugins import list_plugins
from neurokit.cli.new import new
from neurokit.cli.order import Ordered
from neurokit.cli.report import report
from neurokit.cli.run import run
from neurokit.cli.show import show
from neurokit.cli.view import view


@click.group(cls=Ordered, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="neurokit")
def main() -> None:
    """From an electron-microscopy volume to one instance per neuron."""
    # Threads that wait by spinning slow each other down several times on a machine that is shared.
    # OpenMP reads this once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


for command in (
    fetch,
    run,
    report,
    view,
    doctor,
    compare,
    check,
    show,
    list_plugins,
    new,
    export,
    completion,
):
    main.add_command(command)
