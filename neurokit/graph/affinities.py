"""Affinities as the graph takes them: numbers from 0 to 1, or bytes that stand for them."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

Affinities = NDArray[np.float32] | NDArray[np.uint8]


def as_float(affinities: Affinities) -> NDArray[np.float32]:
    """The numbers from 0 to 1: of bytes, value / 255."""
    if affinities.dtype == np.uint8:
        return np.divide(affinities, np.float32(255), dtype=np.float32)
    return cast(NDArray[np.float32], affinities)
