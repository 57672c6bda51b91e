"""Mirroring: which voxel stands in for a position beyond the ends of a volume."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mirrored(positions: NDArray[np.integer], size: int) -> NDArray[np.intp]:
    """The voxels, 0 to size - 1, of positions along an axis, mirrored at both ends.

    The ends are not repeated, and far positions walk to and fro: -2 to 3 of three voxels are
    2 1 0 1 2 1.
    """
    furthest = size - 1
    walked = positions.astype(np.intp) % max(1, 2 * furthest)
    return np.minimum(walked, 2 * furthest - walked)
