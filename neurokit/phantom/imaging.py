"""Imaging: what the microscope and the knife make of clean sections."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy import ndimage

Plane = NDArray[np.float32]

_SHARPNESS_NM = 4.5
_DAMAGES = ("faint", "blurred", "folded", "scratched")


@frozen
class Imaging:
    """How sections are imaged.

    Attributes:
        noise: standard deviation of the detector's noise, as a share of black to white.
        contrast_variation: spread of contrast and brightness from section to section.
        damaged_sections: share of the sections that are damaged, never two in a row.
    """

    noise: float
    contrast_variation: float
    damaged_sections: float


def imaged(
    random: np.random.Generator,
    clean_ZYX: NDArray[np.float32],
    pixel_nm: tuple[float, float],
    imaging: Imaging,
) -> NDArray[np.uint8]:
    """The grey values of clean sections (0 to 1) as they come from the microscope."""
    damaged = _damaged(random, len(clean_ZYX), imaging.damaged_sections)
    image = np.empty(clean_ZYX.shape, np.uint8)
    for z, clean in enumerate(clean_ZYX):
        kind = _DAMAGES[random.integers(len(_DAMAGES))]
        section = ndimage.gaussian_filter(clean, [_SHARPNESS_NM / edge for edge in pixel_nm])
        if damaged[z]:
            section = _spoiled(random, section, pixel_nm, kind)
        contrast = np.exp(imaging.contrast_variation * random.standard_normal())
        shift = 0.5 * imaging.contrast_variation * random.standard_normal()
        noise = imaging.noise * random.standard_normal(section.shape, dtype=np.float32)
        section = 0.5 + (section - 0.5) * contrast + shift * 0.5 + noise
        image[z] = np.rint(255 * np.clip(section, 0, 1))
    return image


def _damaged(random: np.random.Generator, count: int, share: float) -> NDArray[np.bool_]:
    damaged = random.random(count) < share
    for z in range(1, count):
        damaged[z] &= not damaged[z - 1]
    return damaged


def _spoiled(
    random: np.random.Generator, section: Plane, pixel_nm: tuple[float, float], kind: str
) -> Plane:
    if kind == "faint":
        return (0.3 + 0.2 * (section - 0.5)).astype(np.float32)
    if kind == "blurred":
        blurred: Plane = ndimage.gaussian_filter(section, [14 / edge for edge in pixel_nm])
        return blurred
    distance = _line_distance(random, section.shape, pixel_nm)
    if kind == "folded":
        return (section - 0.55 * np.exp(-((distance / 70) ** 4))).astype(np.float32)
    return (section + 0.45 * np.exp(-((distance / 20) ** 2))).astype(np.float32)


def _line_distance(
    random: np.random.Generator, shape: tuple[int, ...], pixel_nm: tuple[float, float]
) -> Plane:
    """Nanometres from each pixel to a gently bent line across the section."""
    angle, bend = random.uniform(0, np.pi), random.uniform(-1, 1)
    through = random.uniform(0.2, 0.8, 2) * shape
    y, x = ((np.indices(shape) - through[:, None, None]) * np.reshape(pixel_nm, (2, 1, 1))).astype(
        np.float32
    )
    along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    distance: Plane = across + 60 * bend * np.sin(along / 500)
    return distance
