"""Metrics: how well a segmentation agrees with labels."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import Metric, NeurokitError, Volume, param
from neurokit.graph.contingency import Contingency, contingency, grouped
from neurokit.graph.fragments import Agglomeration
from neurokit.graph.keeping import kept

Crop = Literal["none", "snemi3d-gc"]
Background = Literal["singletons", "segment"]
Counts = NDArray[np.int64]

_BACKGROUND_HELP = (
    "whether voxels left 0 inside true objects are each a segment of one voxel, or all one segment"
)
_CHALLENGE_SHAPE = (100, 1024, 1024)
_CHALLENGE_CROP = (slice(25, 75), slice(97, 928), slice(97, 928))


@frozen(eq=False)
class _Agreement:
    """Voxels inside true objects, counted three ways; singletons are left out of the last two.

    What the metrics sum over segments, pairs of voxels or n log n, is 0 for a single voxel.
    """

    objects: Counts
    segments: Counts
    both: Counts


@frozen(kw_only=True)
class _OverlapMetric(Metric):
    """What the metrics on the overlaps of segments and true objects share."""

    higher_is_better: ClassVar[bool] = False

    crop: Crop = param(
        "none",
        help="what is scored: all, or the central block (z 25:75, y and x 97:928) that the SNEMI3D "
        "challenge at grand-challenge.org scores",
        choices=get_args(Crop),
    )

    # Every metric has a default of its own.
    background: Background

    def score(self, segmentation: NDArray[np.integer], truth: Volume) -> dict[str, float]:
        table = self._table(segmentation, truth)
        return self._scores(_agreement(table, truth.name, self.background))

    def score_agglomeration(self, agglomeration: Agglomeration, truth: Volume) -> dict[str, float]:
        fragments = agglomeration.fragments
        key = None
        if fragments.fingerprint is not None:
            key = f"contingency {fragments.fingerprint} {truth.fingerprint} {self.crop}"
        of_fragments = kept(Contingency, key, lambda: self._table(fragments.labels_ZYX, truth))
        table = grouped(of_fragments, agglomeration.lookup)
        return self._scores(_agreement(table, truth.name, self.background))

    def region(self, truth: Volume) -> tuple[slice, slice, slice]:
        if self.crop == "none":
            return super().region(truth)
        if truth.shape != _CHALLENGE_SHAPE:
            raise NeurokitError(
                f"crop '{self.crop}' is for volumes of {_shape(_CHALLENGE_SHAPE)}, and "
                f"'{truth.name}' has shape {_shape(truth.shape)}; use crop = \"none\""
            )
        return _CHALLENGE_CROP

    @abstractmethod
    def _scores(self, agreement: _Agreement) -> dict[str, float]:
        """What the metric makes of the counts."""

    def _table(self, segmentation: NDArray[np.integer], truth: Volume) -> Contingency:
        """The table of true labels and segments, of what is scored.

        Raises:
            NeurokitError: there are no labels, or they do not fit.
        """
        labels = truth.labels
        if labels is None:
            raise NeurokitError(f"'{truth.name}' has no labels to score against")
        if segmentation.shape != truth.shape:
            raise NeurokitError(
                f"the segmentation has shape {_shape(segmentation.shape)} and the labels of "
                f"'{truth.name}' {_shape(truth.shape)}; they must cover the same voxels"
            )
        if self.crop == "none":
            return contingency(labels, segmentation)
        region = self.region(truth)
        return contingency(labels[region], segmentation[region])


@frozen(kw_only=True)
class AdaptedRand(_OverlapMetric):
    """Adapted Rand error, the score of the SNEMI3D challenge; 0 is best.

    One minus the harmonic mean of precision and recall over pairs of voxels (Arganda-Carreras et
    al. 2015, doi 10.3389/fnana.2015.00142). Precision is the share of the pairs joined by the
    segmentation that are joined in truth, recall the share of the pairs joined in truth that the
    segmentation joins. Where no pair is joined, none is joined wrongly: the share is 1.

    Voxels of true label 0 (background) and below (-1, ignore) are left out. Other voxels that the
    segmentation leaves 0 are each a segment of one voxel, as in the challenge, or all one segment.

    Pairs are of two different voxels. The challenge also pairs each voxel with itself, which adds
    to each sum of squared sizes no more than the number of voxels: nothing that shows for segments
    of thousands of voxels. `skimage.metrics.adapted_rand_error` gives the same error with
    `background = "segment"`: it takes predicted 0 for one segment like any other, and what it
    calls precision is recall here, and the reverse.

    Scores: `adapted_rand`, `adapted_rand_precision`, `adapted_rand_recall`.
    """

    headline: ClassVar[str] = "adapted_rand"

    background: Background = param(
        "singletons",
        help=_BACKGROUND_HELP,
        choices=get_args(Background),
    )

    def _scores(self, agreement: _Agreement) -> dict[str, float]:
        both, joined, true = (
            _pairs(counts) for counts in (agreement.both, agreement.segments, agreement.objects)
        )
        return {
            "adapted_rand": _share(joined + true - 2 * both, joined + true, of_nothing=0.0),
            "adapted_rand_precision": _share(both, joined, of_nothing=1.0),
            "adapted_rand_recall": _share(both, true, of_nothing=1.0),
        }


@frozen(kw_only=True)
class RandError(_OverlapMetric):
    """Share of voxel pairs joined in one of segmentation and truth only; 0 is best.

    One minus the Rand index (Rand 1971, doi 10.1080/01621459.1971.10482356). Voxels of true label
    0 (background) and below (-1, ignore) are left out. Other voxels that the segmentation leaves 0
    are all one segment, or each a segment of one voxel.

    Scores: `rand_error`.
    """

    headline: ClassVar[str] = "rand_error"

    background: Background = param(
        "segment",
        help=_BACKGROUND_HELP,
        choices=get_args(Background),
    )

    def _scores(self, agreement: _Agreement) -> dict[str, float]:
        wrong = _pairs(agreement.segments) + _pairs(agreement.objects) - 2 * _pairs(agreement.both)
        all_pairs = _pairs(agreement.objects.sum(keepdims=True))
        return {"rand_error": _share(wrong, all_pairs, of_nothing=0.0)}


@frozen(kw_only=True)
class VOI(_OverlapMetric):
    """Variation of information in bits, splits plus merges; 0 is best.

    Splits are the entropy of the segmentation given the truth, merges that of the truth given the
    segmentation (Meila 2007, doi 10.1016/j.jmva.2006.11.013), with logarithms to base 2. Voxels of
    true label 0 (background) and below (-1, ignore) are left out. Other voxels that the
    segmentation leaves 0 are all one segment, or each a segment of one voxel.

    Scores: `voi`, `voi_split`, `voi_merge`.
    """

    headline: ClassVar[str] = "voi"

    background: Background = param(
        "segment",
        help=_BACKGROUND_HELP,
        choices=get_args(Background),
    )

    def _scores(self, agreement: _Agreement) -> dict[str, float]:
        voxels = int(agreement.objects.sum())
        both = _n_log_n(agreement.both)
        # An entropy is never negative; a difference of rounded sums can be, by a hair.
        split = max(0.0, _n_log_n(agreement.objects) - both) / voxels
        merge = max(0.0, _n_log_n(agreement.segments) - both) / voxels
        return {"voi": split + merge, "voi_split": split, "voi_merge": merge}


def _agreement(table: Contingency, name: str, background: Background) -> _Agreement:
    """The counts of a table of true labels and segments.

    Args:
        table: its rows are the labels.
        name: of the truth.
        background: what voxels left 0 are taken for.

    Raises:
        NeurokitError: there is no object.
    """
    in_object = (table.row_ids > 0)[table.rows]
    if not in_object.any():
        raise NeurokitError(
            f"the labels of '{name}' hold no object: there is nothing to score against"
        )
    in_segment = in_object.copy()
    if background == "singletons":
        in_segment &= (table.column_ids != 0)[table.columns]
    return _Agreement(
        objects=_sizes(table.rows[in_object], table.counts[in_object]),
        segments=_sizes(table.columns[in_segment], table.counts[in_segment]),
        both=table.counts[in_segment],
    )


def _sizes(groups: NDArray[np.unsignedinteger[Any]], counts: Counts) -> Counts:
    """Voxels of each group that has any."""
    sizes = np.bincount(groups, weights=counts).astype(np.int64)
    return sizes[sizes > 0]


def _pairs(counts: Counts) -> int:
    """Pairs of different voxels with the same label; exact, for fewer than 2**42 voxels in all."""
    # A count is high * 2**20 + low, so that no sum of products reaches 2**63.
    high, low = counts >> 20, counts & 0xFFFFF
    squares = (int(high @ high) << 40) + (int(high @ low) << 21) + int(low @ low)
    return (squares - int(counts.sum())) // 2


def _n_log_n(counts: Counts) -> float:
    return float((counts * np.log2(counts)).sum())


def _share(part: int, whole: int, of_nothing: float) -> float:
    return part / whole if whole else of_nothing


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
