"""Checks the built pages: nothing is loaded from elsewhere, and links within them lead somewhere.

`python docs/check_built.py docs/_build/html` prints what is wrong, a line each, and exits with 1;
or prints the addresses outside that pages link to, which a reader may follow and nothing loads.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADS = {
    ("img", "src"),
    ("img", "srcset"),
    ("script", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
    ("video", "src"),
    ("audio", "src"),
    ("embed", "src"),
    ("object", "data"),
    ("use", "href"),
}
# What a page says of itself by <link>, and no browser loads.
_SAID = {"next", "prev", "index", "search", "canonical", "up"}
_IN_STYLE = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")


class _Page(HTMLParser):
    """What a page loads, links to, and can be linked to within it."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._style = tag == "style"
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        said = tag == "link" and set(given.get("rel", "").split()) <= _SAID
        for name, value in given.items():
            if (tag, name) in _LOADS:
                (self.links if said else self.loads).append(value)
            if name == "style":
                self.loads += _in_style(value)

    def handle_endtag(self, tag: str) -> None:
        self._style = self._style and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._style:
            self.loads += _in_style(data)


def _in_style(text: str) -> list[str]:
    return [first or second for first, second in _IN_STYLE.findall(text)]


@cache
def _page(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def problems(folder: Path) -> Iterator[str]:
    """Everything that is wrong with the pages below a folder, a line each."""
    for path in sorted(folder.rglob("*.html")):
        page, name = _page(path), path.relative_to(folder)
        for address in page.loads:
            if _outside(address):
                yield f"{name}: loads {address}"
            elif not address.startswith(("data:", "#")) and not _target(path, address).exists():
                yield f"{name}: loads {address}, which is not there"
        for address in page.links:
            yield from (f"{name}: {problem}" for problem in _broken(path, address))
    for path in sorted(folder.rglob("*.css")):
        for address in _in_style(path.read_text(encoding="utf-8")):
            if _outside(address):
                yield f"{path.relative_to(folder)}: loads {address}"


def outside(folder: Path) -> list[str]:
    """The addresses outside that pages link to."""
    links = {link for path in folder.rglob("*.html") for link in _page(path).links}
    return sorted(filter(_outside, links))


def _broken(path: Path, address: str) -> Iterator[str]:
    if _outside(address) or urlsplit(address).scheme in ("mailto", "data"):
        return
    target, anchor = _target(path, address), unquote(urlsplit(address).fragment)
    if not target.exists():
        yield f"links to {address}, which is not there"
    elif anchor and target.suffix == ".html" and anchor not in _page(target).anchors:
        yield f"links to {address}, and the page has no such place"


def _target(path: Path, address: str) -> Path:
    """The file that an address means on the page at `path`."""
    place = unquote(urlsplit(address).path)
    return (path.parent / place).resolve() if place else path


def _outside(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme in ("http", "https")


def main(folder: Path) -> int:
    """Print what is wrong, or what lies outside; the exit status."""
    if not any(folder.rglob("*.html")):
        print(f"there are no pages in {folder}")
        return 1
    found = list(problems(folder))
    print("\n".join(found or ["links to the outside, which were not followed:", *outside(folder)]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
