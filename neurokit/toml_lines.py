"""On which line of a TOML file each key stands, for error messages.

`tomllib` reads values without their places. This reads places without values, from text that
`tomllib` has already found to be valid.
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]

_KEY_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = rf"{_KEY_PART}(?:\s*\.\s*{_KEY_PART})*"
_TABLE = re.compile(rf"\s*\[\s*(?P<key>{_KEY})\s*\]\s*(?:#.*)?$")
_TABLE_OF_ARRAY = re.compile(rf"\s*\[\[\s*(?P<key>{_KEY})\s*\]\]\s*(?:#.*)?$")
_PAIR = re.compile(rf"\s*(?P<key>{_KEY})\s*=(?P<value>.*)$")


def key_lines(text: str) -> dict[Path, int]:
    """The line, from 1, of every table and key of a valid TOML text, by its path.

    Keys inside inline tables and arrays are not listed; their line is that of the key before.
    """
    lines: dict[Path, int] = {}
    entries: dict[Path, int] = {}
    table: Path = ()
    waiting = ""  # the lines so far of a value that is not complete yet
    # Not splitlines: that also breaks at characters which TOML takes for part of a string.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if waiting:
            waiting = _rest(f"{waiting}\n{line}")
        elif match := _TABLE_OF_ARRAY.match(line):
            array = _resolved(_parts(match["key"]), entries)
            entries[array] = entries.get(array, -1) + 1
            table = (*array, entries[array])
            lines.setdefault(array, number)
            lines[table] = number
        elif match := _TABLE.match(line):
            table = _resolved(_parts(match["key"]), entries)
            for depth in range(1, len(table) + 1):
                lines.setdefault(table[:depth], number)
        elif match := _PAIR.match(line):
            parts = _parts(match["key"])
            for depth in range(1, len(parts) + 1):
                lines.setdefault((*table, *parts[:depth]), number)
            waiting = _rest(match["value"])
    return lines


def _rest(value: str) -> str:
    """A value's text while more lines belong to it, else nothing."""
    try:
        tomllib.loads(f"value = {value}\n")
    except tomllib.TOMLDecodeError:
        return value
    return ""


def _parts(key: str) -> Path:
    return tuple(next(iter(tomllib.loads(f"{part} = 0"))) for part in re.findall(_KEY_PART, key))


def _resolved(parts: Path, entries: dict[Path, int]) -> Path:
    """A header's path; one through an array of tables means its latest entry."""
    path: Path = ()
    for index, part in enumerate(parts):
        path = (*path, part)
        if path in entries and index < len(parts) - 1:
            path = (*path, entries[path])
    return path
