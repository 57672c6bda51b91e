"""A run of sections of a volume, as a volume of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from neurokit.errors import NeurokitError
from neurokit.volumes.indexing import Index, full_index
from neurokit.volumes.volume import ArrayLike


def sections_of(array: ArrayLike, start: int, stop: int) -> ArrayLike:
    """The sections start to stop - 1 along the first axis; nothing is read yet.

    Raises:
        NeurokitError: the array does not have these sections.
    """
    count = array.shape[0]
    if not 0 <= start < stop <= count:
        raise NeurokitError(
            f"sections [{start}, {stop}) are not among the {count} there are; "
            f"choose 0 <= start < stop <= {count}"
        )
    return _Sections(array, start, stop)


@frozen
class _Sections:
    array: ArrayLike
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.stop - self.start, *self.array.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    def __getitem__(self, index: Index) -> Any:
        section, *within = full_index(index, self.shape)
        if isinstance(section, slice):
            shifted: int | slice = slice(
                section.start + self.start, section.stop + self.start, section.step
            )
        else:
            shifted = section + self.start
        return self.array[(shifted, *within)]
