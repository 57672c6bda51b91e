"""The region graph: which fragments touch, and what the affinities between them say."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

LEVELS = 256
"""Bins of affinities and scores."""

UNIT = 2.0**-32
"""What one step of `RegionGraph.total` is worth: sums of integers do not depend on their order."""


@frozen(eq=False)
class Histograms:
    """How often each level occurs between two fragments, for every edge of a region graph.

    Attributes:
        starts: where the entries of each edge begin, and, last, how many there are.
        levels: rising within an edge.
        counts: affinities of that level, at least 1.
    """

    starts: NDArray[np.int64]
    levels: NDArray[np.uint8]
    counts: NDArray[np.uint32]


@frozen(eq=False)
class RegionGraph:
    """Every pair of touching fragments, once, in ascending order of (first, second).

    All statistics are additive: those of two fragments in a whole volume are the sums (of
    `highest`, the maximum) of those in its parts.

    Attributes:
        first, second: the two ids, the smaller first; neither is 0.
        highest: the level of the largest affinity between them: floor(256 affinity), at most 255.
        total: the sum of the affinities between them, in steps of `UNIT`.
        contacts: how many affinities there are between them.
        histograms: of all the affinities between them, where they were asked for.
        running_mean: their mean, taken in the order of the volume in single precision, as the
            waterz package does, where it was asked for. Not additive: graphs of parts have none.
    """

    first: NDArray[np.uint32]
    second: NDArray[np.uint32]
    highest: NDArray[np.uint8]
    total: NDArray[np.int64]
    contacts: NDArray[np.uint32]
    histograms: Histograms | None = None
    running_mean: NDArray[np.float32] | None = None
