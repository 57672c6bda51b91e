"""Axes of length 1 around a volume: files from elsewhere often have some for channel and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from neurokit.volumes.indexing import Index, Place, full_index

if TYPE_CHECKING:
    from neurokit.volumes.volume import ArrayLike


def three_axes(array: ArrayLike) -> ArrayLike:
    """The array without its axes of length 1, where it has more than three and this leaves three.

    Any other array is returned as it is: which of its axes are z, y and x nobody can know.
    """
    kept = tuple(axis for axis, size in enumerate(array.shape) if size > 1)
    if len(array.shape) <= 3 or len(kept) != 3:
        return array
    return array.squeeze() if isinstance(array, np.ndarray) else _Kept(array, kept)


@frozen
class _Kept:
    """An array without the axes that are not `kept`."""

    array: ArrayLike
    kept: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape[axis] for axis in self.kept)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def place(self) -> str:
        return place_of(self.array)

    def __getitem__(self, index: Index) -> Any:
        places: list[Place] = [0] * len(self.array.shape)
        for axis, place in zip(self.kept, full_index(index, self.shape), strict=True):
            places[axis] = place
        return self.array[tuple(places)]


def place_of(array: ArrayLike) -> str:
    """The file that an array lies in, as its user named it; nothing for an array in memory."""
    place: str = getattr(array, "place", "")
    return place


def in_words(shape: tuple[int, ...]) -> str:
    """A shape as messages show it: 61 x 97 x 83."""
    return " x ".join(map(str, shape)) or "no axes"
