"""A run of sections of a volume, as a volume of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from neurokit.errors import NeurokitError
from neurokit.volumes.axes import place_of, three_axes
from neurokit.volumes.indexing import Index, full_index
from neurokit.volumes.volume import ArrayLike


def sections_of(array: ArrayLike, start: int, stop: int) -> ArrayLike:
    """The sections start to stop - 1 along z; nothing is read yet.

    Axes of length 1 around z, y and x are dropped, as of any `Volume`.

    Raises:
        NeurokitError: the array does not have these sections.
    """
    array = three_axes(array)
    count = array.shape[0]
    if not 0 <= start < stop <= count:
        raise NeurokitError(
            f"sections [{start}, {stop}) are not among the {count} there are; "
            f"choose 0 <= start < stop <= {count}"
        )
    return Sections(array, start, stop)


@frozen
class Sections:
    """Sections `start` to `stop` - 1 of an array; nothing is read before it is indexed."""

    array: ArrayLike
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.stop - self.start, *self.array.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def place(self) -> str:
        return place_of(self.array)

    def __getitem__(self, index: Index) -> Any:
        section, *within = full_index(index, self.shape)
        if isinstance(section, slice):
            shifted: int | slice = slice(
                section.start + self.start, section.stop + self.start, section.step
            )
        else:
            shifted = section + self.start
        return self.array[(shifted, *within)]
