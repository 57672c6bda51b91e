"""Variation of information over the nodes of skeletons."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import Metric, Volume
from neurokit_nisb.contacts import contacts_of, skeletons_of


@frozen(kw_only=True)
class SkeletonVOI(Metric):
    """Variation of information in bits over the nodes of skeletons; 0 is best.

    Splits are the entropy of the segments given the skeletons, merges that of the skeletons given
    the segments (Meila 2007, doi 10.1016/j.jmva.2006.11.013), each node counting once. As in BANIS,
    nodes in the background, or outside of the volume, all lie in one segment.

    Scores: `skeleton_voi`, `skeleton_voi_split`, `skeleton_voi_merge`.
    """

    truth: ClassVar[Literal["labels", "skeletons"]] = "skeletons"
    headline: ClassVar[str] = "skeleton_voi"
    higher_is_better: ClassVar[bool] = False

    def score(self, segmentation: NDArray[np.integer[Any]], truth: Volume) -> dict[str, float]:
        """The scores of a segmentation ZYX.

        Raises:
            NeurokitError: `truth` has no skeletons, they have no length, or another shape.
        """
        contacts = contacts_of(skeletons_of(truth, segmentation), segmentation)
        both = _n_log_n(contacts.nodes)
        # An entropy is never negative; a difference of rounded sums can be, by a hair.
        split, merge = (
            max(0.0, _n_log_n(np.bincount(places)) - both) / len(places)
            for places in (contacts.skeleton_of, contacts.segment_of)
        )
        return {
            "skeleton_voi": split + merge,
            "skeleton_voi_split": split,
            "skeleton_voi_merge": merge,
        }


def _n_log_n(counts: NDArray[np.integer[Any]]) -> float:
    present = counts[counts > 0]
    return float((present * np.log2(present)).sum())
