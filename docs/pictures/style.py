"""How the pictures look: sections of tissue without axes, captions above, one set of colours."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

INK = "#22303a"
ACCENT = "#c8553d"
WIDTH = 8.0  # inches; a page shows some 700 pixels
_DPI = 130

Pixels_YXC = NDArray[np.float32]


def panels(count: int, *, height: float | None = None, columns: int | None = None) -> list[Axes]:
    """Panels side by side, without axes; `axes[0].figure` is the picture."""
    columns = columns or count
    rows = -(-count // columns)
    figure = Figure(
        figsize=(WIDTH, height or rows * (WIDTH / columns + 0.35)), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(rows, columns, index + 1) for index in range(count)]
    for each in axes:
        each.set_axis_off()
    return axes


def figure_of(axes: Axes) -> Figure:
    """The picture that a panel is part of."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure


def caption(axes: Axes, title: str, below: str = "") -> None:
    """What a panel shows, above it, and what it says, below."""
    axes.set_title(title, fontsize=9, color=INK, loc="left", pad=4)
    if below:
        axes.text(
            0, -0.03, below, transform=axes.transAxes, fontsize=8, color=INK, va="top", wrap=True
        )


def grey(axes: Axes, section_YX: NDArray[np.number], low: float, high: float) -> None:
    """A section in shades of grey, one square a voxel."""
    axes.imshow(section_YX, cmap="gray", vmin=low, vmax=high, interpolation="nearest")


def colours(labels_YX: NDArray[np.integer]) -> Pixels_YXC:
    """A colour for each id, the same wherever it occurs; background is white."""
    ids = labels_YX.astype(np.float64)
    # Steps of the golden ratio around the colour circle keep any few ids apart.
    hue_YX = (ids * 0.618033988749895) % 1.0
    saturation_YX = 0.42 + 0.3 * (ids * 0.7548776662466927 % 1.0)
    value_YX = 0.96 - 0.2 * (ids * 0.5698402909980532 % 1.0)
    pixels_YXC = hsv_to_rgb(np.stack([hue_YX, saturation_YX, value_YX], axis=-1))
    pixels_YXC[labels_YX == 0] = 1.0
    return pixels_YXC.astype(np.float32)


def borders(labels_YX: NDArray[np.integer]) -> NDArray[np.bool_]:
    """The voxels whose right or lower neighbour carries another id."""
    found_YX = np.zeros(labels_YX.shape, bool)
    found_YX[:-1] |= labels_YX[:-1] != labels_YX[1:]
    found_YX[:, :-1] |= labels_YX[:, :-1] != labels_YX[:, 1:]
    return found_YX


def segments(axes: Axes, labels_YX: NDArray[np.integer], *, lines: bool = True) -> None:
    """A segmentation in colours, with dark borders where they are wanted."""
    pixels_YXC = colours(labels_YX)
    if lines:
        pixels_YXC[borders(labels_YX)] *= 0.45
    axes.imshow(pixels_YXC, interpolation="nearest")


def outline(axes: Axes, inside_YX: NDArray[np.bool_]) -> None:
    """A line around some voxels, where there are any."""
    if inside_YX.any():
        axes.contour(inside_YX, levels=[0.5], colors=[ACCENT], linewidths=1.6)


def overlay(
    axes: Axes, image_YX: NDArray[np.number], labels_YX: NDArray[np.integer], share: float = 0.6
) -> None:
    """A segmentation in colours through which the image shows."""
    low, high = np.percentile(image_YX, (1, 99))
    light_YX = np.clip((image_YX - low) / max(high - low, 1e-6), 0, 1)[..., np.newaxis]
    pixels_YXC = np.where(
        (labels_YX > 0)[..., np.newaxis],
        light_YX * (1 - share) + colours(labels_YX) * share * (0.35 + 0.65 * light_YX),
        light_YX,
    )
    axes.imshow(pixels_YXC, interpolation="nearest")


def save(figure: Figure, path: Path) -> None:
    """Write a picture as a PNG of 256 colours, which is a third of the size and looks the same."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI, facecolor="white")
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(256).save(path, optimize=True)
