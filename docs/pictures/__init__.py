"""Pictures of the explanations, drawn by neurokit from synthetic tissue."""

from __future__ import annotations

from pathlib import Path

from pictures import affinities, scores, watershed
from pictures.style import save


def draw_all(folder: Path) -> None:
    """Draw every picture into a folder, and write the table that goes with them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in {**affinities.PICTURES, **watershed.PICTURES, **scores.PICTURES}.items():
        save(draw(), folder / f"{name}.png")
    (folder / "scores.md").write_text(scores.markdown(), encoding="utf-8")
