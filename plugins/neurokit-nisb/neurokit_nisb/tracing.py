"""Tracing: skeletons along the middle of labelled objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from neurokit import Skeletons

_TOUCHING = 1.8  # more than the distance of two of 26 neighbours, less than that of any others


def trace(
    labels_ZYX: NDArray[np.integer[Any]], voxel_size_nm: tuple[float, float, float]
) -> Skeletons:
    """The skeleton of every object, its nodes the voxels that thinning leaves (Lee et al. 1994).

    Neighbouring nodes, of 26, are joined by the shortest edges that make a tree of them. An object
    whose skeleton is a single voxel is a node without an edge.

    Args:
        labels_ZYX: 0 is background, -1 is to be ignored.
        voxel_size_nm: edge lengths of a voxel (z, y, x), for the lengths of edges.
    """
    objects, numbers = np.unique(labels_ZYX, return_inverse=True)
    boxes = ndimage.find_objects(numbers.reshape(labels_ZYX.shape) + 1)
    ids, voxels, edges, lengths = [], [], [], []
    count = 0
    for label, box in zip(objects.tolist(), boxes, strict=True):
        if label <= 0:
            continue
        corner = [side.start for side in box]
        nodes = _thinned(labels_ZYX[box] == label) + corner
        joined, lengths_nm = _tree(nodes, voxel_size_nm)
        ids.append(np.full(len(nodes), label, np.int64))
        voxels.append(nodes)
        edges.append(joined + count)
        lengths.append(lengths_nm)
        count += len(nodes)
    return Skeletons(
        ids=np.concatenate([np.zeros(0, np.int64), *ids]),
        voxels=np.concatenate([np.zeros((0, 3), np.int64), *voxels]),
        edges=np.concatenate([np.zeros((0, 2), np.int64), *edges]),
        lengths_nm=np.concatenate([np.zeros(0), *lengths]),
    )


def _thinned(mask_ZYX: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The voxels (N, 3) of an object's skeleton; at least one."""
    # Thinning takes the end of the array for background only where there is some.
    framed = np.pad(mask_ZYX, 1)
    thin = skeletonize(framed)[1:-1, 1:-1, 1:-1]  # type: ignore[no-untyped-call]
    kept = thin if thin.any() else mask_ZYX
    nodes = np.argwhere(kept).astype(np.int64)
    return nodes if thin.any() else nodes[len(nodes) // 2 :][:1]


def _tree(
    nodes: NDArray[np.int64], voxel_size_nm: tuple[float, float, float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The edges (E, 2) of a tree through neighbouring nodes, and their lengths."""
    pairs = cKDTree(nodes).query_pairs(_TOUCHING, output_type="ndarray")
    steps = (nodes[pairs[:, 0]] - nodes[pairs[:, 1]]) * np.array(voxel_size_nm)
    weights = np.linalg.norm(steps, axis=1)
    graph = coo_array((weights, pairs.T), (len(nodes), len(nodes)))
    tree = minimum_spanning_tree(graph).tocoo()
    return np.stack([tree.row, tree.col], 1).astype(np.int64), tree.data.astype(np.float64)
