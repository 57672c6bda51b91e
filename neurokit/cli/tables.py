"""Tables of text: aligned, as wide as the terminal, and in a pipe one line a row."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from neurokit.printable import printable

# A cell of a terminal's table is wrapped where it is wider.
_WIDEST_CELL = 40
_BETWEEN = 2
_ENDLESS = 100_000

Rows = Sequence[tuple[Text, Sequence[Text]]]
"""The name and the cells of each row."""


def print_table(corner: str, columns: Sequence[Text], rows: Rows, *, apart: bool = False) -> None:
    """Print a table to standard output; what would not show as it is, is written out.

    Args:
        corner: what the names of the rows are.
        columns: the names of the columns.
        rows: each with a cell for each column.
        apart: print what is too wide for a terminal in several parts; else its cells are wrapped.
    """
    columns = list(map(_printable, columns))
    rows = [(_printable(name), list(map(_printable, cells))) for name, cells in rows]
    console = _console()
    width = console.width if apart else _ENDLESS
    for number, part in enumerate(_parts(width, [Text(printable(corner)), *columns], rows)):
        head = box.SIMPLE_HEAD if _on_terminal() else None
        # Between columns that box puts a space of its own.
        padding = (0, _BETWEEN - (head is not None), 0, 0)
        table = Table(box=head, pad_edge=False, show_edge=False, padding=padding)
        table.add_column(Text(printable(corner)), overflow="fold")
        for place in part:
            table.add_column(columns[place], overflow="fold")
        for name, cells in rows:
            table.add_row(name, *(cells[place] for place in part))
        with console.capture() as captured:
            console.print(table)
        if number:
            click.echo()
        for line in captured.get().splitlines():
            click.echo(line.rstrip(), color=True)  # the console knows whether there may be colour


def _printable(text: Text) -> Text:
    return Text(printable(text.plain), style=text.style)


def _console() -> Console:
    """Standard output, whose text is printed as it is; in a pipe no line is broken."""
    width = None if _on_terminal() else _ENDLESS
    return Console(width=width, highlight=False, markup=False, emoji=False)


def _on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()  # None where it was closed


def _parts(width: int, heads: Sequence[Text], rows: Rows) -> Iterator[list[int]]:
    """The places of the columns that fit beside the names of the rows, part by part."""
    named = _width(heads[0], [name for name, _ in rows])
    part: list[int] = []
    left = width - named
    for place, head in enumerate(heads[1:]):
        wanted = _BETWEEN + _width(head, [cells[place] for _, cells in rows])
        if part and wanted > left:
            yield part
            part, left = [], width - named
        part.append(place)
        left -= wanted
    if part:
        yield part


def _width(head: Text, cells: Sequence[Text]) -> int:
    return min(_WIDEST_CELL, max(each.cell_len for each in [head, *cells]))
