"""The page of the networks that come with neurokit and its plugins: their cards."""

from __future__ import annotations

import re

from generators.text import Page, code
from neurokit.shipped import shipped_weights


def page() -> Page:
    """Every network that can be named, by what its card says."""
    made = Page("Networks")
    made.paragraph(
        "Trained networks that can be named wherever a checkpoint can: "
        "`neurokit run RECIPE --mode test --checkpoint NAME`."
    )
    for name, file in shipped_weights().items():
        made.heading(2, code(name))
        made.paragraph(_lowered(file.with_suffix(".md").read_text(encoding="utf-8")))
    return made


def _lowered(card: str) -> str:
    """A card with its headings below that of the page's section."""
    outside_code = re.split(r"(^```.*?^```$)", card.strip(), flags=re.DOTALL | re.MULTILINE)
    return "".join(
        part if part.startswith("```") else re.sub(r"^(#+) ", r"##\1 ", part, flags=re.MULTILINE)
        for part in outside_code
    )
