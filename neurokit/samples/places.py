"""Where samples are cut: which voxels a patch is made of."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.volumes import mirrored

Size = tuple[int, int, int]


@frozen
class Place:
    """Where a sample was cut.

    Attributes:
        volume: the name of the volume.
        corner: the first voxel of the patch (z, y, x), counted from that of the volume; negative
            where the patch starts in the mirrored margin.
    """

    volume: str
    corner: Size

    def __str__(self) -> str:
        z, y, x = self.corner
        return f"volume '{self.volume}' at z {z}, y {y}, x {x}"


@frozen(eq=False)
class Window:
    """The voxels of a patch: a box of the volume, put in order where it reaches over an edge.

    Attributes:
        box: along each axis, the voxels that the patch needs; never more than it has.
        order: along each axis, which voxels of the box follow each other in the patch; None where
            they already lie so.
    """

    box: tuple[slice, slice, slice]
    order: tuple[NDArray[np.intp] | None, ...]


def window(corner: Size, patch_size: Size, shape: Size) -> Window:
    """The window of a patch in a volume that is mirrored outwards without end.

    Args:
        corner: of the patch, counted from the first voxel of the volume; may be negative.
        patch_size, shape: of patch and volume, in voxels (z, y, x).
    """
    box, order = [], []
    for start, edge, size in zip(corner, patch_size, shape, strict=True):
        inside = start >= 0 and start + edge <= size
        voxels = mirrored(np.arange(start, start + edge), size)
        first = int(voxels.min())
        box.append(slice(first, int(voxels.max()) + 1))
        order.append(None if inside else voxels - first)
    z, y, x = box
    return Window((z, y, x), tuple(order))
