"""Skeletons: the middle line of one object."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

_TOUCHING = np.ones((3, 3, 3), dtype=bool)
# Half of the 26 directions to a touching block; the others are the same pairs the other way round.
_DIRECTIONS = np.argwhere(_TOUCHING)[14:] - 1
# Thinning shortens an end by about its radius. This is how many blocks an object that is cut off
# by the volume's face is drawn out, so that it is shortened there and not inside.
_DRAWN_OUT = 8

Size = tuple[int, int, int]
Sides = tuple[tuple[bool, bool], tuple[bool, bool], tuple[bool, bool]]


def skeleton_of(depth_ZYX: NDArray[np.floating], blocks: Size, cut_off: Sides) -> NDArray[np.bool_]:
    """The middle line of one object, as voxels of the object.

    The object is thinned (Lee, Kashyap and Chu 1994, doi 10.1006/cgip.1994.1042) on blocks of
    voxels, which should be about as long along each axis: thinning counts blocks, and flat voxels
    would bend it. In each block of the thin line the voxel deepest inside the object stands for
    it, and those of touching blocks are joined by straight lines, as far as they lie in the object.

    Args:
        depth_ZYX: how far inside the object each voxel lies, above 0; 0 outside.
        blocks: voxels (z, y, x) of a block.
        cut_off: for each axis, whether the object goes on beyond the first and the last voxel.

    Returns:
        bool ZYX; each part of the object that touches no other one holds at least one voxel.
    """
    block_depth_ZYX = _deepest(depth_ZYX, blocks)
    thin_ZYX = _thinned(block_depth_ZYX, cut_off)
    corners = np.argwhere(thin_ZYX)
    voxels = _deepest_voxels(depth_ZYX, corners, blocks)
    order_ZYX = np.full(np.add(thin_ZYX.shape, 2), -1)
    order_ZYX[tuple((corners + 1).T)] = np.arange(len(corners))
    skeleton_ZYX = np.zeros(depth_ZYX.shape, dtype=bool)
    skeleton_ZYX[tuple(voxels.T)] = True
    for direction in _DIRECTIONS:
        neighbours = order_ZYX[tuple((corners + 1 + direction).T)]
        joined = neighbours >= 0
        _draw_lines(skeleton_ZYX, voxels[joined], voxels[neighbours[joined]])
    return skeleton_ZYX & (depth_ZYX > 0)


def _deepest(depth_ZYX: NDArray[np.floating], blocks: Size) -> NDArray[np.floating]:
    """The largest value of each block; the last blocks may be smaller."""
    for axis, size in enumerate(blocks):
        if size > 1:
            starts = np.arange(0, depth_ZYX.shape[axis], size)
            depth_ZYX = np.maximum.reduceat(depth_ZYX, starts, axis)
    return depth_ZYX


def _deepest_voxels(
    depth_ZYX: NDArray[np.floating], corners: NDArray[np.intp], blocks: Size
) -> NDArray[np.intp]:
    """The voxel with the largest value in each block, (blocks, 3); `corners` counts blocks.

    Among equals it is the one nearest to the middle of the block.
    """
    inside = np.argwhere(np.ones(blocks))
    from_middle = np.abs(inside - (np.array(blocks) - 1) / 2).sum(axis=1)
    inside = inside[from_middle.argsort(kind="stable")]
    candidates = corners[:, None] * np.array(blocks) + inside
    # Beyond the last voxel stands the last voxel, which lies in the same block.
    candidates = np.minimum(candidates, np.array(depth_ZYX.shape) - 1)
    deepest = depth_ZYX[tuple(np.moveaxis(candidates, -1, 0))].argmax(axis=1)
    voxels: NDArray[np.intp] = candidates[np.arange(len(corners)), deepest]
    return voxels


def _draw_lines(
    skeleton_ZYX: NDArray[np.bool_], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> None:
    """Set the voxels on the straight line from each start to its end."""
    steps = np.abs(ends - starts).max(initial=0)
    for share in np.linspace(0, 1, int(steps) + 1):
        points = np.rint(starts + share * (ends - starts)).astype(np.intp)
        skeleton_ZYX[tuple(points.T)] = True


def _thinned(depth_ZYX: NDArray[np.floating], cut_off: Sides) -> NDArray[np.bool_]:
    """The thin line of an object, one voxel at least in each of its parts."""
    object_ZYX = depth_ZYX > 0
    widths = [(_DRAWN_OUT * first, _DRAWN_OUT * last) for first, last in cut_off]
    inside = tuple(
        slice(first, first + size)
        for (first, _), size in zip(widths, object_ZYX.shape, strict=True)
    )
    thin_ZYX = _thin_line(np.pad(object_ZYX, widths, mode="edge"))[inside]
    lost_ZYX = _parts_without(object_ZYX, thin_ZYX)
    if lost_ZYX.any():
        parts = np.unique(lost_ZYX[lost_ZYX > 0])
        for place in ndimage.maximum_position(depth_ZYX, lost_ZYX, parts):
            thin_ZYX[place] = True
    return thin_ZYX


def _thin_line(object_ZYX: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What thinning leaves of an object.

    scikit-image lets a part vanish that is an even number of voxels thick all along (its issue
    3757), but not what is left of such a part when the voxels of one of its sides are taken away.
    """
    thin_ZYX: NDArray[np.bool_] = skeletonize(object_ZYX, method="lee")  # type: ignore[no-untyped-call]
    for axis in range(3):
        lost_ZYX = _parts_without(object_ZYX, thin_ZYX) > 0
        if not lost_ZYX.any():
            break
        narrowed_ZYX = lost_ZYX.copy()
        line, beside = np.moveaxis(narrowed_ZYX, axis, 0), np.moveaxis(lost_ZYX, axis, 0)
        line[0] = False
        line[1:] &= beside[:-1]
        thin_ZYX |= skeletonize(narrowed_ZYX, method="lee")  # type: ignore[no-untyped-call]
    return thin_ZYX


def _parts_without(
    object_ZYX: NDArray[np.bool_], thin_ZYX: NDArray[np.bool_]
) -> NDArray[np.integer]:
    """The parts of an object, each by a number of its own, that hold nothing of the thin line."""
    parts_ZYX, count = ndimage.label(object_ZYX, _TOUCHING)
    is_lost = np.ones(count + 1, dtype=bool)
    is_lost[parts_ZYX[thin_ZYX]] = False
    lost_ZYX: NDArray[np.integer] = parts_ZYX * is_lost[parts_ZYX]
    return lost_ZYX
