"""Mistakes: where a segmentation joins what is apart, or parts what belongs together.

What a mistake costs is counted as Rand does (1971, doi 10.1080/01621459.1971.10482356), in pairs of
voxels that carry a true label above 0 and a segment: pairs joined though they belong to two
neurons, and pairs parted though they belong to one. The costs of all merges, of all splits, and of
the voxels left as background add up to the numerator of the adapted Rand error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.graph.contingency import contingency
from neurokit.reporting.places import Wholes, locate
from neurokit.reporting.region import Block, Slices
from neurokit.volumes import ArrayLike

Place = tuple[int, int, int]

_NAMED = 4
"""Of each mistake, so many of its largest pieces are named."""


@frozen
class Piece:
    """What a segment and a neuron share.

    Attributes:
        id: of the neuron, in a merge; of the segment, in a split.
        voxels: that it has.
    """

    id: int
    voxels: int


@frozen
class Mistake:
    """A merge: one segment with pieces of several neurons. Or a split: one neuron in several.

    Attributes:
        id: of the segment that is a merge, or of the neuron that is split.
        pieces: how many it has.
        large: how many of them hold at least a hundredth of it; the rest are slivers.
        largest: up to four pieces, the largest first; of equal ones the smaller id.
        shown: the two pieces that meet at the place.
        cost: pairs of its voxels that lie in two pieces.
        place_ZYX: a voxel where the two pieces meet, the one nearest to the middle of their
            contact; where no two meet, one in the middle of the smaller of the two largest.
        meets: whether they do.
    """

    id: int
    pieces: int
    large: int
    largest: tuple[Piece, ...]
    shown: tuple[Piece, Piece]
    cost: float
    place_ZYX: Place
    meets: bool

    @property
    def slivers(self) -> int:
        """How many pieces hold less than a hundredth of it."""
        return self.pieces - self.large

    @property
    def largest_meet(self) -> bool:
        """Whether the two pieces that meet are as large as the two largest."""
        return self.meets and [each.voxels for each in self.shown] == [
            each.voxels for each in self.largest[:2]
        ]

    @property
    def named(self) -> tuple[Piece, ...]:
        """The largest pieces and those that are shown, each once, the largest first."""
        named = {*self.largest, *self.shown}
        return tuple(sorted(named, key=lambda piece: (-piece.voxels, piece.id)))


@frozen
class Mistakes:
    """Everything that is wrong with a segmentation, counted, and the worst of it.

    Attributes:
        merges, splits: the costliest, the worst first.
        merged_segments, split_neurons: how many there are in all.
        largely_merged, largely_split: in how many of these two pieces or more are no slivers.
        joined_wrongly: pairs of voxels in one segment and two neurons: the cost of all merges.
        parted_wrongly: pairs in one neuron and two segments: the cost of all splits.
        lost: pairs in one neuron of which a voxel, or both, is in no segment.
        joined, true: pairs in one segment, and pairs in one neuron.
    """

    merges: tuple[Mistake, ...]
    splits: tuple[Mistake, ...]
    merged_segments: int
    split_neurons: int
    largely_merged: int
    largely_split: int
    joined_wrongly: float
    parted_wrongly: float
    lost: float
    joined: float
    true: float

    @property
    def all_wrong(self) -> float:
        """Pairs of voxels on which segmentation and truth disagree."""
        return self.joined_wrongly + self.parted_wrongly + self.lost

    @property
    def adapted_rand(self) -> float:
        """The adapted Rand error, with each voxel left as background a segment of its own."""
        pairs = self.joined + self.true
        return self.all_wrong / pairs if pairs else 0.0

    def share(self, cost: float) -> float:
        """Which part of the adapted Rand error a cost is; 0 where there is no error."""
        return cost / self.all_wrong if self.all_wrong else 0.0


def find_mistakes(
    segmentation: ArrayLike,
    truth: ArrayLike,
    voxel_size_nm: tuple[float, float, float],
    most: int = 10,
    region: Slices | None = None,
) -> Mistakes:
    """The costliest merges and splits of a segmentation, and where they are.

    Two pieces meet where a straight line along an axis leads from one to the other through nothing
    but voxels, at most eight, that have no label (in a merge: true labels of 0 and below; in a
    split: segment 0) and belong to the same segment, or neuron. Pieces that touch are the case of
    none. Of all pairs of pieces that meet, the one that costs most is shown.

    Both volumes are read twice, a few sections at a time.

    Args:
        segmentation: ids ZYX, integers up to 2**63 - 1; 0 is background.
        truth: ids ZYX, integers up to 2**63 - 1; 0 and below are left out.
        voxel_size_nm: edge lengths of a voxel (z, y, x), by which the middle is told.
        most: how many of each to find, a few tens at most.
        region: outside of which no voxel is looked at; a slice with start and stop for each axis.
            Places are of the whole volume all the same. None for all of it.

    Raises:
        NeurokitError: the shapes differ.
    """
    if tuple(segmentation.shape) != tuple(truth.shape):
        raise NeurokitError(
            f"a segmentation of shape {list(segmentation.shape)} cannot be held against labels of "
            f"shape {list(truth.shape)}; both must cover the same voxels"
        )
    corner = np.zeros(3, np.int64)
    if region is not None:
        segmentation, truth = Block(segmentation, region), Block(truth, region)
        corner = np.array([each.start for each in region])
    table = contingency(truth, segmentation)
    labelled = (table.row_ids > 0)[table.rows]
    known = labelled & (table.column_ids > 0)[table.columns]
    neurons, segments = table.rows[known], table.columns[known]
    counts = table.counts[known]
    merges = Wholes(table.column_ids, table.row_ids, segments, neurons, counts, most)
    splits = Wholes(table.row_ids, table.column_ids, neurons, segments, counts, most)
    true = _pairs(np.bincount(table.rows[labelled], weights=table.counts[labelled]))
    both = _pairs(counts)
    locate(((merges, segmentation, truth), (splits, truth, segmentation)), voxel_size_nm)
    return Mistakes(
        merges=_found(merges, corner),
        splits=_found(splits, corner),
        merged_segments=int((merges.costs > 0).sum()),
        split_neurons=int((splits.costs > 0).sum()),
        largely_merged=merges.of_large_pieces(),
        largely_split=splits.of_large_pieces(),
        joined_wrongly=float(merges.costs.sum()),
        parted_wrongly=float(splits.costs.sum()),
        lost=max(0.0, true - both - float(splits.costs.sum())),
        joined=_pairs(np.bincount(segments, weights=counts)),
        true=true,
    )


def _found(wholes: Wholes, corner: NDArray[np.int64]) -> tuple[Mistake, ...]:
    """What is wrong with segments, or with neurons, the worst first.

    Args:
        wholes: these, with places that count from the corner of what was looked at.
        corner: where that lies in the volume.
    """
    mistakes = []
    for row, whole in enumerate(wholes.ids):
        one, other = (Piece(*each) for each in wholes.shown(row))
        z, y, x = (int(each) for each in corner + wholes.places[row])
        mistakes.append(
            Mistake(
                id=whole,
                pieces=wholes.parts(row),
                large=wholes.large_parts(row),
                largest=tuple(Piece(*each) for each in wholes.largest(row, _NAMED)),
                shown=(one, other),
                cost=wholes.cost(row),
                place_ZYX=(z, y, x),
                meets=wholes.meet(row),
            )
        )
    return tuple(mistakes)


def _pairs(counts: NDArray[Any]) -> float:
    """Pairs of two different voxels with the same label; rounded as sums of floats are."""
    sizes = counts.astype(float)
    return float((sizes * (sizes - 1) / 2).sum())
