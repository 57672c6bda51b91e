"""Organelles: mitochondria and vesicles, placed along the skeletons."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist

from neurokit.phantom.partition import Grid
from neurokit.phantom.skeletons import STEP_NM, Skeletons

Floats = NDArray[np.float64]

FAR_NM = 100.0
VESICLE_NM = 19.0
_CLEARANCE_NM = 34.0


@frozen
class Cells:
    """Neurites on a grid, and how deep inside of them each node lies.

    Attributes:
        grid: the nodes.
        labels_ZYX: the neurite of each node.
        depth_nm: distance from each node to the nearest one of another neurite.
    """

    grid: Grid
    labels_ZYX: NDArray[np.uint32]
    depth_nm: NDArray[np.float32]

    @classmethod
    def of(cls, grid: Grid, labels_ZYX: NDArray[np.uint32]) -> Cells:
        inside = np.ones(labels_ZYX.shape, bool)
        for axis in range(3):
            after = np.diff(labels_ZYX, axis=axis) != 0
            ahead = [slice(None)] * 3
            ahead[axis] = slice(1, None)
            behind = [slice(None)] * 3
            behind[axis] = slice(None, -1)
            inside[tuple(ahead)] &= ~after
            inside[tuple(behind)] &= ~after
        if inside.all():
            return cls(grid, labels_ZYX, np.full(labels_ZYX.shape, FAR_NM, np.float32))
        depth = ndimage.distance_transform_edt(inside, sampling=grid.pitch_nm)
        return cls(grid, labels_ZYX, depth.astype(np.float32))


def mitochondria(
    random: np.random.Generator, skeletons: Skeletons, cells: Cells
) -> NDArray[np.float32]:
    """Signed distance of each node to the nearest mitochondrion's surface, at most `FAR_NM`.

    Nanometres, negative inside. Mitochondria run along the neurites that have room for them and
    keep clear of the membrane.
    """
    distance = np.full(cells.grid.shape, FAR_NM, np.float32)
    taken = np.zeros(len(skeletons.points), bool)
    starts = random.random(len(skeletons.points)) < STEP_NM / 600
    for start in np.flatnonzero(starts):
        length = int(random.uniform(250, 1000) / STEP_NM)
        size, aside = random.uniform(0.45, 0.7), random.standard_normal(3)
        axis = slice(start, start + length)
        points, radii = skeletons.points[axis], skeletons.radii[axis]
        gaps = np.abs(np.diff(points, axis=0)).max(axis=1, initial=0) > 3 * STEP_NM
        if (
            radii.mean() < 75
            or taken[axis].any()
            or gaps.any()
            or len(set(skeletons.owners[axis])) > 1
        ):
            continue
        taken[axis] = True
        body = np.minimum(radii.mean() * size, 170.0)
        _add_body(distance, cells, points + 0.25 * radii.mean() * aside, float(body))
    return distance


def _add_body(
    distance: NDArray[np.float32], cells: Cells, axis_nm: Floats, radius_nm: float
) -> None:
    """Join a rounded body around an axis to the distances, in place."""
    grid = cells.grid
    depths = grid.sample(cells.depth_nm, axis_nm)
    owner = grid.sample(cells.labels_ZYX, axis_nm)[depths.argmax()]
    if owner == 0:
        return
    reach = radius_nm + FAR_NM
    low = np.floor((axis_nm.min(axis=0) - reach - grid.origin_nm) / grid.pitch_nm).astype(int)
    high = np.ceil((axis_nm.max(axis=0) + reach - grid.origin_nm) / grid.pitch_nm).astype(int)
    low, high = np.maximum(low, 0), np.minimum(high + 1, grid.shape)
    if (low >= high).any():
        return
    box = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    own = cells.labels_ZYX[box] == owner
    nodes = np.argwhere(own)
    places = (nodes + low) * grid.pitch_nm + grid.origin_nm
    body = np.full(own.shape, FAR_NM, np.float32)
    if len(nodes):
        body[own] = cdist(places, axis_nm).min(axis=1) - radius_nm
    # A rounded corner where the body meets its clearance looks like the real thing.
    body = np.where(own, np.maximum(body, _CLEARANCE_NM - cells.depth_nm[box]), FAR_NM)
    distance[box] = np.minimum(distance[box], body)


def vesicles(
    random: np.random.Generator,
    skeletons: Skeletons,
    cells: Cells,
    mitochondria_nm: NDArray[np.float32],
) -> Floats:
    """Centres of vesicles (n, 3) in nanometres, sorted by z: clusters in the thinner neurites."""
    chance = np.where(skeletons.radii < 200, STEP_NM / 450, STEP_NM / 900)
    clusters = np.flatnonzero(random.random(len(skeletons.points)) < chance)
    centres = [
        skeletons.points[at] + random.normal(0, (0.9 * skeletons.radii[at], 110, 110), (count, 3))
        for at, count in zip(clusters, random.integers(8, 60, len(clusters)), strict=True)
    ]
    if not centres:
        return np.zeros((0, 3))
    places = np.concatenate(centres)
    homes = np.repeat(
        cells.grid.sample(cells.labels_ZYX, skeletons.points[clusters]),
        [len(group) for group in centres],
    )
    kept = (
        (cells.grid.sample(cells.labels_ZYX, places) == homes)
        & (cells.grid.sample(cells.depth_nm, places) > VESICLE_NM + 12)
        & (cells.grid.sample(mitochondria_nm, places) > VESICLE_NM + 8)
    )
    clear: Floats = places[kept]
    return clear[np.argsort(clear[:, 0], kind="stable")]
