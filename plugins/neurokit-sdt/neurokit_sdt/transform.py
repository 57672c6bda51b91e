"""The skeleton-aware distance transform of labelled objects."""

from __future__ import annotations

import numpy as np
from edt import edt
from numpy.typing import NDArray
from scipy import ndimage

from neurokit import track
from neurokit_sdt.skeletons import Sides, Size, skeleton_of

VoxelSize = tuple[float, float, float]
Box = tuple[slice, slice, slice]

# Skeletons are found on blocks of about this edge length, the thickness of a usual section.
_BLOCK_NM = 30.0
# More than the voxels of any microscope need; what a block takes in memory grows with its cube.
_BLOCK_VOXELS = 16


def skeleton_distance(
    labels_ZYX: NDArray[np.int32], voxel_size_nm: VoxelSize, alpha: float
) -> NDArray[np.float32]:
    """How far each voxel lies from the border of its object to its skeleton: 1 on the skeleton.

    It is (d_b / (d_b + d_s)) ** alpha of Lin et al. (arXiv 2310.05262), where d_b is the distance
    from a voxel to the nearest one that does not belong to its object, and d_s that to the nearest
    voxel of its object's skeleton, both between the middles of voxels, in nanometres.

    The faces of the volume are no borders: of an object that fills it all the value is 1. Nor is
    the edge of what is ignored (-1), which is taken to belong to what lies nearest to it.

    Args:
        labels_ZYX: ids 1..n of objects; 0 is background, -1 is to be ignored.
        voxel_size_nm: edge lengths of a voxel in nanometres (z, y, x).
        alpha: below 1 values rise steeply at the border, above 1 near the skeleton.

    Returns:
        float32 ZYX, above 0 and at most 1 in objects, 0 elsewhere.
    """
    values_ZYX = np.zeros(labels_ZYX.shape, dtype=np.float32)
    if labels_ZYX.max(initial=0) <= 0:
        return values_ZYX
    filled_ZYX = np.ascontiguousarray(_filled(labels_ZYX, voxel_size_nm))
    border_nm_ZYX = edt(filled_ZYX, anisotropy=voxel_size_nm, black_border=False)
    boxes = ndimage.find_objects(filled_ZYX)
    for number, box in track(enumerate(boxes, 1), "objects", len(boxes)):
        if box is None:
            continue
        object_ZYX = filled_ZYX[box] == number
        border_nm = np.where(object_ZYX, border_nm_ZYX[box], 0)
        cut_off = _cut_off(box, labels_ZYX.shape)
        skeleton_ZYX = skeleton_of(border_nm, blocks_of(voxel_size_nm), cut_off)
        skeleton_nm = edt(~skeleton_ZYX, anisotropy=voxel_size_nm, black_border=False)
        # 1 / (1 + d_s / d_b), which holds where no border is in sight, infinitely far away.
        ratio = skeleton_nm[object_ZYX] / border_nm[object_ZYX]
        values_ZYX[box][object_ZYX] = (1 / (1 + ratio)) ** alpha
    values_ZYX[labels_ZYX <= 0] = 0
    return values_ZYX


def blocks_of(voxel_size_nm: VoxelSize) -> Size:
    """Voxels (z, y, x) of the blocks, about as long along each axis, on which objects are thinned.

    A block is at most 16 voxels long, however small voxels are said to be.

    >>> blocks_of((30.0, 6.0, 6.0))
    (1, 5, 5)
    """
    z, y, x = (int(min(max(1, _BLOCK_NM // length), _BLOCK_VOXELS)) for length in voxel_size_nm)
    return z, y, x


def _filled(labels_ZYX: NDArray[np.int32], voxel_size_nm: VoxelSize) -> NDArray[np.int32]:
    """The labels with what is ignored given to the nearest voxel that is not."""
    ignored_ZYX = labels_ZYX == -1
    if not ignored_ZYX.any():
        return labels_ZYX
    nearest = ndimage.distance_transform_edt(
        ignored_ZYX, sampling=voxel_size_nm, return_distances=False, return_indices=True
    )
    filled_ZYX: NDArray[np.int32] = labels_ZYX[tuple(nearest)]
    return filled_ZYX


def _cut_off(box: Box, shape: tuple[int, ...]) -> Sides:
    """On which sides the box of an object ends with the volume."""
    z, y, x = ((side.start == 0, side.stop == size) for side, size in zip(box, shape, strict=True))
    return z, y, x
