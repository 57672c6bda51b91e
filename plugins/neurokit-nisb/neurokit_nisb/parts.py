"""Parts: the components of blocks, and how they become those of the volume.

Each block is labelled by itself. Where an edge crosses from a block into the one before it, the two
parts that it joins are noted; in the end, the parts that such notes link are one segment. Which
voxels are linked does not depend on where blocks begin, so neither do the segments. A voxel that
nothing joins within its block stays a part only at a face of the block, where an edge may come.
"""

from __future__ import annotations

from collections.abc import Sequence

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from neurokit import NeurokitError
from neurokit_nisb.blocks import Block, Size

Counts = NDArray[np.int64]
Labels = NDArray[np.uint32]

_MOST_PARTS = 2**32 - 1


class Parts:
    """The parts of the blocks of a volume that were added so far; blocks come in raster order."""

    def __init__(self, shape: Size) -> None:
        self._labels = np.zeros(shape, np.uint32)
        self._count = 0
        self._sizes: list[Counts] = []
        self._firsts: list[Counts] = []
        self._links: list[Counts] = []

    def add(self, block: Block, joined: Sequence[NDArray[np.bool_]]) -> None:
        """Label a block.

        Args:
            block: the box, next in raster order.
            joined: for each axis, which voxels ZYX of the block are joined to the one before them,
                in this block or the one before; a voxel before the volume is never joined to.

        Raises:
            NeurokitError: there are more parts than 32 bits can count.
        """
        local, sizes = _components(joined)
        firsts = _first_voxels(local, len(sizes))
        kept = (sizes > 1) | _at_faces(local, len(sizes))
        count = int(kept.sum())
        if self._count + count > _MOST_PARTS:
            raise NeurokitError(
                f"blocks have more than {_MOST_PARTS} parts in all; choose a larger block_size"
            )
        numbers = np.where(kept, self._count + np.cumsum(kept), 0).astype(np.uint32)
        self._labels[block] = numbers[local]
        self._count += count
        self._sizes.append(sizes[kept])
        self._firsts.append(self._place_in_volume(firsts[kept], block))
        for axis in range(3):
            self._link(block, axis, joined[axis])

    def segments(self, min_size: int) -> Labels:
        """The labels of the whole volume, ids 1..n in the order of first voxels, 0 for background.

        The parts are used up by it.

        Args:
            min_size: voxels below which a segment becomes background.
        """
        if self._count == 0:
            return self._labels
        sizes, firsts = _concatenated(self._sizes), _concatenated(self._firsts)
        links = _concatenated(self._links)
        first, second = links >> 32, links & 0xFFFFFFFF
        graph = coo_array(
            (np.ones(len(links), bool), (first - 1, second - 1)), (self._count, self._count)
        )
        count, segment_of = connected_components(graph, directed=False)
        voxels = np.zeros(count, np.int64)
        np.add.at(voxels, segment_of, sizes)
        start = np.full(count, self._labels.size, np.int64)
        np.minimum.at(start, segment_of, firsts)

        kept = np.flatnonzero(voxels >= min_size)
        ids = np.zeros(count, np.uint32)
        ids[kept[np.argsort(start[kept])]] = np.arange(1, len(kept) + 1)
        of_part = np.concatenate([np.zeros(1, np.uint32), ids[segment_of]])
        for section_YX in self._labels:  # one by one, to need no second volume
            section_YX[...] = of_part[section_YX]
        return self._labels

    def _place_in_volume(self, places: Counts, block: Block) -> Counts:
        """Places in a block, counted in raster order, as places in the volume."""
        z, y, x = np.unravel_index(places, self._labels[block].shape)
        _, rows, columns = self._labels.shape
        in_volume: Counts = ((z + block[0].start) * rows + (y + block[1].start)) * columns + (
            x + block[2].start
        )
        return in_volume

    def _link(self, block: Block, axis: int, joined: NDArray[np.bool_]) -> None:
        """Note which parts are joined across the face between a block and the one before it."""
        start = block[axis].start
        if start == 0:
            return
        face, before = list(block), list(block)
        face[axis], before[axis] = slice(start, start + 1), slice(start - 1, start)
        crossing = joined.take([0], axis)
        after = self._labels[tuple(face)][crossing].astype(np.int64)
        pairs = (self._labels[tuple(before)][crossing].astype(np.int64) << 32) | after
        self._links.append(np.unique(pairs))


def _components(joined: Sequence[NDArray[np.bool_]]) -> tuple[NDArray[np.unsignedinteger], Counts]:
    """The components of a block, numbered from 0, and the size of each."""
    # To cc3d, the first two bits stand for the neighbours after and before along x, and so on to z;
    # it takes x, y, z by columns, which is z, y, x by rows, seen from the other side.
    bits = np.zeros(joined[0].shape, np.uint8)
    for axis, edges in enumerate(joined):
        inner = edges.view(np.uint8)[_from(axis, 1)]
        bits[_up_to_last(axis)] |= inner << (4 - 2 * axis)
        bits[_from(axis, 1)] |= inner << (5 - 2 * axis)
    labels_XYZ, count = cc3d.color_connectivity_graph(bits.T, connectivity=6, return_N=True)
    labels = np.ascontiguousarray(labels_XYZ.T)
    labels -= 1
    return labels, np.bincount(labels.ravel(), minlength=count)


def _first_voxels(labels: NDArray[np.unsignedinteger], count: int) -> Counts:
    """The first place of each label in raster order."""
    firsts = np.empty(count, np.int64)
    flat = labels.ravel()
    # Of several values for one place the last stays: the first voxel, when they come from the end.
    firsts[flat[::-1]] = np.arange(flat.size - 1, -1, -1)
    return firsts


def _at_faces(labels: NDArray[np.unsignedinteger], count: int) -> NDArray[np.bool_]:
    """Which labels have a voxel at a face of the block."""
    touching = np.zeros(count, bool)
    for axis in range(3):
        for end in (0, -1):
            touching[labels[_at(axis, end)]] = True
    return touching


def _at(axis: int, place: int) -> tuple[slice | int, ...]:
    return tuple(place if each == axis else slice(None) for each in range(3))


def _from(axis: int, first: int) -> tuple[slice, ...]:
    return tuple(slice(first, None) if each == axis else slice(None) for each in range(3))


def _up_to_last(axis: int) -> tuple[slice, ...]:
    return tuple(slice(None, -1) if each == axis else slice(None) for each in range(3))


def _concatenated(arrays: Sequence[Counts]) -> Counts:
    return np.concatenate([np.zeros(0, np.int64), *arrays])
