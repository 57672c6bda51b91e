"""Object ids as small integers: 0 stays 0, ids below 0 become -1 (ignored), objects stay apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.volumes import ArrayLike

_LARGEST = np.iinfo(np.int32).max
_SLAB_BYTES = 2**28


def small_ids(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """The labels of one patch; ids beyond 32 bits are renamed, to different numbers elsewhere."""
    if labels.size and labels.max() > _LARGEST:
        return _renamed(labels, _objects(labels))
    return _without_negatives(labels).astype(np.int32, copy=False)


def small_volume(labels: ArrayLike) -> NDArray[np.int16 | np.int32]:
    """All labels of a volume, in 16 bits where they fit; ids beyond 32 bits are renamed.

    They are read by slabs, so that wide types need no more memory than the result; an array in
    memory that is already as wanted is returned itself.
    """
    if isinstance(labels, np.ndarray) and labels.dtype in (np.int16, np.int32):
        return _without_negatives(labels)
    small = np.empty(labels.shape, np.int32)
    for slab in slabs(labels):
        part = np.asarray(labels[slab])
        if part.max() > _LARGEST:
            small = _renamed_volume(labels)
            break
        small[slab] = _without_negatives(part)
    return small.astype(np.int16) if small.max() <= np.iinfo(np.int16).max else small


def slabs(array: ArrayLike) -> Iterator[slice]:
    """Runs of sections, together all of them, each of a bounded size where sections are."""
    depth, *section = array.shape
    step = max(1, _SLAB_BYTES // (int(np.prod(section)) * array.dtype.itemsize))
    for start in range(0, depth, step):
        yield slice(start, min(start + step, depth))


def _without_negatives(labels: NDArray[Any]) -> NDArray[Any]:
    """The same array where no id is below -1."""
    return np.maximum(labels, -1) if labels.dtype.kind == "i" and labels.min() < -1 else labels


def _renamed_volume(labels: ArrayLike) -> NDArray[np.int32]:
    objects = np.unique(np.concatenate([_objects(labels[slab]) for slab in slabs(labels)]))
    small = np.empty(labels.shape, np.int32)
    for slab in slabs(labels):
        small[slab] = _renamed(labels[slab], objects)
    return small


def _objects(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """The ids of objects, in rising order."""
    ids = np.unique(labels)
    return ids[ids > 0]


def _renamed(labels: NDArray[Any], objects: NDArray[np.integer]) -> NDArray[np.int32]:
    """The objects numbered from 1 in the order of their ids."""
    numbers = np.searchsorted(objects, labels).astype(np.int32) + 1
    return np.where(labels > 0, numbers, -(labels < 0).astype(np.int32))
