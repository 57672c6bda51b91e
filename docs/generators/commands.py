"""The page of the commands: what `--help` says of each."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from generators.text import Page, code, plain
from neurokit.cli import main
from neurokit.cli.conventions import EPILOG

_WIDTH = 92


def page() -> Page:
    """Every command and what it exits with."""
    made = Page("Commands")
    made.paragraph(plain(main.help or ""))
    for name, command, context in _commands(main, click.Context(main, info_name="neurokit")):
        made.heading(2, code(name))
        made.code("text", command.get_help(context))
    made.heading(2, "Exit status")
    made.table(("status", "meaning"), exit_codes())
    return made


def exit_codes() -> list[tuple[str, str]]:
    """Each exit status, and what it means, as the commands' help says."""
    return [
        (code(status), plain(meaning)) for status, meaning in re.findall(r"(\d+) ([^,.]+)", EPILOG)
    ]


def _commands(
    group: click.Group, parent: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if command is None or command.hidden:
            continue
        context = click.Context(
            command,
            parent,
            info_name=name,
            terminal_width=_WIDTH,
            max_content_width=_WIDTH,
            color=False,
            **command.context_settings,
        )
        yield context.command_path, command, context
        if isinstance(command, click.Group):
            yield from _commands(command, context)
