"""Ids and distances of a volume in one array of integers, so that they stay together.

A packed voxel is `id * 256 + level`, where the level is the distance transform times 255. What is
cut, mirrored, turned, warped by nearest voxels, set to background (0) or to be ignored (-1) like
labels then carries both; -1 unpacks to the id -1.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from neurokit import NeurokitError

_LEVELS = 256
MOST_OBJECTS = 2**23 - 1
"""Ids that fit into 32 bits beside a level."""


def numbered(labels_ZYX: NDArray[np.integer]) -> NDArray[np.int32]:
    """The objects numbered 1..n in the order of their ids; 0 stays 0, ids below 0 become -1.

    Raises:
        NeurokitError: there are more objects than can be packed.
    """
    in_sections = [np.unique(section_YX) for section_YX in labels_ZYX]
    ids = np.unique(np.concatenate(in_sections)) if in_sections else labels_ZYX.ravel()
    ids = ids[ids > 0]
    if len(ids) > MOST_OBJECTS:
        raise NeurokitError(
            f"the labels hold {len(ids)} objects, and the distance transform is kept for at most "
            f"{MOST_OBJECTS} in a volume: divide it into smaller volumes"
        )
    numbers_ZYX = np.empty(labels_ZYX.shape, dtype=np.int32)
    for numbers_YX, section_YX in zip(numbers_ZYX, labels_ZYX, strict=True):
        numbers_YX[...] = np.searchsorted(ids, section_YX) + 1
        numbers_YX[section_YX == 0] = 0
        numbers_YX[section_YX < 0] = -1
    return numbers_ZYX


def pack(ids_ZYX: NDArray[np.int32], values_ZYX: NDArray[np.float32]) -> NDArray[np.int32]:
    """Ids 1..n and values from 0 to 1 in one array; ids 0 and -1 stay as they are."""
    levels_ZYX = np.rint(values_ZYX * (_LEVELS - 1)).astype(np.int32)
    return np.where(ids_ZYX > 0, ids_ZYX * _LEVELS + levels_ZYX, ids_ZYX)


def unpack(packed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and values (float32, 0 to 1) of any packed tensor; values count where ids are above 0."""
    ids = packed.div(_LEVELS, rounding_mode="floor")
    return ids, (packed - ids * _LEVELS).float() / (_LEVELS - 1)
