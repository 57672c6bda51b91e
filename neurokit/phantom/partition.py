"""Partition: which neurite owns which place, on a cubic grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from neurokit.phantom.connectivity import made_whole
from neurokit.phantom.noise import wave_noise
from neurokit.phantom.skeletons import Skeletons

_WARPS = ((420.0, 45.0), (130.0, 11.0))  # wavelength and size of a shift of places, nanometres
_SMALLEST_NM = 110.0


@frozen
class Grid:
    """A cubic grid of nodes that covers a volume with some margin.

    Attributes:
        shape: nodes along z, y and x.
        pitch_nm: between neighbouring nodes.
        origin_nm: place of the first node along every axis; the volume begins at 0.
    """

    shape: tuple[int, int, int]
    pitch_nm: float
    origin_nm: float

    @classmethod
    def around(cls, extent_nm: NDArray[np.float64], pitch_nm: float, margin_nm: float) -> Grid:
        """The grid whose nodes surround every place of the extent widened by the margin."""
        z, y, x = (int(np.ceil((edge + 2 * margin_nm) / pitch_nm)) + 2 for edge in extent_nm)
        return cls((z, y, x), pitch_nm, -margin_nm)

    def places(self) -> NDArray[np.float64]:
        """Nanometres z, y, x of every node, (3, Z, Y, X)."""
        return np.indices(self.shape).astype(np.float64) * self.pitch_nm + self.origin_nm

    def sample(self, field_ZYX: NDArray[Any], places_nm: NDArray[np.float64]) -> NDArray[Any]:
        """The field at the nodes nearest to places (n, 3); 0 off the grid."""
        nodes = np.rint((places_nm - self.origin_nm) / self.pitch_nm).astype(int)
        off = np.any((nodes < 0) | (nodes >= np.array(self.shape)), axis=1)
        z, y, x = np.where(off[:, None], 0, nodes).T
        sampled: NDArray[Any] = np.where(off, field_ZYX.dtype.type(0), field_ZYX[z, y, x])
        return sampled


@frozen
class Share:
    """How much of the surroundings of each node belongs to one neurite, 0 to 1.

    Attributes:
        neurite: its label.
        box: the nodes that `values` covers.
        values: the share at each of them; 0 at all others.
    """

    neurite: int
    box: tuple[slice, slice, slice]
    values: NDArray[np.float32]


def partition(random: np.random.Generator, skeletons: Skeletons, grid: Grid) -> NDArray[np.uint32]:
    """Labels 1..n of the grid's nodes, each one component.

    Every node goes to the skeleton point of least power (squared distance less squared radius).
    Smooth shifts of the places make the borders uneven, as they are in tissue.
    """
    places = grid.places()
    for wavelength, size in _WARPS:
        for axis in range(3):
            places[axis] += size * wave_noise(random, grid.shape, grid.pitch_nm, wavelength)
    # A further coordinate of sqrt(widest^2 - radius^2) makes the least power the nearest point.
    widest = skeletons.radii.max()
    lift = np.sqrt(widest**2 - skeletons.radii**2)
    tree = cKDTree(np.column_stack([skeletons.points, lift]))
    nodes = places.reshape(3, -1).T
    _, nearest = tree.query(np.column_stack([nodes, np.zeros(len(nodes))]), workers=-1)
    labels = skeletons.owners[nearest].reshape(grid.shape).astype(np.uint32)
    return made_whole(labels, smallest=round((_SMALLEST_NM / grid.pitch_nm) ** 3))


def shares(labels_ZYX: NDArray[np.uint32], sigma: float) -> list[Share]:
    """The share of every label 1..n, by a Gaussian of `sigma` nodes.

    Borders at subnode places are where two shares are equal, and are as smooth as the Gaussian.
    """
    reach = int(np.ceil(4 * sigma))
    found = []
    for neurite, inner in enumerate(ndimage.find_objects(labels_ZYX.astype(np.int32)), start=1):
        z, y, x = (
            slice(max(0, part.start - reach), min(size, part.stop + reach))
            for part, size in zip(inner, labels_ZYX.shape, strict=True)
        )
        mask = (labels_ZYX[z, y, x] == neurite).astype(np.float32)
        values = ndimage.gaussian_filter(mask, sigma, mode="nearest", truncate=4)
        found.append(Share(neurite, (z, y, x), values))
    return found
