"""Transposed: arrays that are stored x, y, z, as volumes z, y, x."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import ArrayLike


@frozen
class Transposed:
    """An array with the axes x, y, z, and perhaps channels, seen as z, y, x; read when indexed.

    Attributes:
        stored: the array.
        channel: which one of the last of its four axes is seen; None if it has three.
    """

    stored: ArrayLike
    channel: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along z, y and x."""
        return tuple(reversed(self.stored.shape[:3]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the voxels."""
        return self.stored.dtype

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        """The part that numbers, slices and `...` choose, axes in the order z, y, x."""
        places = list(index) if isinstance(index, tuple) else [index]
        if Ellipsis not in places:
            places.append(Ellipsis)
        gap = places.index(Ellipsis)
        places[gap : gap + 1] = [slice(None)] * (3 - (len(places) - 1))
        if len(places) != 3:
            raise IndexError(f"{len(places)} places for 3 axes")
        chosen = () if self.channel is None else (self.channel,)
        return np.asarray(self.stored[(*reversed(places), *chosen)]).transpose()
