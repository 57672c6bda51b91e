"""NERL: how far along a neuron one gets before the segmentation goes wrong."""

from __future__ import annotations

import logging
from typing import Any, ClassVar, Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import Metric, NeurokitError, Skeletons, Volume, param
from neurokit_nisb.contacts import Contacts, contacts_of, inside_of, skeletons_of

log = logging.getLogger("neurokit")


@frozen(kw_only=True)
class Nerl(Metric):
    """Normalized expected run length, the score of the NISB benchmark; 1 is best.

    An edge of a skeleton is correct if both of its nodes lie in one segment, other than the
    background, and that segment merges nothing: it holds nodes of one skeleton alone. With
    c(s, g) the length of the correct edges of skeleton s in segment g, and L(s) that of all its
    edges, the expected run length (Januszewski et al. 2018, doi 10.1038/s41592-018-0049-4) is
    sum c(s, g)^2 / sum L(s), and the normalized one is its share of what a faultless segmentation
    has: sum c(s, g)^2 / sum L(s)^2. One stray node of another neuron makes a whole segment count
    for nothing.

    Beside this, the strict score, which ranks the NISB, stand the tolerant ones of BANIS, its
    baseline: with a tolerance of k, only contacts of a skeleton and a segment of more than k nodes
    are looked at when it is said which segments merge. There, a skeleton's edges in a merging
    segment are wrong if one contact of its own of more than k nodes is with a segment that merges,
    or with background that other skeletons touch as much; so BANIS counts, and so do we.

    Scores: `nerl`, `nerl[tolerance=k]` for each tolerance, `merges` (segments that merge),
    `splits` (edges between two segments), `omissions` (edges with a node in the background or
    outside of the volume), and `erl_um` (the expected run length in micrometres), all but the
    tolerant ones strict.
    """

    truth: ClassVar[Literal["labels", "skeletons"]] = "skeletons"
    headline: ClassVar[str] = "nerl"
    higher_is_better: ClassVar[bool] = True

    tolerances: tuple[int, ...] = param(
        (5, 20, 100), help="nodes up to which a contact is forgiven, for the tolerant scores", low=1
    )

    def __attrs_post_init__(self) -> None:
        if len(set(self.tolerances)) < len(self.tolerances):
            raise NeurokitError(f"tolerances names one twice: {list(self.tolerances)}")

    def score(self, segmentation: NDArray[np.integer[Any]], truth: Volume) -> dict[str, float]:
        """The scores of a segmentation ZYX.

        Where most nodes lie outside of the volume, a warning is logged.

        Raises:
            NeurokitError: `truth` has no skeletons, they have no length, or another shape.
        """
        skeletons = skeletons_of(truth, segmentation)
        _warn_of_nodes_outside(skeletons, truth)
        contacts = contacts_of(skeletons, segmentation)
        segments = contacts.segment_ids[contacts.segment_of][skeletons.edges]
        whole = _summed_by_skeleton(skeletons, contacts)
        squares = {k: _correct_squares(skeletons, contacts, k) for k in (0, *self.tolerances)}
        best = float((whole**2).sum())
        omitted = (segments == 0).any(axis=1)
        merging = _merging(contacts, 0) & (contacts.segment_ids != 0)
        return {
            "nerl": squares[0] / best,
            **{f"nerl[tolerance={k}]": squares[k] / best for k in self.tolerances},
            "merges": float(merging.sum()),
            "splits": float((~omitted & (segments[:, 0] != segments[:, 1])).sum()),
            "omissions": float(omitted.sum()),
            "erl_um": squares[0] / float(whole.sum()) / 1000,
        }


def _warn_of_nodes_outside(skeletons: Skeletons, truth: Volume) -> None:
    """Skeletons of voxels x, y, z score badly, and not because of the segmentation."""
    nodes = len(skeletons.ids)
    outside = nodes - int(inside_of(truth.shape, skeletons.voxels).sum())
    if 2 * outside > nodes:
        log.warning(
            f"{outside} of {nodes} nodes of the skeletons of '{truth.name}' lie outside of it; "
            f"are their voxels in the order z, y, x?"
        )


def _summed_by_skeleton(skeletons: Skeletons, contacts: Contacts) -> NDArray[np.float64]:
    """The length of each skeleton in nanometres."""
    owners = contacts.skeleton_of[skeletons.edges[:, 0]]
    lengths: NDArray[np.float64] = np.bincount(
        owners, skeletons.lengths_nm, contacts.skeleton_count
    ).astype(np.float64)
    return lengths


def _merging(contacts: Contacts, tolerance: int) -> NDArray[np.bool_]:
    """Which segments, background too, two skeletons touch with more nodes than `tolerance`."""
    counted = contacts.nodes > tolerance
    touching = np.bincount(contacts.segments[counted], minlength=len(contacts.segment_ids))
    merging: NDArray[np.bool_] = touching > 1
    return merging


def _correct_squares(skeletons: Skeletons, contacts: Contacts, tolerance: int) -> float:
    """The sum of c(s, g)^2, in square nanometres."""
    merging = _merging(contacts, tolerance)
    merged = np.zeros(contacts.skeleton_count, bool)
    merged[contacts.skeletons[(contacts.nodes > tolerance) & merging[contacts.segments]]] = True

    first, second = skeletons.edges.T
    owners, segments = contacts.skeleton_of[first], contacts.segment_of[first]
    correct = (
        (segments == contacts.segment_of[second])
        & (contacts.segment_ids[segments] != 0)
        & ~(merging[segments] & merged[owners])
    )
    pairs = (owners * len(contacts.segment_ids) + segments)[correct]
    _, place = np.unique(pairs, return_inverse=True)
    run_lengths = np.bincount(place, skeletons.lengths_nm[correct])
    return float((run_lengths**2).sum())
