"""The merge tree: every segmentation that an agglomeration passes through."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled


@frozen(eq=False)
class MergeTree:
    """Which fragments belong together at any threshold.

    A segment is named by its smallest fragment id; where two are joined, the smaller name stays.

    Attributes:
        parent: of each id, the name of the segment that the one named by it was joined to; itself
            where it was not.
        score: at which score that was, float32; infinite where it was not.
        until: thresholds up to this one can be asked for.
    """

    parent: NDArray[np.uint32]
    score: NDArray[np.float32]
    until: float

    def names(self, threshold: float) -> NDArray[np.uint32]:
        """The name of the segment of each id: agglomerated while scores are below `threshold`."""
        assert threshold <= self.until
        return _names(self.parent, self.score, np.float32(threshold))


@compiled
def _names(
    parent: NDArray[np.uint32], score: NDArray[np.float32], threshold: np.float32
) -> NDArray[np.uint32]:
    names = np.empty_like(parent)
    for child in range(len(parent)):
        # A parent is the smaller of two names, so that its own is known by now.
        names[child] = names[parent[child]] if score[child] < threshold else child
    return names
