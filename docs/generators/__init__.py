"""The reference, written from what is installed: nothing in it is typed by hand."""

from __future__ import annotations

from pathlib import Path

from generators import commands, components, hooks, names, recipes, runs, weights
from generators.text import Page


def reference_pages() -> dict[str, str]:
    """Every page of the reference: its path below `reference/`, and its text."""
    pages: dict[str, Page] = {
        "recipe.md": recipes.page(),
        **{f"components/{kind}.md": page for kind, page in components.pages().items()},
        "components/hook.md": hooks.plugins_page(),
        "commands.md": commands.page(),
        "python.md": names.page(),
        "hooks.md": hooks.page(),
        "run.md": runs.page(),
        "weights.md": weights.page(),
    }
    return {"index.md": _index(pages)} | {path: page.text() for path, page in pages.items()}


def write_reference(folder: Path) -> None:
    """Write the reference into a folder; pages that have not changed are left alone."""
    for name, text in reference_pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _index(pages: dict[str, Page]) -> str:
    index = Page("Reference")
    index.paragraph("Made from what is installed when these pages are built.")
    for caption, inside in (("", False), ("Components", True)):
        chosen = [path for path in pages if path.startswith("components/") == inside]
        index.contents(caption, chosen)
    return index.text()
