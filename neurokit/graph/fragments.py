"""Fragments: what a watershed cuts a volume into, and segmentations made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.graph.partition import Lookup


@frozen(eq=False)
class Fragments:
    """An oversegmentation.

    Attributes:
        labels_ZYX: ids 1..n, each of which occurs; 0 is background.
        sizes: voxels of each id, background included.
        fingerprint: of the labels; None where they were made from something unknown, and what is
            computed from them is not kept for another time.
    """

    labels_ZYX: NDArray[np.uint32]
    sizes: NDArray[np.int64]
    fingerprint: str | None = None


@frozen(eq=False)
class Agglomeration:
    """A segmentation as fragments and what each became: cheap to make, compare and score.

    Attributes:
        fragments: the oversegmentation.
        lookup: the segment of each fragment id: 1..m, or 0 for background.
    """

    fragments: Fragments
    lookup: Lookup

    @property
    def labels_ZYX(self) -> NDArray[np.unsignedinteger[Any]]:
        """The segmentation, voxel by voxel."""
        return self.lookup[self.fragments.labels_ZYX]
