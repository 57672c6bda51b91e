"""The grid of windows over a mirrored image, and the share that each has in the result."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurokit import mirrored

Blend = Literal["bump", "constant"]
Size = tuple[int, int, int]


class Axis:
    """One axis of the padded image, and the windows along it.

    Attributes:
        size: voxels of the image.
        window: voxels of a window.
        before: mirrored voxels in front of the image.
        source: for each voxel of the padded image, the one of the image that it repeats.
        starts: where the windows begin, ascending, in the padded image.
    """

    def __init__(self, size: int, window: int, pad: int, overlap: float) -> None:
        missing = max(0, window - (size + 2 * pad))
        self.size = size
        self.window = window
        self.before = pad + missing // 2
        after = pad + missing - missing // 2
        self.source = mirrored(np.arange(-self.before, size + after), size)
        stride = max(1, round(window * (1 - overlap)))
        last = len(self.source) - window
        self.starts = [*range(0, last, stride), last]

    def covered(self, index: int) -> slice:
        """The voxels of the padded image under a window."""
        return slice(self.starts[index], self.starts[index] + self.window)

    def touching(self, begin: int, end: int) -> range:
        """The windows that cover any of the image's voxels begin to end - 1."""
        first = bisect_right(self.starts, begin + self.before - self.window)
        return range(first, bisect_left(self.starts, end + self.before))

    def borders(self) -> list[int]:
        """The voxels of the image, other than the first, at which a window begins."""
        return [s - self.before for s in self.starts if 0 < s - self.before < self.size]

    def shares(self, blend: Blend, shift: int = 0) -> list[NDArray[np.float32]]:
        """The part that each window has in the result at each of its voxels.

        At every voxel of the padded image, the shares of the windows that know it sum to 1.

        Args:
            blend: the weights of a window.
            shift: a window knows those of its voxels that lie `shift` after another of its voxels.
                The shares of what it does not know are 0.
        """
        # The grid is a product of axes, so each axis can be normalised by itself. In logarithms,
        # weights that would underflow at the edge of a window still have the right proportions.
        known = shifted(self.window, shift)
        log_weights = _log_weights(self.window, blend)[known]
        log_total = np.full(len(self.source), -np.inf)
        for index in range(len(self.starts)):
            under = log_total[self.covered(index)][known]
            under[:] = np.logaddexp(under, log_weights)
        shares = []
        for index in range(len(self.starts)):
            share = np.zeros(self.window, np.float32)
            share[known] = np.exp(log_weights - log_total[self.covered(index)][known])
            shares.append(share)
        return shares

    def known(self, shift: int) -> NDArray[np.bool_]:
        """Which voxels of the image any window knows; see `shares`."""
        voxels = shifted(self.window, shift)
        known = np.zeros(len(self.source), np.bool_)
        for index in range(len(self.starts)):
            known[self.covered(index)][voxels] = True
        return known[self.before : self.before + self.size]


def shifted(size: int, shift: int) -> slice:
    """Along an axis, the voxels that lie `shift` after another voxel."""
    reached = max(0, size - abs(shift))
    return slice(size - reached, size) if shift > 0 else slice(0, reached)


def _log_weights(window: int, blend: Blend) -> NDArray[np.float64]:
    """The logarithms of a window's weights along one axis."""
    if blend == "constant":
        return np.zeros(window)
    u = 2 * np.arange(1, window + 1) / (window + 1) - 1
    log_weights: NDArray[np.float64] = -1 / (1 - u**2)
    return log_weights
