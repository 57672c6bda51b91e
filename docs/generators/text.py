"""Markdown made from docstrings, tables and values."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

_SECTIONS = {
    "Args": "Arguments",
    "Attributes": "Attributes",
    "Raises": "Raises",
    "Returns": "Returns",
    "Warns": "Warns",
    "Yields": "Yields",
}


class Page:
    """A page of Markdown that grows from top to bottom.

    Args:
        title: its first heading.
    """

    def __init__(self, title: str) -> None:
        self._blocks = [f"# {title}"]

    def text(self) -> str:
        """The page."""
        return "\n\n".join(self._blocks) + "\n"

    def heading(self, level: int, title: str, label: str = "") -> None:
        """A heading; with a label, other pages can link to it wherever it stands."""
        self._blocks.append(
            f"({label})=\n{'#' * level} {title}" if label else f"{'#' * level} {title}"
        )

    def paragraph(self, markdown: str) -> None:
        """Text that is Markdown already."""
        self._blocks.append(markdown)

    def documentation(self, docstring: str | None) -> None:
        """A docstring."""
        self._blocks += from_docstring(docstring or "")

    def code(self, language: str, text: str) -> None:
        """Text as it is."""
        self._blocks.append(fenced(language, text))

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table of Markdown cells; none where there are no rows."""
        rows = list(rows)
        if rows:
            lines = [header, ["---"] * len(header), *rows]
            self._blocks.append("\n".join(f"| {' | '.join(line)} |" for line in lines))

    def contents(self, caption: str, pages: Sequence[str]) -> None:
        """The pages below this one."""
        options = [":maxdepth: 1", *([f":caption: {caption}"] if caption else [])]
        self._blocks.append("\n".join(["```{toctree}", *options, "", *pages, "```"]))


def fenced(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def code(text: str) -> str:
    """Text as code within a line, in a table, too."""
    fence = "``" if "`" in text else "`"
    padding = " " if "`" in text else ""
    return f"{fence}{padding}{text}{padding}{fence}".replace("|", "\\|")


def plain(text: str) -> str:
    """Text of a docstring within a line: what stands between backticks stays code.

    Everything else that Markdown would read as a sign is escaped.
    """
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(
        part.replace("|", "\\|")
        if part.startswith("`")
        else re.sub(r"([\\*_<>\[\]{}$|#])", r"\\\1", part)
        for part in parts
    )


def from_docstring(docstring: str) -> list[str]:
    """The blocks of a docstring: paragraphs, lists of arguments, and drawings after `::`."""
    blocks: list[str] = []
    drawing = False
    for chunk in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        if chunk.lstrip().startswith(">>> "):
            blocks.append(fenced("python", inspect.cleandoc("\n" + chunk)))
            continue
        if drawing and chunk.startswith(" "):
            # Paragraphs of one drawing stay together.
            body = inspect.cleandoc("\n" + chunk)
            blocks.append(fenced("text", body))
            continue
        drawing = chunk.rstrip().endswith("::")
        head, _, body = chunk.partition("\n")
        if head.rstrip(":") in _SECTIONS and head.endswith(":"):
            blocks += [f"**{_SECTIONS[head.rstrip(':')]}**", _described(body)]
        elif drawing and "\n    " in chunk:
            blocks.append(plain(chunk))
        elif chunk.strip() != "::":
            lead = re.sub(r"::$", ":", chunk.rstrip())
            words, indented = _split_drawing(lead)
            blocks.append(plain(words))
            if indented:
                blocks.append(fenced("text", indented))
    return [block for block in blocks if block]


def _split_drawing(chunk: str) -> tuple[str, str]:
    """A paragraph, and the indented lines that follow it without an empty one between."""
    lines = chunk.splitlines()
    stop = next((index for index, line in enumerate(lines) if line.startswith("    ")), len(lines))
    return "\n".join(lines[:stop]), inspect.cleandoc("\n" + "\n".join(lines[stop:]))


def _described(body: str) -> str:
    """The lines `name: text` of a section as a list; a text that names nothing as it is."""
    entries: list[str] = []
    for line in inspect.cleandoc("\n" + body).splitlines():
        if line.startswith(" ") and entries:
            entries[-1] += " " + line.strip()
        else:
            entries.append(line.strip())
    named = [re.fullmatch(r"([\w*, .]+?): (.+)", entry) for entry in entries]
    if not all(named):
        return plain(" ".join(entries))
    return "\n".join(f"- {code(each[1])}: {plain(each[2])}" for each in named if each)
