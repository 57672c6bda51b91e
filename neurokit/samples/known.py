"""Where labels are known, in blocks that are small beside a patch.

Labels may say of most voxels that they are to be ignored (-1). A patch teaches something where two
voxels side by side are known, as the two ends of an affinity must be. Which blocks of a volume hold
such a pair is found once, so that patches are chosen without another look at the labels, wherever
these lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import prod

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.samples.ids import slabs
from neurokit.samples.places import Size
from neurokit.volumes import ArrayLike

_BLOCKS_ALONG_A_PATCH = 8
"""More take more memory; with fewer, more patches are passed over that are known at their rim."""

Box = tuple[slice, slice, slice]
Bool = NDArray[np.bool_]


@frozen(eq=False)
class Known:
    """What is known of the labels of a volume.

    A block stands for its voxels and the one before each of them, along every axis that a patch
    has more than one voxel of.

    Attributes:
        shape: of the volume.
        patch_size: that is cut from it.
        share: how much is known, from 0 to 1.
        sections: whether anything is known in each.
        has_pair: whether each block holds two voxels side by side that are known; for patches of
            one voxel, one.
    """

    shape: Size
    patch_size: Size
    share: float
    sections: Bool
    has_pair: Bool

    def within(self, box: Box) -> bool:
        """Whether a block with a pair lies wholly in a box of the volume."""
        axes = zip(box, _blocks(self.patch_size), self.patch_size, self.shape, strict=True)
        z, y, x = (_blocks_within(*axis) for axis in axes)
        return bool(self.has_pair[z, y, x].any())

    def corner(self, draws: Sequence[float], pad: Size) -> Size | None:
        """The corner of a patch that has a block with a pair in it; None where there is no such.

        Args:
            draws: four numbers in [0, 1), which choose the block, and where in the patch it lies.
            pad: voxels by which patches may reach beyond the volume.
        """
        if not self._pairs_up_to[-1]:
            return None
        block = self._nth_block(_chosen(draws[0], int(self._pairs_up_to[-1])))
        axes = zip(block, _blocks(self.patch_size), self.patch_size, self.shape, pad, strict=True)
        corners = [_corners(*axis) for axis in axes]
        z, y, x = (
            each[_chosen(draw, len(each))] for draw, each in zip(draws[1:], corners, strict=True)
        )
        return z, y, x

    @cached_property
    def _pairs_up_to(self) -> NDArray[np.int64]:
        """How many blocks with a pair there are in each layer of blocks and those before it."""
        counts: NDArray[np.int64] = self.has_pair.sum(axis=(1, 2)).cumsum()
        return counts

    def _nth_block(self, number: int) -> Size:
        """The place of one of the blocks with a pair, numbered from 0."""
        layer = int(np.searchsorted(self._pairs_up_to, number, side="right"))
        before = int(self._pairs_up_to[layer - 1]) if layer else 0
        y, x = np.argwhere(self.has_pair[layer])[number - before].tolist()
        return layer, y, x


def known_of(labels: ArrayLike, patch_size: Size) -> Known | None:
    """What is known of labels, for patches of a size; None where all is.

    They are read once, unless their type has no numbers below 0.

    Raises:
        NeurokitError: part of a file is damaged.
    """
    if labels.dtype.kind == "u":
        return None
    depth, height, width = labels.shape
    blocks = _blocks(patch_size)
    grid = [-(-size // block) for size, block in zip(labels.shape, blocks, strict=True)]
    has_pair, sections = np.zeros(grid, bool), np.zeros(depth, bool)
    count = 0
    before_YX = np.zeros((height, width), bool)
    for slab in slabs(labels):
        for z, section_YX in enumerate(np.asarray(labels[slab]), slab.start):
            known_YX = section_YX >= 0
            known = int(np.count_nonzero(known_YX))
            count += known
            sections[z] = known > 0
            if known:
                paired_YX = _paired(known_YX, before_YX, patch_size)
                has_pair[z // blocks[0]] |= _any_in_blocks(paired_YX, blocks[1], blocks[2])
            before_YX = known_YX
    total = prod(labels.shape)
    shape = (depth, height, width)
    return None if count == total else Known(shape, patch_size, count / total, sections, has_pair)


def _blocks(patch_size: Size) -> Size:
    """The voxels of a block, with the one before them no more than those of a patch."""
    z, y, x = (max(1, edge // _BLOCKS_ALONG_A_PATCH) for edge in patch_size)
    return z, y, x


def _before(edge: int) -> int:
    """How many voxels before its own a block reaches, where a patch has so many along the axis."""
    return min(1, edge - 1)


def _paired(known_YX: Bool, before_YX: Bool, patch_size: Size) -> Bool:
    """Which voxels of a section are known with one that lies before them along an axis."""
    if max(patch_size) == 1:
        return known_YX
    beside_YX = np.zeros_like(known_YX)
    if patch_size[0] > 1:
        beside_YX |= before_YX
    if patch_size[1] > 1:
        beside_YX[1:] |= known_YX[:-1]
    if patch_size[2] > 1:
        beside_YX[:, 1:] |= known_YX[:, :-1]
    beside_YX &= known_YX
    return beside_YX


def _any_in_blocks(mask_YX: Bool, height: int, width: int) -> Bool:
    """Whether any voxel of each block of a section is set."""
    rows, columns = mask_YX.shape
    by_rows = np.logical_or.reduceat(mask_YX, np.arange(0, rows, height), axis=0)
    found: Bool = np.logical_or.reduceat(by_rows, np.arange(0, columns, width), axis=1)
    return found


def _blocks_within(inside: slice, block: int, edge: int, size: int) -> slice:
    """Along one axis, the blocks that lie wholly in a part of the volume, and what is before them.

    Args:
        inside: the part.
        block, edge, size: voxels of a block, a patch and the volume.
    """
    start = -(-(inside.start + _before(edge)) // block) if inside.start else 0
    return slice(start, None if inside.stop == size else inside.stop // block)


def _corners(number: int, block: int, edge: int, size: int, pad: int) -> range:
    """Along one axis, where patches may start that hold a block and what is before it."""
    first, stop = max(0, number * block - _before(edge)), min((number + 1) * block, size)
    return range(max(stop - edge, -pad), min(first, size + pad - edge) + 1)


def _chosen(draw: float, count: int) -> int:
    """One of so many numbers from 0."""
    return min(int(draw * count), count - 1)
