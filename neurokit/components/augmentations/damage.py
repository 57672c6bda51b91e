"""Damage to images: sections that are missing or blurred, wholly or in part, and missing boxes.

Labels keep the truth, so that a network learns to follow neurites through what it cannot see
(Lee et al. 2017).
"""

from __future__ import annotations

from math import ceil, exp

import torch
from attrs import frozen

from neurokit import Augmentation, Batch, SampleRandom, param
from neurokit.components.augmentations.grey import require_rising
from neurokit.components.augmentations.resampling import mirrored_places
from neurokit.components.augmentations.single import Draws, Sample, change_each

_PART = (0.25, 0.75)  # of each side of a section, where only a rectangle of it is damaged


@frozen(kw_only=True)
class MissingSections(Augmentation):
    """Replaces sections, or rectangles of them, by a constant grey; labels stay.

    The first and the last section are spared, so that both sides are seen of what is missing, and
    never more than a third is taken, but one of three. Samples of fewer stay as they are.
    """

    probability: float = param(1.0, help="chance of a sample to be changed", low=0, high=1)
    most: int = param(5, help="most sections of a sample that are changed", low=1)
    whole_probability: float = param(
        0.5, help="chance of a section to be missing wholly, not in a rectangle", low=0, high=1
    )
    grey: tuple[float, float] = param((0.0, 1.0), help="darkest and brightest grey in their place")

    def __attrs_post_init__(self) -> None:
        require_rising("grey", self.grey)

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch, sections of the chosen samples missing."""
        return change_each(batch, random, self.probability, self._blank)

    def _blank(self, sample: Sample, draws: Draws) -> None:
        for section in _some_sections(draws, range(1, sample.sections - 1), self.most):
            rows, columns = _area(sample, draws, self.whole_probability)
            sample.image_CZYX[:, section, rows, columns] = draws.number(*self.grey)


@frozen(kw_only=True)
class BlurredSections(Augmentation):
    """Blurs sections, or rectangles of them, as where the focus was lost; labels stay.

    Never more than a third of a sample's sections, but one at least.
    """

    probability: float = param(1.0, help="chance of a sample to be changed", low=0, high=1)
    most: int = param(5, help="most sections of a sample that are changed", low=1)
    whole_probability: float = param(
        0.5, help="chance of a section to be blurred wholly, not in a rectangle", low=0, high=1
    )
    sigma_nm: tuple[float, float] = param(
        (6.0, 18.0), help="least and most standard deviation of the Gaussian", above=0
    )

    def __attrs_post_init__(self) -> None:
        require_rising("sigma_nm", self.sigma_nm)

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch, sections of the chosen samples blurred."""
        return change_each(batch, random, self.probability, self._blur)

    def _blur(self, sample: Sample, draws: Draws) -> None:
        sigma_nm = draws.number(*self.sigma_nm)
        for section in _some_sections(draws, range(sample.sections), self.most):
            rows, columns = _area(sample, draws, self.whole_probability)
            plane = sample.image_CZYX[:, section]
            for axis, length_nm in ((1, sample.voxel_size_nm[1]), (2, sample.voxel_size_nm[2])):
                plane = _blurred(plane, axis, sigma_nm / length_nm)
            sample.image_CZYX[:, section, rows, columns] = plane[:, rows, columns]


@frozen(kw_only=True)
class MissingBox(Augmentation):
    """Replaces a box by a constant grey; labels stay.

    A box is at most half as long as the sample along y and x, and a third as deep, but one voxel.
    """

    probability: float = param(1.0, help="chance of a sample to be changed", low=0, high=1)
    size_nm: tuple[float, float] = param(
        (60.0, 300.0), help="least and most length along y and along x", above=0
    )
    depth_nm: tuple[float, float] = param(
        (0.0, 90.0), help="least and most length along z; one section at least", low=0
    )
    grey: tuple[float, float] = param((0.0, 1.0), help="darkest and brightest grey in the box")

    def __attrs_post_init__(self) -> None:
        for name in ("size_nm", "depth_nm", "grey"):
            require_rising(name, getattr(self, name))

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch, a box of the chosen samples missing."""
        return change_each(batch, random, self.probability, self._blank)

    def _blank(self, sample: Sample, draws: Draws) -> None:
        lengths_nm = (self.depth_nm, self.size_nm, self.size_nm)
        box = []
        for axis, share in enumerate((3, 2, 2)):
            length = round(draws.number(*lengths_nm[axis]) / sample.voxel_size_nm[axis])
            size = sample.labels_ZYX.shape[axis]
            box.append(_anywhere(draws, max(1, min(length, size // share)), size))
        z, y, x = box
        sample.image_CZYX[:, z, y, x] = draws.number(*self.grey)


def _some_sections(draws: Draws, among: range, most: int) -> list[int]:
    """Different sections of a range, up to so many, and a third of the range, but one at least."""
    if not among:
        return []
    return draws.some(draws.whole(1, max(1, min(most, len(among) // 3))), among)


def _area(sample: Sample, draws: Draws, whole_probability: float) -> tuple[slice, slice]:
    """All of a section, or a rectangle of it."""
    if draws.happens(whole_probability):
        return slice(None), slice(None)
    rows, columns = (
        _anywhere(draws, max(1, round(draws.number(*_PART) * size)), size) for size in sample.plane
    )
    return rows, columns


def _anywhere(draws: Draws, length: int, size: int) -> slice:
    """A stretch of an axis of this size."""
    first = draws.whole(0, size - length)
    return slice(first, first + length)


def _blurred(plane_CYX: torch.Tensor, axis: int, sigma: float) -> torch.Tensor:
    """Gaussian blur along an axis, by a sigma in voxels, mirrored at the ends, cut at 3 sigma."""
    size = plane_CYX.shape[axis]
    reach = min(ceil(3 * sigma), 2 * size)  # beyond, the mirrored section only repeats itself
    around = torch.arange(-reach, size + reach, device=plane_CYX.device)
    extended = plane_CYX.index_select(axis, mirrored_places(around, size))
    weights = [exp(-0.5 * (offset / sigma) ** 2) for offset in range(-reach, reach + 1)]
    blurred = torch.zeros_like(plane_CYX)
    for offset, weight in enumerate(weights):
        blurred.add_(extended.narrow(axis, offset, size), alpha=weight / sum(weights))
    return blurred
