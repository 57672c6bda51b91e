"""Augmentations: random flips and quarter turns, and sections of random contrast.

Each sample has its own draws; `torch.where` picks what is changed, so a GPU never waits for the
CPU.
"""

from __future__ import annotations

from math import isclose
from typing import Literal, get_args

import torch
from attrs import evolve, frozen

from neurokit import Augmentation, Batch, NeurokitError, SampleRandom, param

Plane = Literal["yx", "zx", "zy"]


@frozen(kw_only=True)
class Flip(Augmentation):
    """Mirrors each sample along each axis, or not, independently."""

    axes: str = param("zyx", help="the axes that may be mirrored, letters of zyx")
    probability: float = param(0.5, help="chance of each axis to be mirrored", low=0, high=1)

    def __attrs_post_init__(self) -> None:
        if not self.axes or set(self.axes) - set("zyx") or len(set(self.axes)) < len(self.axes):
            raise NeurokitError(f"axes must be one or more of the letters zyx, not '{self.axes}'")

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        chosen = random.uniform(0.0, 1.0, len(self.axes)) < self.probability
        image, labels = batch.image_BCZYX, batch.labels_BZYX
        for mirrored, axis in zip(chosen.unbind(1), self.axes, strict=True):
            dimension = _dimension(axis)
            image = _replace(image, mirrored, image.flip(dimension))
            labels = _replace(labels, mirrored, labels.flip(dimension))
        return evolve(batch, image_BCZYX=image, labels_BZYX=labels)


@frozen(kw_only=True)
class Rotate90(Augmentation):
    """Turns each sample by one, two or three quarters in the given planes, or not."""

    planes: tuple[Plane, ...] = param(
        ("yx",), help="the planes in which to turn, one after the other", choices=get_args(Plane)
    )
    probability: float = param(0.5, help="chance of a turn in each plane", low=0, high=1)

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The turned batch.

        Raises:
            NeurokitError: the two sizes of a plane differ, or its two voxel sizes do.
        """
        image, labels = batch.image_BCZYX, batch.labels_BZYX
        for plane in self.planes:
            _check_turnable(plane, batch)
            dimensions = (_dimension(plane[0]), _dimension(plane[1]))
            turned = random.happens(self.probability)
            quarters = random.integers(1, 4)
            before = image, labels
            for count in (1, 2, 3):
                chosen = turned & (quarters == count)
                image = _replace(image, chosen, before[0].rot90(count, dimensions))
                labels = _replace(labels, chosen, before[1].rot90(count, dimensions))
        return evolve(batch, image_BCZYX=image, labels_BZYX=labels)


@frozen(kw_only=True)
class SectionContrast(Augmentation):
    """Changes contrast and brightness of each section on its own, and fades some of them.

    Grey values g of a section with mean m become (g - m) * contrast + m + brightness. A faded
    section keeps little contrast under as much noise as before, as where a section was stained
    badly or is too thick to see through. Sections are planes of y and x; labels stay.
    """

    contrast: float = param(
        0.2, help="standard deviation of the logarithm of a section's contrast", low=0, high=2
    )
    brightness: float = param(
        0.1,
        help="standard deviation of a section's brightness, as a share of black to white",
        low=0,
    )
    fade_probability: float = param(0.02, help="chance of each section to fade", low=0, high=1)
    fade_contrast: tuple[float, float] = param(
        (0.1, 0.4), help="least and most contrast that a faded section keeps", low=0, high=1
    )
    fade_noise: float = param(
        0.07, help="noise in a faded section, as a share of black to white", low=0
    )

    def __attrs_post_init__(self) -> None:
        least, most = self.fade_contrast
        if least > most:
            raise NeurokitError(f"fade_contrast must be two rising numbers, not {least}, {most}")

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        image = batch.image_BCZYX
        sections = image.shape[2]
        faded = random.uniform(0, 1, sections) < self.fade_probability
        contrast = torch.where(
            faded,
            random.uniform(*self.fade_contrast, sections),
            torch.exp(self.contrast * random.normal(sections)),
        )
        # A faded section may be of any brightness: mean grey, more or less.
        brightness = torch.where(
            faded, random.uniform(-0.4, 0.4, sections), self.brightness * random.normal(sections)
        )
        noise = random.normal(*image.shape[1:]) * (self.fade_noise * _of_sections(faded))
        mean = image.mean((-2, -1), keepdim=True)
        changed = (image - mean) * _of_sections(contrast) + mean + _of_sections(brightness)
        return evolve(batch, image_BCZYX=changed + noise)


def _of_sections(values_BZ: torch.Tensor) -> torch.Tensor:
    """One number a section, shaped to meet an image BCZYX."""
    return values_BZ[:, None, :, None, None]


def _dimension(axis: str) -> int:
    """Where z, y or x stands in a tensor, counted from the end: the same for image and labels."""
    return "zyx".index(axis) - 3


def _replace(kept: torch.Tensor, chosen_B: torch.Tensor, changed: torch.Tensor) -> torch.Tensor:
    """The samples of `kept`, those chosen replaced by the ones of `changed`."""
    return torch.where(chosen_B.reshape(-1, *[1] * (kept.ndim - 1)), changed, kept)


def _check_turnable(plane: str, batch: Batch) -> None:
    first, second = (_dimension(axis) for axis in plane)
    sizes = batch.labels_BZYX.shape
    if sizes[first] != sizes[second]:
        raise NeurokitError(
            f"rotate90 cannot turn samples of {sizes[first]} x {sizes[second]} voxels in the plane "
            f"{plane}; make the two sizes equal in train.patch_size, or leave the plane out"
        )
    lengths = batch.voxel_size_nm
    if not isclose(lengths[first], lengths[second]):
        raise NeurokitError(
            f"rotate90 cannot turn voxels of {lengths[first]:g} x {lengths[second]:g} nm in the "
            f"plane {plane}: the tissue would change its shape; leave the plane out"
        )
