"""Places of mistakes: where the pieces of a segment, or of a neuron, meet."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.graph.threads import side_by_side, slabs
from neurokit.reporting.lines import CodeBook, Lines, pass_slab
from neurokit.volumes import ArrayLike

_SLIVERS = 100
"""A piece that holds less than a whole divided by this is a sliver."""

_MOST_PIECES = 16
"""Of each segment or neuron, so many of its pieces, the largest, are looked at for a contact."""


class Wholes:
    """The costliest of the segments, or of the neurons, and what is learnt of their places.

    Args:
        ids, piece_ids: what the positions `wholes` and `pieces` stand for.
        wholes, pieces, counts: a table of what they share, each pair once.
        most: how many to look at.
    """

    def __init__(
        self,
        ids: NDArray[Any],
        piece_ids: NDArray[Any],
        wholes: NDArray[np.uint32],
        pieces: NDArray[np.uint32],
        counts: NDArray[np.int64],
        most: int,
    ) -> None:
        sizes = np.bincount(wholes, weights=counts, minlength=len(ids))
        squares = np.bincount(wholes, weights=counts.astype(float) ** 2, minlength=len(ids))
        self._parts = np.bincount(wholes, minlength=len(ids))
        large = wholes[counts * _SLIVERS >= sizes[wholes]]
        self._large = np.bincount(large, minlength=len(ids))
        self.costs = np.where(self._parts > 1, (sizes**2 - squares) / 2, 0.0)
        worst = np.lexsort((np.arange(len(ids)), -self.costs))[:most]
        self._worst = worst[self.costs[worst] > 0]
        members = [np.flatnonzero(wholes == each) for each in self._worst]
        largest = [
            each[np.lexsort((pieces[each], -counts[each]))][:_MOST_PIECES] for each in members
        ]
        chosen = np.unique(pieces[np.concatenate(largest)]) if largest else pieces[:0]
        # What two wholes share no piece of stays 0 and is never the costliest.
        self._sizes = np.zeros((len(self._worst), len(chosen)))
        for row, each in enumerate(members):
            inside = each[np.isin(pieces[each], chosen)]
            self._sizes[row, np.searchsorted(chosen, pieces[inside])] = counts[inside]
        self._names = [int(each) for each in ids[self._worst]]
        self._piece_names = [int(each) for each in piece_ids[chosen]]
        self.whole_codes = CodeBook(ids[self._worst])
        self.piece_codes = CodeBook(piece_ids[chosen])
        wholes_, pieces_ = self._sizes.shape
        # Of each pair of pieces: how many places, and the sums of their z, y and x. A piece and
        # itself meet in each of its voxels.
        self.sums = np.zeros((wholes_, pieces_, pieces_, 4))
        self.wanted = np.full((wholes_, 2), -1)
        self.middles = np.zeros((wholes_, 3))
        self.distances = np.full(wholes_, np.inf)
        self.places = np.zeros((wholes_, 3), np.int64)

    def choose(self) -> None:
        """Settle which pieces are shown, and which voxel is looked for, from what was summed."""
        for row, sums in enumerate(self.sums):
            products = np.triu(np.outer(self._sizes[row], self._sizes[row]), 1)
            costs = np.where(sums[..., 0] > 0, products, 0.0)
            first, second = divmod(int(costs.argmax()), len(costs))
            if costs[first, second] == 0:
                first = second = self._by_size(row)[1]
            self.wanted[row] = first, second
            self.middles[row] = sums[first, second, 1:] / sums[first, second, 0]

    def _by_size(self, row: int) -> list[int]:
        """The pieces that are looked at, the largest first; of equal ones the smaller id."""
        sizes = self._sizes[row]
        return sorted(
            map(int, np.flatnonzero(sizes)), key=lambda at: (-sizes[at], self._piece_names[at])
        )

    @property
    def ids(self) -> list[int]:
        """The wholes, the costliest first."""
        return self._names

    def cost(self, row: int) -> float:
        """Pairs of voxels of a whole that lie in two pieces."""
        return float(self.costs[self._worst[row]])

    def parts(self, row: int) -> int:
        """How many pieces a whole has."""
        return int(self._parts[self._worst[row]])

    def large_parts(self, row: int) -> int:
        """How many pieces of a whole are no slivers."""
        return int(self._large[self._worst[row]])

    def of_large_pieces(self) -> int:
        """How many of all wholes have two pieces, or more, that are no slivers."""
        return int((self._large > 1).sum())

    def largest(self, row: int, most: int) -> list[tuple[int, int]]:
        """The largest pieces of a whole: id and voxels."""
        return [self._named(row, piece) for piece in self._by_size(row)[:most]]

    def meet(self, row: int) -> bool:
        """Whether two pieces of a whole meet."""
        first, second = self.wanted[row]
        return bool(first != second)

    def shown(self, row: int) -> list[tuple[int, int]]:
        """The two pieces of a whole that are shown, the larger first: id and voxels."""
        first, second = (int(each) for each in self.wanted[row])
        by_size = self._by_size(row)
        pair = by_size[:2] if first == second else sorted((first, second), key=by_size.index)
        return [self._named(row, piece) for piece in pair]

    def _named(self, row: int, piece: int) -> tuple[int, int]:
        """The id of a piece, and how many voxels of a whole it holds."""
        return self._piece_names[piece], int(self._sizes[row, piece])


def locate(
    searches: tuple[tuple[Wholes, ArrayLike, ArrayLike], ...],
    voxel_size_nm: tuple[float, float, float],
) -> None:
    """Find the place of each mistake: first the middle of each contact, then a voxel near it.

    Args:
        searches: of each kind of mistake the wholes, and the volumes of wholes and of pieces.
        voxel_size_nm: by which distances are told.
    """
    searches = tuple(each for each in searches if len(each[0].wanted))
    if not searches:
        return
    shape = tuple(searches[0][1].shape)
    spacing = np.asarray(voxel_size_nm, float)
    for looks_closer in (False, True):
        if looks_closer:
            for wholes, _, _ in searches:
                wholes.choose()
        lines = [Lines(shape[1:]) for _ in searches]
        for start, stop in slabs(shape):
            slab = {id(each): np.asarray(each[start:stop]) for each in searches[0][1:]}
            look = partial(_look, start, slab, spacing, looks_closer)
            side_by_side(look, zip(searches, lines, strict=True))


def _look(
    first_section: int,
    slab: dict[int, NDArray[Any]],
    spacing: NDArray[np.float64],
    looks_closer: bool,
    search_and_lines: tuple[tuple[Wholes, ArrayLike, ArrayLike], Lines],
) -> None:
    """Pass a slab, whose voxels are given by the volumes' identities, for one kind of mistake."""
    (wholes, outer, inner), along_z = search_and_lines
    pass_slab(
        wholes.whole_codes.of(slab[id(outer)]),
        wholes.piece_codes.of(slab[id(inner)]),
        first_section,
        along_z.wholes,
        along_z.pieces,
        along_z.gaps,
        looks_closer,
        wholes.sums,
        wholes.wanted,
        wholes.middles,
        spacing,
        wholes.distances,
        wholes.places,
    )
