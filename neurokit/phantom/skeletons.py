"""Skeletons: the centre lines and radii of neurites, packed like neuropil."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP_NM = 40.0
_MARGIN_NM = 200.0
_PACKING_ROUNDS = 30
_ROUNDS_A_SEARCH = 6
_LOOKOUT_NM = 60.0


@frozen
class Skeletons:
    """Points along the centre lines of all neurites.

    Attributes:
        points: nanometres (n, 3), in the order z, y, x; some lie outside of the volume.
        radii: of the neurite at each point, nanometres (n,).
        owners: the neurite of each point, from 1 (n,).
        links: pairs of neighbouring points (m, 2), the first always the earlier one.
    """

    points: Floats
    radii: Floats
    owners: Ints
    links: Ints


def grow(
    random: np.random.Generator,
    extent_nm: Floats,
    calibre_nm: tuple[float, float],
    branches_per_um: float,
) -> Skeletons:
    """Branching neurites that fill a box of this extent, pushed apart until they hardly overlap.

    Each is a persistent random walk that enters the box at one side and leaves it at another.
    Thin neurites are the most frequent and have varicosities; thick ones carry spines.
    """
    thickest = max(calibre_nm[0], min(calibre_nm[1], 0.33 * float(np.prod(extent_nm)) ** (1 / 3)))
    tree = _Growth()
    volume, filled, neurite = float(np.prod(extent_nm)), 0.0, 0
    while filled < 0.95 * volume:
        neurite += 1
        radius = calibre_nm[0] / 2 * (thickest / calibre_nm[0]) ** random.beta(1.0, 2.2)
        first = tree.size
        path = _crossing(random, extent_nm, radius)
        tree.add(path, _calibres(random, len(path), radius), neurite)
        _branch(random, tree, first, extent_nm, radius, branches_per_um)
        filled += tree.volume_inside(first, extent_nm)
    return _packed(tree.skeletons())


class _Growth:
    """Curves collected so far."""

    def __init__(self) -> None:
        self._points: list[Floats] = []
        self._radii: list[Floats] = []
        self._owners: list[Ints] = []
        self._links: list[Ints] = []
        self.size = 0

    def add(self, path: Floats, radii: Floats, owner: int, parent: int | None = None) -> None:
        """Add a curve, linked to the point `parent` where it is a branch."""
        numbers = np.arange(self.size, self.size + len(path))
        if parent is not None:
            numbers = np.concatenate([[parent], numbers])
        self._points.append(path)
        self._radii.append(radii)
        self._owners.append(np.full(len(path), owner))
        self._links.append(np.stack([numbers[:-1], numbers[1:]], axis=1))
        self.size += len(path)

    def last(self) -> tuple[Floats, Floats, int]:
        """Points, radii and owner of the curve added last."""
        return self._points[-1], self._radii[-1], int(self._owners[-1][0])

    def volume_inside(self, first: int, extent_nm: Floats) -> float:
        """Cubic nanometres of the points from `first` on that lie in the box."""
        points = np.concatenate(self._points)[first:]
        radii = np.concatenate(self._radii)[first:]
        inside = ((points >= 0) & (points <= extent_nm)).all(axis=1)
        return float((np.pi * radii[inside] ** 2).sum() * STEP_NM)

    def skeletons(self) -> Skeletons:
        return Skeletons(
            np.concatenate(self._points),
            np.concatenate(self._radii),
            np.concatenate(self._owners),
            np.concatenate(self._links),
        )


def _crossing(random: np.random.Generator, extent_nm: Floats, radius: float) -> Floats:
    """A path through a random point of the box, both ways until it has left the box."""
    anchor = random.uniform(0, extent_nm)
    heading = _unit(random.standard_normal(3))
    onward = _walk(random, anchor, heading, extent_nm, radius)
    back = _walk(random, anchor, -heading, extent_nm, radius)
    return np.concatenate([back[::-1], anchor[None], onward])


def _walk(
    random: np.random.Generator,
    start: Floats,
    heading: Floats,
    extent_nm: Floats,
    radius: float,
    steps: int | None = None,
) -> Floats:
    """A persistent random walk from `start`, which it leaves out; thin neurites wind more."""
    outside = _MARGIN_NM + radius
    bend = 0.22 * (60 / max(radius, 60)) ** 0.5
    limit = steps or int(3 * extent_nm.sum() / STEP_NM) + 20
    point, path = start, []
    for _ in range(limit):
        heading = _unit(heading + bend * random.standard_normal(3))
        point = point + STEP_NM * heading
        path.append(point)
        if (point < -outside).any() or (point > extent_nm + outside).any():
            break
    return np.array(path)


def _calibres(random: np.random.Generator, count: int, radius: float) -> Floats:
    """Radii along a path: a slow waver, and in thin neurites a varicosity every 1.5 um or so."""
    place = np.arange(count) * STEP_NM
    waver = np.zeros(count)
    for wavelength in (350.0, 900.0):
        waver += 0.1 * np.sin(2 * np.pi * (place / wavelength + random.random()))
    if radius < 90:
        for centre in place[random.random(count) < STEP_NM / 1500]:
            waver += 0.7 * np.exp(-(((place - centre) / 140) ** 2))
    return radius * np.exp(np.minimum(waver, 0.8))


def _branch(
    random: np.random.Generator,
    tree: _Growth,
    first: int,
    extent_nm: Floats,
    radius: float,
    branches_per_um: float,
) -> None:
    """Give the curve added last its branches and, if it is thick, its spines."""
    path, radii, owner = tree.last()
    for at in _chosen(random, len(path), branches_per_um * STEP_NM / 1000):
        heading = _unit(_tangent(path, at) + random.standard_normal(3))
        thinner = max(0.75 * radius, 40.0)
        branch = _walk(random, path[at], heading, extent_nm, thinner)
        tree.add(branch, _calibres(random, len(branch), thinner), owner, first + at)
    if radius < 120:
        return
    for at in _chosen(random, len(path), STEP_NM / 500):
        heading = _unit(np.cross(_tangent(path, at), random.standard_normal(3)))
        length = int((radii[at] + random.uniform(200, 450)) / STEP_NM)
        spine = _walk(random, path[at], heading, extent_nm, 60, length)
        widths = np.full(len(spine), 45.0)  # the neck
        widths[-4:] = random.uniform(80, 130)  # the head
        tree.add(spine, widths, owner, first + at)


def _chosen(random: np.random.Generator, count: int, chance: float) -> list[int]:
    chosen: list[int] = np.flatnonzero(random.random(count) < chance).tolist()
    return chosen


def _tangent(path: Floats, at: int) -> Floats:
    return _unit(path[min(at + 1, len(path) - 1)] - path[max(at - 1, 0)])


def _packed(skeletons: Skeletons) -> Skeletons:
    """The neurites pushed apart where they overlap, and kept smooth."""
    points, radii = skeletons.points.copy(), skeletons.radii
    one, other = skeletons.links.T
    degree = _sums(np.ones((len(one), 1)), one, len(points)) + _sums(
        np.ones((len(one), 1)), other, len(points)
    )
    for number in range(_PACKING_ROUNDS):
        if number % _ROUNDS_A_SEARCH == 0:
            pairs = _neighbours(points, radii, skeletons.owners)
        points += _repulsion(points, radii, pairs)
        neighbours = _sums(points[other], one, len(points)) + _sums(points[one], other, len(points))
        smooth = neighbours / np.maximum(degree, 1)
        points += np.where(degree > 1, 0.25 * (smooth - points), 0)
    return Skeletons(points, radii, skeletons.owners, skeletons.links)


def _neighbours(points: Floats, radii: Floats, owners: Ints) -> Ints:
    """Pairs of points (m, 2) of different neurites that overlap, or may within a few rounds."""
    pairs = cKDTree(points).query_pairs(2 * float(radii.max()) + _LOOKOUT_NM, output_type="ndarray")
    pairs = pairs[owners[pairs[:, 0]] != owners[pairs[:, 1]]]
    one, other = pairs.T
    apart = ((points[one] - points[other]) ** 2).sum(axis=1)
    near: Ints = pairs[apart < (radii[one] + radii[other] + _LOOKOUT_NM) ** 2]
    return near


def _repulsion(points: Floats, radii: Floats, pairs: Ints) -> Floats:
    """How far each point moves away from the points of other neurites that it overlaps."""
    one, other = pairs.T
    apart = points[one] - points[other]
    distance = np.maximum(np.sqrt((apart**2).sum(axis=1)), 1e-3)
    reach = radii[one] + radii[other]
    overlap = np.maximum(reach - distance, 0)
    apart *= (overlap / distance)[:, None]
    yielding = (radii[other] / reach)[:, None]  # the thinner of two gives way
    moved = _sums(apart * yielding, one, len(points))
    moved -= _sums(apart * (1 - yielding), other, len(points))
    touched = np.bincount(one, overlap > 0, len(points))
    touched += np.bincount(other, overlap > 0, len(points))
    shifts: Floats = 0.6 * moved / np.maximum(touched, 1)[:, None]
    return shifts


def _sums(vectors: Floats, where: Ints, count: int) -> Floats:
    """Rows of `vectors` added up by their index in `where`."""
    return np.stack([np.bincount(where, column, count) for column in vectors.T], axis=1)


def _unit(vector: Floats) -> Floats:
    length = float(np.sqrt((vector**2).sum()))
    return vector / max(length, 1e-9)
