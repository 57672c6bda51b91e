"""Contacts: which segments the nodes of skeletons lie in."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import NeurokitError, Skeletons, Volume

Ints = NDArray[np.int64]


@frozen(eq=False)
class Contacts:
    """How many nodes of each skeleton lie in each segment.

    Attributes:
        skeletons, segments, nodes: of each contact: the place of the skeleton among those there
            are, that of the segment, and the number of nodes.
        skeleton_of, segment_of: of each node: the places of its skeleton and of its segment.
        segment_ids: the segments that hold a node, rising; 0, the background, is one of them.
        skeleton_count: how many skeletons there are.
    """

    skeletons: Ints
    segments: Ints
    nodes: Ints
    skeleton_of: Ints
    segment_of: Ints
    segment_ids: NDArray[np.integer[Any]]
    skeleton_count: int


def skeletons_of(truth: Volume, segmentation_ZYX: NDArray[np.integer[Any]]) -> Skeletons:
    """The skeletons of a volume, where they fit a segmentation and can score it.

    Raises:
        NeurokitError: there are none, they have no length, or the segmentation is of another shape.
    """
    skeletons = truth.skeletons
    if skeletons is None:
        raise NeurokitError(f"'{truth.name}' has no skeletons to score against")
    if segmentation_ZYX.shape != truth.shape:
        raise NeurokitError(
            f"the segmentation has shape {_shape(segmentation_ZYX.shape)} and '{truth.name}' "
            f"{_shape(truth.shape)}; they must cover the same voxels"
        )
    if not skeletons.lengths_nm.sum() > 0:
        raise NeurokitError(
            f"the skeletons of '{truth.name}' have no length: there is nothing to score against"
        )
    return skeletons


def contacts_of(skeletons: Skeletons, segmentation_ZYX: NDArray[np.integer[Any]]) -> Contacts:
    """The contacts of skeletons and segments; nodes outside of the volume lie in segment 0."""
    segments = segments_at(segmentation_ZYX, skeletons.voxels)
    segment_ids, segment_of = np.unique(segments, return_inverse=True)
    skeleton_ids, skeleton_of = np.unique(skeletons.ids, return_inverse=True)
    # Fewer than 2**31 nodes have fewer than 2**62 pairs.
    pairs = skeleton_of * len(segment_ids) + segment_of
    found, nodes = np.unique(pairs, return_counts=True)
    return Contacts(
        skeletons=found // len(segment_ids),
        segments=found % len(segment_ids),
        nodes=nodes,
        skeleton_of=skeleton_of,
        segment_of=segment_of,
        segment_ids=segment_ids,
        skeleton_count=len(skeleton_ids),
    )


def segments_at(
    segmentation_ZYX: NDArray[np.integer[Any]], voxels: Ints
) -> NDArray[np.integer[Any]]:
    """The segment at each voxel (N, 3) in the order z, y, x; 0 outside of the volume."""
    inside = inside_of(segmentation_ZYX.shape, voxels)
    segments = np.zeros(len(voxels), segmentation_ZYX.dtype)
    segments[inside] = segmentation_ZYX[tuple(voxels[inside].T)]
    return segments


def inside_of(shape: tuple[int, ...], voxels: Ints) -> NDArray[np.bool_]:
    """Which voxels (N, 3) lie in a volume of this shape (z, y, x)."""
    return np.asarray(((voxels >= 0) & (voxels < shape)).all(axis=1))


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
