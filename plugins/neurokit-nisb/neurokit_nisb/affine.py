"""Affine maps of samples about their centre."""

from __future__ import annotations

from math import cos, radians, sin

import torch
from torch.nn.functional import grid_sample


def affine_map(turns: torch.Tensor, stretches: torch.Tensor, shears: torch.Tensor) -> torch.Tensor:
    """The matrix (3, 3) that stretches, shears and turns places (z, y, x), in this order.

    Args:
        turns: about the axes z, y and x, degrees; that about x comes first.
        stretches: factors of the three axes.
        shears: by how much z grows with y and x, y with z and x, and x with z and y.
    """
    sheared = torch.eye(3, dtype=torch.float64)
    sheared[~torch.eye(3, dtype=torch.bool)] = shears.double()
    matrix = sheared @ torch.diag(stretches.double())
    for axis in (2, 1, 0):
        matrix = _turn(axis, float(turns[axis])) @ matrix
    return matrix


def moved(
    image_CZYX: torch.Tensor,
    labels_ZYX: torch.Tensor,
    affine: torch.Tensor,
    lengths: tuple[float, float, float],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Image and labels seen through an affine map.

    Each voxel shows the place that the map leads to from it, measured from the centre: the image
    interpolated between eight voxels, the label of the nearest one. Beyond the faces, both are
    mirrored at the centres of the outermost voxels.

    Args:
        affine: the map (3, 3), of lengths z, y, x.
        lengths: edge lengths of a voxel.
    """
    device, sizes = labels_ZYX.device, labels_ZYX.shape
    scales = torch.tensor(lengths, dtype=torch.float64)
    # From voxels to voxels, by way of lengths.
    of_voxels = (affine * scales / scales[:, None]).tolist()
    centred = [
        (torch.arange(size, device=device) - (size - 1) / 2).reshape(
            [-1 if each == axis else 1 for each in range(3)]
        )
        for axis, size in enumerate(sizes)
    ]
    places = []
    for axis, size in enumerate(sizes):
        reached = sum(
            factor * along for factor, along in zip(of_voxels[axis], centred, strict=True)
        )
        places.append(_mirrored(reached + (size - 1) / 2, size))
    return _linear(image_CZYX, places), _nearest(labels_ZYX, places)


def _turn(axis: int, degrees: float) -> torch.Tensor:
    """A turn about one of the axes z, y, x."""
    first, second = (each for each in range(3) if each != axis)
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[first, first] = matrix[second, second] = cos(radians(degrees))
    matrix[first, second] = -sin(radians(degrees))
    matrix[second, first] = sin(radians(degrees))
    return matrix


def _mirrored(places: torch.Tensor, size: int) -> torch.Tensor:
    """Coordinates mirrored into 0 to size - 1."""
    if size == 1:
        return torch.zeros_like(places)
    last = size - 1
    return last - (places.remainder(2 * last) - last).abs()


def _linear(image_CZYX: torch.Tensor, places: list[torch.Tensor]) -> torch.Tensor:
    # As torch wants them: x first, -1 and 1 at the centres of the outermost voxels.
    scaled = [
        place * (2 / max(size - 1, 1)) - 1
        for place, size in zip(places, image_CZYX.shape[1:], strict=True)
    ]
    grid = torch.stack(scaled[::-1], -1)
    sampled: torch.Tensor = grid_sample(
        image_CZYX[None], grid[None], mode="bilinear", padding_mode="border", align_corners=True
    )
    return sampled[0]


def _nearest(labels_ZYX: torch.Tensor, places: list[torch.Tensor]) -> torch.Tensor:
    """Picked by index, so that no id passes through a floating number."""
    z, y, x = (place.round().long() for place in places)
    return labels_ZYX[z, y, x]
