"""Pictures of a preview: input, target and prediction side by side, on the middle section."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from neurokit.channels import Channel, Offset
from neurokit.previews import Preview

UNKNOWN = (255, 140, 0)
"""The colour (red, green, blue) of voxels whose target is unknown."""

_SMALLEST_PANEL = 160
_MOST_ROWS = 4
_GAP = 4
_CAPTION = 14
_INK = (220, 220, 220)

GrayYX = NDArray[np.float32]
ColourYXC = NDArray[np.uint8]


def pictures(preview: Preview) -> dict[str, ColourYXC]:
    """Each picture has a row of input, target and prediction for each of a few channels.

    Returns:
        By name, such as `1_z1_y1_x1`: the channels that the picture shows, the nearest affinities
        first, numbered so that sorting by name keeps that order.
    """
    groups = grouped(preview.channels)
    width = len(str(len(groups)))
    return {
        "_".join([f"{number:0{width}}", *(preview.channels[index].name for index in group)]): (
            _picture(preview, group)
        )
        for number, group in enumerate(groups, 1)
    }


def grouped(channels: Sequence[Channel]) -> list[list[int]]:
    """Which channels to show together: those that are equally far along their directions.

    The nearest affinity of each direction comes first, then the second nearest, and so on; what is
    no affinity comes last.

    Returns:
        Positions in `channels`.
    """
    lengths = {
        index: (_direction(channel.offset), math.hypot(*channel.offset))
        for index, channel in enumerate(channels)
        if channel.offset is not None
    }
    nearer: Counter[Offset] = Counter()
    ranks: dict[int, list[int]] = {}
    for index in sorted(lengths, key=lambda index: lengths[index][1]):
        direction = lengths[index][0]
        ranks.setdefault(nearer[direction], []).append(index)
        nearer[direction] += 1
    groups = [sorted(ranks[rank]) for rank in sorted(ranks)]
    groups.append([index for index in range(len(channels)) if index not in lengths])
    return [
        group[start : start + _MOST_ROWS]
        for group in groups
        for start in range(0, len(group), _MOST_ROWS)
    ]


def _direction(offset: Offset) -> Offset:
    divisor = math.gcd(*offset) or 1
    z, y, x = (step // divisor for step in offset)
    return z, y, x


def _picture(preview: Preview, group: Sequence[int]) -> ColourYXC:
    """The rows of these channels, under captions."""
    middle = preview.image_ZYX.shape[0] // 2
    image_YXC = _gray(preview.image_ZYX[middle], 0.0, 1.0)
    rows = []
    for index in group:
        channel = preview.channels[index]
        low, high = _range(preview, index)
        target_YXC = _gray(preview.target_CZYX[index, middle], low, high)
        target_YXC[preview.mask_CZYX[index, middle] <= 0] = UNKNOWN
        predicted_YXC = _gray(preview.prediction_CZYX[index, middle], low, high)
        rows.append(
            [
                ("input", image_YXC),
                (f"{channel.name} target", target_YXC),
                (f"{channel.name} prediction", predicted_YXC),
            ]
        )
    return _laid_out(rows)


def _range(preview: Preview, index: int) -> tuple[float, float]:
    """The values that are black and white, for target and prediction alike."""
    match preview.channels[index].activation:
        case "sigmoid":
            return 0.0, 1.0
        case "tanh":
            return -1.0, 1.0
    known = preview.target_CZYX[index][preview.mask_CZYX[index] > 0]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)


def _gray(values_YX: GrayYX, low: float, high: float) -> ColourYXC:
    """Values as shades, enlarged by a whole number where there are few; not a number is black."""
    shades = (np.nan_to_num(values_YX, nan=low) - low) / max(high - low, 1e-6)
    shades = np.round(np.clip(shades, 0.0, 1.0) * 255).astype(np.uint8)
    return np.repeat(shades[..., np.newaxis], 3, axis=-1)


def _laid_out(rows: Sequence[Sequence[tuple[str, ColourYXC]]]) -> ColourYXC:
    """Panels of one size in a grid, enlarged by a whole number where they are small."""
    height, width, _ = rows[0][0][1].shape
    times = max(1, math.ceil(_SMALLEST_PANEL / max(height, width)))
    step_y = times * height + _CAPTION + _GAP
    step_x = max(times * width, _SMALLEST_PANEL // 2) + _GAP
    sheet = Image.new("RGB", (step_x * len(rows[0]) + _GAP, step_y * len(rows) + _GAP))
    draw = ImageDraw.Draw(sheet)
    for row, panels in enumerate(rows):
        for column, (caption, panel_YXC) in enumerate(panels):
            place = (_GAP + column * step_x, _GAP + row * step_y)
            draw.text(place, caption, fill=_INK)
            panel = Image.fromarray(panel_YXC).resize(
                (times * width, times * height), Image.Resampling.NEAREST
            )
            sheet.paste(panel, (place[0], place[1] + _CAPTION))
    return np.asarray(sheet)
