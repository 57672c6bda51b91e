"""Threads: compiled work on several pieces side by side."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The result for each item, in their order, on the cores that this process may use.

    Args:
        function: should spend its time without the interpreter's lock, as compiled functions do.
        items: what it is called with.
    """
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(function, items))


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slabs(shape: tuple[int, ...], voxels: int = 1 << 22) -> list[tuple[int, int]]:
    """Ranges of sections (first, end) that together are the volume.

    Args:
        shape: of the volume.
        voxels: in a slab, about, at most; fewer where that gives every core one.
    """
    depth = shape[0]
    thickness = max(1, min(-(-depth // cores()), voxels // max(1, math.prod(shape[1:]))))
    starts = range(0, depth, thickness)
    return [(start, min(start + thickness, depth)) for start in starts]
