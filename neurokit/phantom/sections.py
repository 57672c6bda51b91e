"""Sections: labels and brightness of the tissue in one section, from fields on a grid."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.phantom.organelles import VESICLE_NM
from neurokit.phantom.partition import Grid, Share

Plane = NDArray[np.float32]

_DEPTH_NM = 15.0  # of the signal of a scanning microscope at low voltage
_MEMBRANE = 0.24
_MITOCHONDRION = 0.47
_ORGANELLE_MEMBRANE = 0.28


@frozen
class Block:
    """Everything that the sections are cut from.

    Attributes:
        grid: the nodes on which the fields lie.
        shares: of every neurite.
        cytoplasm: brightness of each label's cytoplasm; index 0 is unused.
        mitochondria_nm: signed distance to the nearest mitochondrion's surface.
        cristae, reticulum, patches, synapses: smooth fields of unit variance that shape texture.
        vesicles_nm: centres of vesicles (n, 3), sorted by z.
    """

    grid: Grid
    shares: list[Share]
    cytoplasm: NDArray[np.float32]
    mitochondria_nm: NDArray[np.float32]
    cristae: NDArray[np.float32]
    reticulum: NDArray[np.float32]
    patches: NDArray[np.float32]
    synapses: NDArray[np.float32]
    vesicles_nm: NDArray[np.float64]


def cut(
    block: Block,
    z_nm: float,
    thickness_nm: float,
    y_nm: NDArray[np.float64],
    x_nm: NDArray[np.float64],
) -> tuple[NDArray[np.uint32], Plane]:
    """Labels and brightness (0 to 1) of the section of this thickness centred on `z_nm`.

    Labels are those of its middle. The brightness is the mean over the depth that electrons see,
    so that membranes that run obliquely look wide and pale, as they do in real sections.
    """
    depth, count = (_DEPTH_NM, 3) if thickness_nm > _DEPTH_NM else (thickness_nm, 1)
    offsets = (np.arange(count) - count // 2) * (depth / count)
    total = np.zeros((len(y_nm), len(x_nm)), np.float32)
    labels = np.zeros(total.shape, np.uint32)
    for number, offset in enumerate(offsets):
        lens = _Lens(block.grid, z_nm + offset, y_nm, x_nm)
        owners, lead = _owners(block.shares, lens)
        total += _brightness(block, lens, owners, lead)
        if number == count // 2:
            labels = owners
    return labels, total / np.float32(count)


class _Lens:
    """Linear interpolation of grid fields at the places of one plane."""

    def __init__(
        self, grid: Grid, z_nm: float, y_nm: NDArray[np.float64], x_nm: NDArray[np.float64]
    ) -> None:
        self.grid, self.z_nm, self.y_nm, self.x_nm = grid, z_nm, y_nm, x_nm
        z = (z_nm - grid.origin_nm) / grid.pitch_nm
        self.z, self.z_part = int(z), np.float32(z - int(z))
        self.rows = _Line((y_nm - grid.origin_nm) / grid.pitch_nm)
        self.columns = _Line((x_nm - grid.origin_nm) / grid.pitch_nm)

    def whole(self, field: NDArray[np.float32]) -> Plane:
        """A field that covers the whole grid."""
        plane = self._at_z(field, self.z)
        return self.columns.along(self.rows.along(plane, 0, slice(None), 0), 1, slice(None), 0)

    def share(self, share: Share) -> tuple[tuple[slice, slice], Plane] | None:
        """The part of the plane that a share touches, and its values there."""
        z, y, x = share.box
        if not z.start <= self.z < z.stop - 1:
            return None
        plane = self._at_z(share.values, self.z - z.start)
        rows, columns = self.rows.within(y), self.columns.within(x)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        values = self.rows.along(plane, 0, rows, y.start)
        return (rows, columns), self.columns.along(values, 1, columns, x.start)

    def _at_z(self, field: NDArray[np.float32], z: int) -> Plane:
        plane: Plane = field[z] * (1 - self.z_part) + field[z + 1] * self.z_part
        return plane


class _Line:
    """Linear interpolation along one axis, at places given in nodes."""

    def __init__(self, places: NDArray[np.float64]) -> None:
        self.node = places.astype(int)
        self.part = (places - self.node).astype(np.float32)

    def within(self, nodes: slice) -> slice:
        """The places that lie between the nodes of a slice."""
        first, last = np.searchsorted(self.node, [nodes.start, nodes.stop - 1])
        return slice(int(first), int(last))

    def along(self, plane: Plane, axis: int, places: slice, first_node: int) -> Plane:
        """The plane, whose axis begins at `first_node`, at some of the places."""
        node = self.node[places] - first_node
        part = self.part[places]
        if axis == 0:
            part = part[:, None]
        low, high = plane.take(node, axis), plane.take(node + 1, axis)
        raised: Plane = low + (high - low) * part
        return raised


def _owners(shares: list[Share], lens: _Lens) -> tuple[NDArray[np.uint32], Plane]:
    """The neurite with the largest share at each pixel, and its lead over the second largest."""
    size = len(lens.y_nm), len(lens.x_nm)
    first, second = np.zeros(size, np.float32), np.zeros(size, np.float32)
    owners = np.zeros(size, np.uint32)
    for share in shares:
        seen = lens.share(share)
        if seen is None:
            continue
        window, values = seen
        ahead = values > first[window]
        second[window] = np.maximum(np.minimum(values, first[window]), second[window])
        owners[window][ahead] = share.neurite
        first[window] = np.maximum(values, first[window])
    return owners, first - second


def _brightness(block: Block, lens: _Lens, owners: NDArray[np.uint32], lead: Plane) -> Plane:
    patches, reticulum = lens.whole(block.patches), lens.whole(block.reticulum)
    value = block.cytoplasm[owners]

    # Endoplasmic reticulum: thin walls here and there, paler than membrane.
    wall = 0.5 * np.exp(-((reticulum / 0.22) ** 2)) * _rise(patches, 0.7, 1.2) * _rise(lead, 0.7, 1)
    value = _mixed(value, _ORGANELLE_MEMBRANE, wall)

    surface = lens.whole(block.mitochondria_nm)
    if surface.min() < 25:
        folds: Plane = np.float32(0.16) * np.tanh(3 * lens.whole(block.cristae))
        value = _mixed(value, np.float32(_MITOCHONDRION) + folds, _rise(-surface, -6, 4))
        border = np.exp(-((surface / 7) ** 2)) + 0.5 * np.exp(-(((surface + 20) / 6) ** 2))
        value = _mixed(value, _ORGANELLE_MEMBRANE, np.minimum(border, np.float32(1)))

    value = _mixed(value, _ORGANELLE_MEMBRANE, 0.8 * _vesicle_walls(block.vesicles_nm, lens))

    # The lead grows by about 0.05 a nanometre from a border. Synapses are thick, weak spots pale.
    width = 0.42 * (1 + 0.9 * _rise(lens.whole(block.synapses), 1.5, 2.2))
    strength = 1 - 0.4 * _rise(-patches, 1.9, 2.6)
    return _mixed(value, _MEMBRANE, strength * np.exp(-((lead / width) ** 2)))


def _vesicle_walls(vesicles_nm: NDArray[np.float64], lens: _Lens) -> Plane:
    """How much of a vesicle's wall there is at each pixel, 0 to 1."""
    walls = np.zeros((len(lens.y_nm), len(lens.x_nm)), np.float32)
    reach = VESICLE_NM + 10
    near = slice(*np.searchsorted(vesicles_nm[:, 0], [lens.z_nm - reach, lens.z_nm + reach]))
    for z, y, x in vesicles_nm[near]:
        rows = slice(*np.searchsorted(lens.y_nm, [y - reach, y + reach]))
        columns = slice(*np.searchsorted(lens.x_nm, [x - reach, x + reach]))
        down, across = lens.y_nm[rows, None] - y, lens.x_nm[columns] - x
        radius = np.sqrt(down**2 + across**2 + (lens.z_nm - z) ** 2)
        wall = np.exp(-(((radius - VESICLE_NM) / 6) ** 2)).astype(np.float32)
        walls[rows, columns] = np.maximum(walls[rows, columns], wall)
    return walls


def _mixed(value: Plane, other: float | Plane, part: Plane) -> Plane:
    mixed: Plane = value + (np.float32(other) - value) * part
    return mixed


def _rise(value: Plane, low: float, high: float) -> Plane:
    """A smooth step from 0 at `low` to 1 at `high`."""
    place = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    risen: Plane = place * place * (3 - 2 * place)
    return risen
