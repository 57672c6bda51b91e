"""Smooth random fields, in nanometres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_SPLINE_STD = 0.33  # of a cubic B-spline sum of unit normals in three dimensions, on average


def wave_noise(
    random: np.random.Generator, shape: tuple[int, ...], pitch_nm: float, wavelength_nm: float
) -> NDArray[np.float32]:
    """A smooth field ZYX of about unit variance on a cubic grid of this pitch.

    Normals on a lattice of half the wavelength, joined by cubic B-splines.
    """
    step = 2 * pitch_nm / wavelength_nm
    lattice = [int(np.ceil(size * step)) + 4 for size in shape]
    field = random.standard_normal(lattice, dtype=np.float32)
    for axis, size in enumerate(shape):
        field = _joined(field, axis, 1 + step * np.arange(size, dtype=np.float64))
    return field / np.float32(_SPLINE_STD)


def _joined(
    lattice: NDArray[np.float32], axis: int, places: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The cubic B-spline over the lattice along one axis, at places given in its nodes."""
    node = places.astype(int)
    part = places - node
    weights = (
        (1 - part) ** 3,
        3 * part**3 - 6 * part**2 + 4,
        -3 * part**3 + 3 * part**2 + 3 * part + 1,
        part**3,
    )
    column = [1, 1, 1]
    column[axis] = -1
    nodes = [lattice.take(node + offset, axis) for offset in (-1, 0, 1, 2)]
    shares = [weight.astype(np.float32).reshape(column) / np.float32(6) for weight in weights]
    a, b, c, d = (values * share for values, share in zip(nodes, shares, strict=True))
    joined: NDArray[np.float32] = a + b + c + d
    return joined


def grain(
    random: np.random.Generator,
    shape: tuple[int, ...],
    voxel_size_nm: tuple[float, float, float],
    sigma_nm: float,
) -> NDArray[np.float32]:
    """Gaussian-filtered white noise of about unit variance, for fine texture."""
    white = random.standard_normal(shape, dtype=np.float32)
    sigmas = [sigma_nm / edge for edge in voxel_size_nm]
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(white, sigmas, mode="wrap", truncate=3)
    # Along one axis the filter divides the variance by 2 sqrt(pi) sigma, where sigma is wide.
    gain = np.prod([max(1.0, 2 * np.sqrt(np.pi) * sigma) for sigma in sigmas])
    return smooth * np.float32(np.sqrt(gain))
