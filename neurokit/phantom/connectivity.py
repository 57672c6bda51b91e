"""Labels made whole: every label one component, every voxel labelled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Labels = NDArray[np.uint32]


def made_whole(labels_ZYX: Labels, smallest: int = 1) -> Labels:
    """The labels with each a single 6-connected component, numbered 1..n, leaving no voxel out.

    Of each label its largest component stays, if it has `smallest` voxels or more, or is the
    largest of all. Everything else, background included, goes to labels beside it.
    """
    kept = np.zeros_like(labels_ZYX)
    best: tuple[int, tuple[slice, ...], NDArray[np.bool_]] | None = None
    count = 0
    for label, box in enumerate(ndimage.find_objects(labels_ZYX.astype(np.int32)), start=1):
        if box is None:
            continue
        component, size = _largest_component(labels_ZYX[box] == label)
        if best is None or size > best[0]:
            best = size, box, component
        if size >= smallest:
            count += 1
            kept[box][component] = count
    if count == 0 and best is not None:
        _, box, component = best
        kept[box][component] = 1
    _fill(kept)
    return kept


def _largest_component(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int]:
    components, _ = ndimage.label(mask)
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    return components == sizes.argmax(), int(sizes.max())


def _fill(labels_ZYX: Labels) -> None:
    """Grow the labels, in place, over the voxels that are 0."""
    framed = np.pad(labels_ZYX, 1)
    flat = framed.reshape(-1)
    strides = [framed.shape[1] * framed.shape[2], framed.shape[2], 1]
    inside = np.pad(np.ones(labels_ZYX.shape, bool), 1).reshape(-1)
    empty = np.flatnonzero((flat == 0) & inside)
    while len(empty):
        found = np.zeros(len(empty), labels_ZYX.dtype)
        for stride in strides:
            for step in (-stride, stride):
                found = np.where(found == 0, flat[empty + step], found)
        if not found.any():
            break
        flat[empty] = found
        empty = empty[found == 0]
    labels_ZYX[...] = framed[1:-1, 1:-1, 1:-1]
