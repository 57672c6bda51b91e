"""Arrays as viewers take them: of types that they know, read where they are looked at."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from neurokit.graph.memory import available_memory
from neurokit.volumes import ArrayLike

_GREYS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32")
_SAMPLED_SECTIONS = 3
_DARKEST, _BRIGHTEST = 0.1, 99.9
_SMALL = 1 << 29
_SHARE_OF_MEMORY = 8


@frozen(eq=False)
class GreyValues:
    """Grey values; those of a type that viewers do not know as float32.

    Attributes:
        array: of any shape.
    """

    array: ArrayLike
    dtype: np.dtype[Any] = field(init=False)

    @dtype.default
    def _shown_type(self) -> np.dtype[Any]:
        name = self.array.dtype.name
        return np.dtype(name if name in _GREYS else "float32")

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the array."""
        return tuple(self.array.shape)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        return np.asarray(self.array[index], self.dtype)


@frozen(eq=False)
class Ids:
    """Labels as ids that are not negative: what is to be ignored (-1) is shown as background.

    Attributes:
        array: integers ZYX.
    """

    array: ArrayLike
    dtype: np.dtype[Any] = field(init=False)

    @dtype.default
    def _shown_type(self) -> np.dtype[Any]:
        return np.dtype(np.uint64 if self.array.dtype.itemsize > 4 else np.uint32)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the array."""
        return tuple(self.array.shape)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        labels = np.asarray(self.array[index])
        if labels.dtype.kind == "i":
            labels = np.maximum(labels, 0)
        return labels.astype(self.dtype, copy=False)


@frozen(eq=False)
class SomeChannels:
    """Some channels of a prediction CZYX, in an order of their own.

    Attributes:
        array: all channels.
        chosen: which of them.
    """

    array: ArrayLike
    chosen: tuple[int, ...]
    dtype: np.dtype[Any] = field(init=False)

    @dtype.default
    def _shown_type(self) -> np.dtype[Any]:
        return GreyValues(self.array).dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(chosen channels, Z, Y, X)."""
        return (len(self.chosen), *self.array.shape[1:])

    def __getitem__(self, index: tuple[slice, slice, slice, slice]) -> NDArray[Any]:
        channels, *within = index
        parts = [self.array[(each, *within)] for each in self.chosen[channels]]
        return np.asarray(np.stack(parts), self.dtype)


def kept_if_small(array: ArrayLike) -> ArrayLike:
    """The array, or one that reads it whole where it is first looked at.

    A viewer asks for cubes. Files that are compressed section by section decode whole sections for
    each, again and again; where all of it fits well into memory, it is better decoded once.
    """
    size = math.prod(array.shape) * array.dtype.itemsize
    limit = min(_SMALL, (available_memory() or _SMALL) // _SHARE_OF_MEMORY)
    return array if isinstance(array, np.ndarray) or size > limit else _Kept(array)


class _Kept:
    """An array that is read whole, once, by whichever thread comes first."""

    def __init__(self, array: ArrayLike) -> None:
        self.shape, self.dtype = tuple(array.shape), array.dtype
        self._stored = array
        self._read: NDArray[Any] | None = None
        self._lock = threading.Lock()

    def __getitem__(self, index: Any) -> Any:
        with self._lock:
            if self._read is None:
                self._read = np.asarray(self._stored[...])
        return self._read[index]


def shown_range(array_ZYX: ArrayLike) -> tuple[float, float]:
    """The grey values to show as black and as white.

    Those of uint8 are 0 and 255. Of other types, a few sections say where nearly all values lie.
    """
    if array_ZYX.dtype == np.uint8:
        return 0.0, 255.0
    depth = array_ZYX.shape[0]
    places = np.linspace(0, depth - 1, min(depth, _SAMPLED_SECTIONS)).astype(int)
    values = np.concatenate([np.ravel(array_ZYX[int(place)]) for place in places])
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite.astype(np.float64), [_DARKEST, _BRIGHTEST])
    return float(low), float(high if high > low else low + 1)
