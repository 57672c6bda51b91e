"""`neurokit doctor`."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

from neurokit.cli.conventions import EPILOG, errors_in_one_line, json_option
from neurokit.printable import printable

if TYPE_CHECKING:
    from neurokit.doctor import Line

_COLOURS = {"ok": "green", "warning": "yellow", "broken": "red"}
_NAME, _MARK = 14, 8


@click.command(epilog=EPILOG, short_help="Check this machine and installation.")
@json_option("a list with the keys name, state, what, advice")
@click.option("--no-disk", is_flag=True, help="Do not measure the disk, which writes 128 MiB.")
def doctor(as_json: bool, no_disk: bool) -> None:
    """Check this machine and installation, a line each, and say what to do.

    Put its output into bug reports; it holds no secrets. Where neurokit has not decoded before, it
    compiles for half a minute. Exits with 1 if something is broken that neurokit needs.
    """
    with errors_in_one_line():
        from neurokit.doctor import ALL, DISK, examine

        lines = []
        for line in examine(check for check in ALL if not (no_disk and check is DISK)):
            lines.append(line)
            if not as_json:
                _print_line(line)
        if as_json:
            _print_json(lines)
        else:
            click.echo(f"\n{_in_words(lines)}")
        if any(line.state == "broken" for line in lines):
            sys.exit(1)


def _print_line(line: Line) -> None:
    mark = f"{line.state:{_MARK}}"
    if "NO_COLOR" not in os.environ:
        mark = click.style(mark, fg=_COLOURS[line.state])
    click.echo(f"{mark} {line.name:{_NAME}} {printable(line.what)}")
    if line.advice:
        click.echo(f"{'':{_MARK + _NAME + 2}}-> {printable(line.advice)}")


def _print_json(lines: list[Line]) -> None:
    import attrs

    click.echo(json.dumps([attrs.asdict(line) for line in lines], indent=2))


def _in_words(lines: list[Line]) -> str:
    broken, warnings = (
        sum(line.state == state for line in lines) for state in ("broken", "warning")
    )
    if broken:
        return f"{broken} broken: neurokit does not work until that is mended"
    if warnings:
        return f"neurokit works; {warnings} warning{'s' if warnings > 1 else ''}"
    return "neurokit works"
