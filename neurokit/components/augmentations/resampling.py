"""Resampling: values of samples at places between their voxels.

Places are tensors BZYX of coordinates in voxels, one for each axis, within the sample: image and
labels are read at the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import grid_sample


def mirrored_places(places: torch.Tensor, size: int) -> torch.Tensor:
    """Coordinates, whole or not, along an axis of `size` voxels, mirrored into 0 to size - 1.

    The mirrors stand at the centres of the first and the last voxel, which are not repeated.
    """
    if size == 1:
        return torch.zeros_like(places)
    last = size - 1
    return last - (places.remainder(2 * last) - last).abs()


def linear_in_sections(
    image_BCZYX: torch.Tensor, y_BZYX: torch.Tensor, x_BZYX: torch.Tensor
) -> torch.Tensor:
    """The image at these places, each within its section, interpolated from four pixels."""
    batch, channels, sections, *plane = image_BCZYX.shape
    images = image_BCZYX.transpose(1, 2).reshape(batch * sections, channels, *plane)
    grid = _grid((y_BZYX, x_BZYX), plane).flatten(0, 1)
    sampled = _sampled(images, grid).reshape(batch, sections, channels, *plane)
    return sampled.transpose(1, 2).contiguous()


def linear(image_BCZYX: torch.Tensor, places: Sequence[torch.Tensor]) -> torch.Tensor:
    """The image at these places (z, y, x), interpolated from eight voxels."""
    return _sampled(image_BCZYX, _grid(places, image_BCZYX.shape[2:]))


def nearest(labels_BZYX: torch.Tensor, places: Sequence[torch.Tensor]) -> torch.Tensor:
    """The labels of the voxels nearest to these places (z, y, x, or y and x), of any integer type.

    They are picked by index, so that no id passes through a floating number.
    """
    sizes = labels_BZYX.shape[1:]
    if len(places) == 3:
        index = places[0].round().long()
    else:
        index = torch.arange(sizes[0], device=labels_BZYX.device)[:, None, None]
    for place, size in zip(places[-2:], sizes[1:], strict=True):
        index = index * size + place.round().long()
    return labels_BZYX.flatten(1).gather(1, index.flatten(1)).reshape(labels_BZYX.shape)


def spline_weights(size: int, step: float, device: torch.device) -> torch.Tensor:
    """Weights of control points in a cubic B-spline at each of `size` voxels, shape (size, points).

    Voxels are `step` of the points' distance apart. Each row is scaled to a sum of squares of 1:
    of independent normal control points it makes normal numbers of the same variance everywhere.
    """
    points = int((size - 1) * step) + 4
    places = torch.arange(size, device=device) * step
    distance = (places[:, None] - torch.arange(-1, points - 1, device=device)).abs()
    inner = 2 / 3 - distance**2 + distance**3 / 2
    outer = (2 - distance).clamp(min=0) ** 3 / 6
    weights = torch.where(distance < 1, inner, outer)
    return weights / weights.square().sum(1, keepdim=True).sqrt()


def _grid(places: Sequence[torch.Tensor], sizes: Sequence[int]) -> torch.Tensor:
    """Places as torch wants them: x first, -1 and 1 at the centres of the outermost voxels."""
    scaled = [place * (2 / max(size - 1, 1)) - 1 for place, size in zip(places, sizes, strict=True)]
    return torch.stack(scaled[::-1], -1)


def _sampled(image: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    sampled: torch.Tensor = grid_sample(
        image, grid, mode="bilinear", padding_mode="border", align_corners=True
    )
    return sampled
