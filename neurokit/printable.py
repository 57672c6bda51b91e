"""Printable: names of files, volumes and packages as a terminal may be shown them.

Such a name may hold line breaks, which tear tables and lines apart, and control codes, by which a
terminal would act. Whatever prints what it has not written itself makes it printable here.
"""

from __future__ import annotations

import unicodedata

# Control codes, marks that turn the direction of text, halves of characters, ends of lines.
_WRITTEN_OUT = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: object) -> str:
    """A text on one line; what would not show as it is is written out, as in `\\n` and `\\x1b`."""
    return "".join(map(_shown, str(text)))


def printable_lines(text: object) -> str:
    """Likewise, but of several lines; their ends stay."""
    return "\n".join(map(printable, str(text).split("\n")))


def _shown(character: str) -> str:
    plain = character.isascii() and character.isprintable()
    if plain or unicodedata.category(character) not in _WRITTEN_OUT:
        return character
    return character.encode("unicode_escape").decode("ascii")
