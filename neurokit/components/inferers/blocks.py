"""How inference is cut into pieces that fit in memory."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, prod

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import NeurokitError
from neurokit.components.inferers.grid import Axis, Size

GIB = 2**30
_FLOAT = 4

# Copies that exist at one time: of a slab of the image, one in use, one waiting, one being read
# with its unscaled grey values; of a piece of the prediction, those in the writer's queue, the one
# it writes, and the one being made, with an intermediate result.
_SLABS = 4
_PIECES = 6


@frozen
class Block:
    """A rectangle of the image that is blended at one time, in voxels; all sections of it."""

    y: slice
    x: slice


@frozen
class Plan:
    """The blocks, one after the other, and how many windows run through the network together."""

    blocks: tuple[Block, ...]
    batch: int


@frozen
class Limits:
    """What bounds a plan.

    Attributes:
        memory: in bytes, for all but the network itself.
        batch: the most windows that may run together.
        channels: of the prediction.
        in_views: whether windows are seen in several views.
    """

    memory: float
    batch: int
    channels: int
    in_views: bool


def make_plan(axes: tuple[Axis, Axis, Axis], limits: Limits) -> Plan:
    """The blocks that need the fewest windows among those that fit in memory.

    A window that touches several blocks is computed for each of them. Batches get at most half of
    the memory, where that is enough for one window.

    Raises:
        NeurokitError: not even the smallest block fits.
    """
    z, y, x = axes
    cuts_y, cuts_x = _cuts(y), _cuts(x)
    per_window = _bytes_per_window((z.window, y.window, x.window), limits)
    rows = _grid([cut.windows_at_once for cut in cuts_y], [cut.windows_at_once for cut in cuts_x])
    block_area = _grid([cut.voxels for cut in cuts_y], [cut.voxels for cut in cuts_x])
    slab_area = _grid([cut.padded for cut in cuts_y], [cut.padded for cut in cuts_x])
    held = block_area * z.window * _FLOAT * (limits.channels + _PIECES)
    fixed = held + slab_area * z.window * _FLOAT * _SLABS
    windows = _grid([cut.windows for cut in cuts_y], [cut.windows for cut in cuts_x])
    wanted = max(1, min(limits.batch, int(limits.memory / 2 // per_window)))
    for batch in sorted({wanted, 1}, reverse=True):
        needed = fixed + np.minimum(rows, batch) * per_window
        fitting = needed <= limits.memory
        if fitting.any():
            best = np.argmin(np.where(fitting, windows, np.inf))
            at_y, at_x = np.unravel_index(best, windows.shape)
            return Plan(_blocks(cuts_y[at_y], cuts_x[at_x]), batch)
    raise NeurokitError(
        f"inference takes {_rounded_up(needed.min())} GiB at least, and has "
        f"{limits.memory / GIB:.2f}; raise inferer.memory_gib, or lower inferer.window"
    )


@frozen
class _Cut:
    """An axis in parts. The largest part, its windows and what they cover bound the memory.

    Attributes:
        borders: the voxels of the image between which the parts lie.
        voxels: of the longest part.
        padded: voxels of the padded image under the windows of a part, at most.
        windows: of all parts together.
        windows_at_once: of one part, at most.
    """

    borders: tuple[int, ...]
    voxels: int
    padded: int
    windows: int
    windows_at_once: int


def _cuts(axis: Axis) -> list[_Cut]:
    """The axis in 1, 2, ... parts of about the same length, cut where windows begin."""
    candidates = np.array(axis.borders(), dtype=int)
    borders = {
        (0, *_nearest(candidates, axis.size, parts), axis.size)
        for parts in range(1, len(candidates) + 2)
    }
    return [_cut(axis, each) for each in sorted(borders, key=len)]


def _nearest(candidates: NDArray[np.intp], size: int, parts: int) -> tuple[int, ...]:
    """The candidates nearest to where `parts` equal parts of 0 to size - 1 would meet."""
    if parts == 1:
        return ()
    wanted = np.arange(1, parts) * size / parts
    after = np.searchsorted(candidates, wanted).clip(max=len(candidates) - 1)
    before = np.maximum(after - 1, 0)
    nearer = wanted - candidates[before] < candidates[after] - wanted
    return tuple(np.unique(np.where(nearer, candidates[before], candidates[after])).tolist())


def _cut(axis: Axis, borders: tuple[int, ...]) -> _Cut:
    parts = [axis.touching(begin, end) for begin, end in pairwise(borders)]
    return _Cut(
        borders,
        voxels=max(end - begin for begin, end in pairwise(borders)),
        padded=max(axis.starts[part[-1]] + axis.window - axis.starts[part[0]] for part in parts),
        windows=sum(map(len, parts)),
        windows_at_once=max(map(len, parts)),
    )


def _grid(of_y: list[int], of_x: list[int]) -> NDArray[np.float64]:
    """The products of all pairs, as floats, which the bytes of no volume overflow."""
    return np.outer(np.array(of_y, float), np.array(of_x, float))


def _blocks(y: _Cut, x: _Cut) -> tuple[Block, ...]:
    return tuple(
        Block(slice(*rows), slice(*columns))
        for rows in pairwise(y.borders)
        for columns in pairwise(x.borders)
    )


def _bytes_per_window(window: Size, limits: Limits) -> int:
    """What a window takes in a batch.

    The logits as they come from the network, perhaps in half precision, in float32, and of several
    views what was made of those before; the image and the weights in some copies.
    """
    logits = 2.5 if limits.in_views else 1.5
    return prod(window) * ceil(_FLOAT * (logits * limits.channels + 6))


def _rounded_up(size: float) -> float:
    """In GiB, to the next hundredth, so that what is asked for suffices."""
    return ceil(size / GIB * 100) / 100
