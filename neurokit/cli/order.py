"""The order of the commands: as a person comes to need them, not by the alphabet."""

from __future__ import annotations

import click

SECTIONS = {
    "From data to neurons": ("fetch", "run", "report", "view", "compare"),
    "Before a run": ("check", "show", "list-plugins"),
    "Of your own": ("new", "export"),
    "This machine": ("doctor", "completion"),
}


class Ordered(click.Group):
    """A group that lists its commands under headings."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command; those without a heading come last."""
        placed = [name for names in SECTIONS.values() for name in names]
        known = super().list_commands(ctx)
        return [name for name in placed if name in known] + sorted(set(known) - set(placed))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each heading and what its commands do."""
        names = self.list_commands(ctx)
        rest = [name for name in names if all(name not in each for each in SECTIONS.values())]
        # Of all sections the descriptions begin in the same column.
        width = max(map(len, names))
        limit = formatter.width - 6 - width
        for heading, listed in {**SECTIONS, "Other commands": rest}.items():
            rows = [
                (name.ljust(width), command.get_short_help_str(limit))
                for name in listed
                if name in names and (command := self.get_command(ctx, name)) is not None
            ]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
