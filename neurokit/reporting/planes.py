"""Planes: flat pieces of a volume, in the proportions that the tissue has."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image

from neurokit.volumes import ArrayLike

Name = Literal["xy", "xz", "yz"]
Triple = tuple[int, int, int]
Lengths = tuple[float, float, float]

ACROSS: dict[Name, int] = {"xy": 0, "xz": 1, "yz": 2}
"""The axis of z, y, x that a plane lies across; of the other two, the first points down."""


@frozen
class Frame:
    """A rectangle of a plane, and how large it is shown.

    Attributes:
        plane: its name.
        section: the voxel along the axis that the plane lies across.
        start: the first voxel down, and to the right.
        voxels: how many there are down, and to the right.
        voxel_nm: how high and how wide a voxel is, in nanometres.
        pixel_nm: how high and wide a pixel of the picture is.
    """

    plane: Name
    section: int
    start: tuple[int, int]
    voxels: tuple[int, int]
    voxel_nm: tuple[float, float]
    pixel_nm: float

    @property
    def axes(self) -> tuple[str, str]:
        """The names of the axes that point down and to the right."""
        down, right = (name for axis, name in enumerate("zyx") if axis != ACROSS[self.plane])
        return down, right

    @property
    def across(self) -> str:
        """The name of the axis that the plane lies across."""
        return "zyx"[ACROSS[self.plane]]

    @property
    def size_nm(self) -> tuple[float, float]:
        """How high and how wide the tissue in it is, in nanometres."""
        (rows, columns), (high, wide) = self.voxels, self.voxel_nm
        return rows * high, columns * wide

    @property
    def pixels(self) -> tuple[int, int]:
        """The height and the width of its picture."""
        high, wide = (max(1, round(length / self.pixel_nm)) for length in self.size_nm)
        return high, wide

    def read(self, array: ArrayLike) -> NDArray[Any]:
        """The voxels of an array ZYX that lie in it; axes down, right."""
        down, right = (
            slice(start, start + count)
            for start, count in zip(self.start, self.voxels, strict=True)
        )
        index: list[int | slice] = [down, right]
        index.insert(ACROSS[self.plane], self.section)
        return np.asarray(array[tuple(index)])

    def as_labels(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Labels, enlarged or thinned out to the size of the picture."""
        rows, columns = (
            ((np.arange(pixels) + 0.5) * count / pixels).astype(int)
            for pixels, count in zip(self.pixels, voxels.shape, strict=True)
        )
        return voxels[np.ix_(rows, columns)]

    def as_grey(self, voxels: NDArray[Any]) -> NDArray[np.uint8]:
        """Grey values brought to the size of the picture, from black to white.

        A few of the darkest and of the brightest are cut off: sections differ in contrast, and
        what is to be seen is the tissue.
        """
        values = np.nan_to_num(voxels.astype(np.float32))
        low, high = np.percentile(values, [0.5, 99.5])
        shades = 255 * np.clip((values - low) / max(high - low, 1e-6), 0, 1)
        rows, columns = self.pixels
        fitted = Image.fromarray(np.round(shades).astype(np.uint8)).resize(
            (columns, rows), Image.Resampling.BILINEAR
        )
        return np.asarray(fitted)

    def place_of(self, position_ZYX: Triple) -> tuple[float, float]:
        """Where a voxel lies in the picture: shares of its height and width, 0 to 1."""
        inside = [each for axis, each in enumerate(position_ZYX) if axis != ACROSS[self.plane]]
        down, right = (
            (position + 0.5 - start) / count
            for position, start, count in zip(inside, self.start, self.voxels, strict=True)
        )
        return down, right


def whole_plane(plane: Name, shape: Triple, voxel_nm: Lengths, section: int, most: int) -> Frame:
    """All of a plane, its longer side of at most so many pixels."""
    down, right = (axis for axis in range(3) if axis != ACROSS[plane])
    lengths = (voxel_nm[down], voxel_nm[right])
    voxels = (shape[down], shape[right])
    longest = max(count * length for count, length in zip(voxels, lengths, strict=True))
    return Frame(plane, section, (0, 0), voxels, lengths, max(min(lengths), longest / most))


def around(
    plane: Name, shape: Triple, voxel_nm: Lengths, position_ZYX: Triple, extent_nm: float
) -> Frame:
    """The part of a plane around a voxel, about so high and wide; less at the volume's faces."""
    down, right = (axis for axis in range(3) if axis != ACROSS[plane])
    starts, voxels = [], []
    for axis in (down, right):
        count = min(shape[axis], max(1, round(extent_nm / voxel_nm[axis])))
        start = min(max(0, position_ZYX[axis] - count // 2), shape[axis] - count)
        starts.append(start)
        voxels.append(count)
    lengths = (voxel_nm[down], voxel_nm[right])
    return Frame(
        plane,
        position_ZYX[ACROSS[plane]],
        (starts[0], starts[1]),
        (voxels[0], voxels[1]),
        lengths,
        min(voxel_nm),
    )
