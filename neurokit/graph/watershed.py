"""Watershed: fragments that affinities hold together, by steepest ascent.

The algorithm is that of Zlateski and Seung, "Image segmentation by size-dependent single linkage
clustering of a watershed basin graph" (arXiv 1505.00249), with the order of the waterz package
where there is a choice: the fragments and their ids are the same.
"""

from __future__ import annotations

from functools import partial
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.graph.affinities import Affinities
from neurokit.graph.compiled import compiled
from neurokit.graph.fragments import Fragments
from neurokit.graph.threads import side_by_side, slabs

Bytes = NDArray[np.uint8]
Roots = NDArray[np.uint32] | NDArray[np.uint64]

MOST_FRAGMENTS = 2**32 - 1

# A voxel's byte holds a bit for each neighbour that it drains to: in the order -z, -y, -x, +z, +y,
# +x, so that the opposite of direction d is (d + 3) % 6. Two more bits mark it on the way.
_QUEUED = np.uint8(0x40)
_CORNER = np.uint8(0x80)
_DIRECTIONS = np.uint8(0x3F)


def watershed(
    affinities_CZYX: Affinities,
    aff_threshold: tuple[float, float],
    *,
    most_fragments: int = MOST_FRAGMENTS,
) -> Fragments:
    """The fragments of a volume.

    A voxel drains to the neighbour that it has its strongest affinity with, to several of equal
    strength, and to all with at least the second threshold. What drains to one place is a fragment.
    Plateaus are divided evenly among their ways out.

    Args:
        affinities_CZYX: along z, y and x, in this order, each stored at the higher end of its edge;
            float32 in [0, 1], or uint8 for values / 255.
        aff_threshold: a voxel without an affinity above the first is background; the second joins
            without question.
        most_fragments: that ids can name.

    Returns:
        Fragments with ids in the order of their first voxels (z, then y, then x).

    Raises:
        NeurokitError: there are more fragments than ids.
    """
    low, high = _bounds(affinities_CZYX, aff_threshold)
    shape = affinities_CZYX.shape[1:]
    drains_ZYX = np.zeros(shape, np.uint8)
    each = slabs(shape)
    side_by_side(partial(_drain, affinities_CZYX, low, high, drains_ZYX), each)
    side_by_side(partial(_find_corners, drains_ZYX), each)
    _divide_plateaus(drains_ZYX)
    return _number(drains_ZYX, each, most_fragments)


def _bounds(
    affinities_CZYX: Affinities, aff_threshold: tuple[float, float]
) -> tuple[np.float32, np.float32] | tuple[np.int16, np.int16]:
    """The two thresholds, compared in single precision or, of bytes, the same in steps of 1/255."""
    low, high = (np.float32(threshold) for threshold in aff_threshold)
    if affinities_CZYX.dtype != np.uint8:
        return low, high
    steps = np.arange(256, dtype=np.float32) / np.float32(255)
    below = np.searchsorted(steps, low, side="right") - 1
    return np.int16(below), np.int16(np.searchsorted(steps, high, side="left"))


@compiled
def _drain(
    affinities_CZYX: Affinities,
    low: np.float32 | np.int16,
    high: np.float32 | np.int16,
    drains_ZYX: Bytes,
    slab: tuple[int, int],
) -> None:
    """Set where the voxels of a slab drain to."""
    depth, height, width = drains_ZYX.shape
    for z in range(slab[0], slab[1]):
        for y in range(height):
            for x in range(width):
                # What lies outside joins nothing: `low` is neither the strongest nor `high`.
                back_z = affinities_CZYX[0, z, y, x] if z > 0 else low
                back_y = affinities_CZYX[1, z, y, x] if y > 0 else low
                back_x = affinities_CZYX[2, z, y, x] if x > 0 else low
                on_z = affinities_CZYX[0, z + 1, y, x] if z + 1 < depth else low
                on_y = affinities_CZYX[1, z, y + 1, x] if y + 1 < height else low
                on_x = affinities_CZYX[2, z, y, x + 1] if x + 1 < width else low
                strongest = max(back_z, back_y, back_x, on_z, on_y, on_x)
                if strongest <= low:
                    continue
                enough = min(strongest, high)
                drains_ZYX[z, y, x] = (
                    (back_z >= enough)
                    | (back_y >= enough) << 1
                    | (back_x >= enough) << 2
                    | (on_z >= enough) << 3
                    | (on_y >= enough) << 4
                    | (on_x >= enough) << 5
                )


@compiled
def _find_corners(drains_ZYX: Bytes, slab: tuple[int, int]) -> None:
    """Mark the voxels of a slab at which a plateau is left: some neighbour does not drain back.

    A voxel that drains to one neighbour only has nothing to be divided, and needs no mark.
    """
    _, height, width = drains_ZYX.shape
    drains = drains_ZYX.ravel()
    steps = _steps(height, width)
    for voxel in range(slab[0] * height * width, slab[1] * height * width):
        ways = drains[voxel] & _DIRECTIONS
        if ways & (ways - 1) == 0:
            continue
        for way in range(6):
            back = (way + 3) % 6
            if ways >> way & 1 and not drains[voxel + steps[way]] >> back & 1:
                drains[voxel] |= _QUEUED | _CORNER
                break


@compiled
def _divide_plateaus(drains_ZYX: Bytes) -> None:
    """Leave each voxel of a plateau with ways out one way, to where out is nearest."""
    _, height, width = drains_ZYX.shape
    drains = drains_ZYX.ravel()
    steps = _steps(height, width)
    queue = np.empty(1 << 12, np.int64)
    queued = 0
    # First all corners in order, then what they reach, in the order of reaching.
    for voxel in range(len(drains)):
        if drains[voxel] & _CORNER:
            queue, queued = _leave_one_way(drains, steps, voxel, queue, queued)
    taken = 0
    while taken < queued:
        queue, queued = _leave_one_way(drains, steps, queue[taken], queue, queued)
        taken += 1


@compiled
def _leave_one_way(
    drains: Bytes,
    steps: NDArray[np.int64],
    voxel: int,
    queue: NDArray[np.int64],
    queued: int,
) -> tuple[NDArray[np.int64], int]:
    """Keep the last way that does not lead back, and queue the neighbours on the plateau."""
    out = np.uint8(0)
    for way in range(6):
        if drains[voxel] >> way & 1:
            neighbour = voxel + steps[way]
            if not drains[neighbour] >> ((way + 3) % 6) & 1:
                out = np.uint8(1 << way)
            elif not drains[neighbour] & _QUEUED:
                drains[neighbour] |= _QUEUED
                if queued == len(queue):
                    queue = _doubled(queue)
                queue[queued] = neighbour
                queued += 1
    drains[voxel] = out
    return queue, queued


def _number(drains_ZYX: Bytes, each: list[tuple[int, int]], most_fragments: int) -> Fragments:
    """Give what drains to one place one id.

    All ways from a voxel lead to the same place by now, so that fragments are what is connected,
    whichever way the water runs.
    """
    shape = drains_ZYX.shape
    roots_ZYX = np.empty(shape, np.uint32 if drains_ZYX.size < 2**32 else np.uint64)
    side_by_side(partial(_connect, drains_ZYX, roots_ZYX), each)
    for first, _ in each[1:]:
        _connect_sections(drains_ZYX, roots_ZYX, first)
    counts = side_by_side(partial(_count_roots, drains_ZYX, roots_ZYX), each)
    count = sum(counts)
    if count > most_fragments:
        raise NeurokitError(
            f"the volume falls into {count:,} fragments, and ids go to {most_fragments:,}; decode "
            f"it in parts, or raise the first or lower the second number of aff_threshold"
        )
    labels_ZYX = np.zeros(shape, np.uint32)
    before = accumulate(counts, initial=0)
    side_by_side(
        lambda slab: _name_roots(drains_ZYX, roots_ZYX, labels_ZYX, *slab),
        list(zip(each, before, strict=False)),
    )
    sizes = sum(
        side_by_side(partial(_name_others, roots_ZYX, labels_ZYX, count), each),
        start=np.zeros(count + 1, np.int64),
    )
    return Fragments(labels_ZYX, sizes)


@compiled
def _connect(drains_ZYX: Bytes, roots_ZYX: Roots, slab: tuple[int, int]) -> None:
    """Give the voxels of a slab that are connected within it the first of them as their root."""
    _, height, width = drains_ZYX.shape
    drains, roots = drains_ZYX.ravel(), roots_ZYX.ravel()
    steps = _steps(height, width)
    begin = slab[0] * height * width
    for voxel in range(begin, slab[1] * height * width):
        roots[voxel] = voxel
        for way in range(3):
            # Backwards from here, or onwards from there. A way never leads out of the volume.
            there = voxel + steps[way]
            if there >= begin and (drains[voxel] >> way & 1 or drains[there] >> (way + 3) & 1):
                _unite(roots, voxel, there)


@compiled
def _connect_sections(drains_ZYX: Bytes, roots_ZYX: Roots, section: int) -> None:
    """Connect what is connected from a section to the one before it."""
    _, height, width = drains_ZYX.shape
    drains, roots = drains_ZYX.ravel(), roots_ZYX.ravel()
    plane = height * width
    for voxel in range(section * plane, (section + 1) * plane):
        if drains[voxel] & 1 or drains[voxel - plane] >> 3 & 1:
            _unite(roots, voxel, voxel - plane)


@compiled
def _unite(roots: Roots, one: int, other: int) -> None:
    """Make the first of two roots that of both."""
    one, other = _root(roots, one), _root(roots, other)
    roots[max(one, other)] = min(one, other)


@compiled
def _root(roots: Roots, voxel: int) -> int:
    while roots[voxel] != voxel:
        roots[voxel] = roots[roots[voxel]]
        voxel = roots[voxel]
    return voxel


@compiled
def _count_roots(drains_ZYX: Bytes, roots_ZYX: Roots, slab: tuple[int, int]) -> int:
    """How many fragments begin in a slab; a voxel that drains nowhere is background."""
    _, height, width = drains_ZYX.shape
    drains, roots = drains_ZYX.ravel(), roots_ZYX.ravel()
    count = 0
    for voxel in range(slab[0] * height * width, slab[1] * height * width):
        count += roots[voxel] == voxel and drains[voxel] != 0
    return count


@compiled
def _name_roots(
    drains_ZYX: Bytes,
    roots_ZYX: Roots,
    labels_ZYX: NDArray[np.uint32],
    slab: tuple[int, int],
    named: int,
) -> None:
    """Give the roots of a slab the ids after those of the slabs before."""
    _, height, width = drains_ZYX.shape
    drains, roots, labels = drains_ZYX.ravel(), roots_ZYX.ravel(), labels_ZYX.ravel()
    for voxel in range(slab[0] * height * width, slab[1] * height * width):
        if roots[voxel] == voxel and drains[voxel] != 0:
            named += 1
            labels[voxel] = named


@compiled
def _name_others(
    roots_ZYX: Roots, labels_ZYX: NDArray[np.uint32], count: int, slab: tuple[int, int]
) -> NDArray[np.int64]:
    """Give every voxel of a slab the id of its root; how many voxels there each id has."""
    _, height, width = roots_ZYX.shape
    roots, labels = roots_ZYX.ravel(), labels_ZYX.ravel()
    sizes = np.zeros(count + 1, np.int64)
    for voxel in range(slab[0] * height * width, slab[1] * height * width):
        root = voxel
        while roots[root] != root:
            root = roots[root]
        labels[voxel] = labels[root]
        sizes[labels[root]] += 1
    return sizes


@compiled
def _steps(height: int, width: int) -> NDArray[np.int64]:
    """How far each neighbour lies in the flat volume, in the order of the bits."""
    plane = height * width
    return np.array([-plane, -width, -1, plane, width, 1])


@compiled
def _doubled(values: NDArray[np.int64]) -> NDArray[np.int64]:
    longer = np.empty(2 * len(values), np.int64)
    longer[: len(values)] = values
    return longer
