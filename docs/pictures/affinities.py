"""Pictures of affinities: what they are, where they are stored, and what the long ones see."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from neurokit import encode_affinities
from pictures import tissue
from pictures.style import ACCENT, INK, caption, colours, figure_of, grey, panels, segments

_SHOWN = {"z1": (1, 0, 0), "y1": (0, 1, 0), "x1": (0, 0, 1), "x9": (0, 0, 9)}
_GAP = 1.0
_ROW = (7, 7, 7, 9, 9, 0, 0, 4)


def offsets() -> Figure:
    """A section, its labels, and the affinities of four offsets."""
    axes = panels(6, columns=3)
    image_YX = np.asarray(tissue.volume().image[tissue.SECTION])
    grey(axes[0], image_YX, *np.percentile(image_YX, (0.5, 99.5)))
    caption(axes[0], "image")
    segments(axes[1], tissue.labels_ZYX()[tissue.SECTION])
    caption(axes[1], "labels")
    affinities_CZYX = tissue.true_affinities(tuple(_SHOWN.values()))
    for panel, (name, offset), of_it_ZYX in zip(
        axes[2:], _SHOWN.items(), affinities_CZYX, strict=True
    ):
        grey(panel, of_it_ZYX[tissue.SECTION], 0, 1)
        caption(panel, f"{name}: offset {list(offset)}")
    return figure_of(axes[0])


def storage() -> Figure:
    """A row of voxels, and where the edges between them are stored."""
    (axes,) = panels(1, height=2.6)
    rows: dict[str, list[int | str]] = {
        "labels": list(_ROW),
        **{f"x{d}": _stored(d) for d in (1, 3)},
    }
    ids_YX = np.array([_ROW])
    for row, (name, values) in enumerate(rows.items()):
        below = row + _GAP if row else 0
        axes.text(-0.8, -below, name, ha="right", va="center", fontsize=10, color=INK)
        for x, value in enumerate(values):
            shade = colours(ids_YX)[0, x] if row == 0 else _shade(value)
            axes.add_patch(
                Rectangle(
                    (x - 0.45, -below - 0.36), 0.9, 0.72, facecolor=shade, edgecolor=INK, lw=0.6
                )
            )
            axes.text(x, -below, str(value), ha="center", va="center", fontsize=10, color=INK)
    for x in range(len(_ROW)):
        axes.text(x, 0.62, f"x = {x}", ha="center", fontsize=8, color=INK)
    for level, (start, end, name) in enumerate(((1, 2, "x1"), (1, 4, "x3"))):
        y = -0.6 - 0.45 * level
        axes.plot([start, start, end, end], [y + 0.12, y, y, y + 0.12], color=ACCENT, lw=1.4)
        said = f"the edge of {start} and {end}: {name}, stored at x = {end}"
        axes.text(end + 0.2, y, said, va="center", fontsize=8, color=ACCENT)
    axes.set_xlim(-1.7, len(_ROW) - 0.4)
    axes.set_ylim(-len(rows) - _GAP + 0.5, 1.0)
    return figure_of(axes)


def _stored(offset: int) -> list[int | str]:
    """The affinities of the row along x; a dash where there is no edge."""
    target, mask = encode_affinities(torch.tensor(_ROW).view(1, 1, 1, -1), [(0, 0, offset)])
    pairs = zip(target.flatten().int().tolist(), mask.flatten().int().tolist(), strict=True)
    return [value if known else "-" for value, known in pairs]


def _shade(value: int | str) -> str:
    shades: dict[int | str, str] = {1: "#e9edf0", 0: "#8d99a3"}
    return shades.get(value, "white")


PICTURES = {"offsets": offsets, "storage": storage}
