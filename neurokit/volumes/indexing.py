"""Basic indexing, spelled out: what arrays in files understand of NumPy's indices."""

from __future__ import annotations

from types import EllipsisType
from typing import SupportsIndex

Place = int | slice
Index = SupportsIndex | slice | EllipsisType | tuple[SupportsIndex | slice | EllipsisType, ...]


def full_index(index: Index, shape: tuple[int, ...]) -> tuple[Place, ...]:
    """One number or slice for each axis, both counted from the start of the axis.

    Args:
        index: numbers, slices with a positive step and at most one `...`, as for NumPy.
        shape: of what is indexed.

    Raises:
        IndexError: a place outside, too many places, a step below 1, or another kind of index.
    """
    places = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis not in places:
        places.append(Ellipsis)
    gap = places.index(Ellipsis)
    missing = len(shape) - (len(places) - 1)
    if missing < 0:
        raise IndexError(f"{len(places) - 1} places for {len(shape)} axes")
    places[gap : gap + 1] = [slice(None)] * missing
    return tuple(_place(place, size) for place, size in zip(places, shape, strict=True))


def _place(place: object, size: int) -> Place:
    if isinstance(place, slice):
        start, stop, step = place.indices(size)
        if step < 1:
            raise IndexError(f"a step of {step}; steps must be positive")
        return slice(start, max(start, stop), step)
    if isinstance(place, SupportsIndex):
        return range(size)[place]
    raise IndexError(f"{place!r} is neither a number, a slice nor '...'")
