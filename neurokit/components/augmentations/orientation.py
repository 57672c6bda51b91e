"""Orientation: random flips and quarter turns."""

from __future__ import annotations

from collections.abc import Sequence
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
        """The batch, each sample mirrored on its own."""
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

    def check(
        self, patch_size: tuple[int, int, int], voxel_size_nm: tuple[float, float, float]
    ) -> None:
        for plane in self.planes:
            _check_turnable(plane, patch_size, voxel_size_nm)

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The turned batch.

        Raises:
            NeurokitError: the two sizes of a plane differ, or its two voxel sizes do.
        """
        image, labels = batch.image_BCZYX, batch.labels_BZYX
        for plane in self.planes:
            _check_turnable(plane, batch.labels_BZYX.shape[1:], batch.voxel_size_nm)
            dimensions = (_dimension(plane[0]), _dimension(plane[1]))
            turned = random.happens(self.probability)
            quarters = random.integers(1, 4)
            before = image, labels
            for count in (1, 2, 3):
                chosen = turned & (quarters == count)
                image = _replace(image, chosen, before[0].rot90(count, dimensions))
                labels = _replace(labels, chosen, before[1].rot90(count, dimensions))
        return evolve(batch, image_BCZYX=image, labels_BZYX=labels)


def _dimension(axis: str) -> int:
    """Where z, y or x stands in a tensor, counted from the end: the same for image and labels."""
    return "zyx".index(axis) - 3


def _replace(kept: torch.Tensor, chosen_B: torch.Tensor, changed: torch.Tensor) -> torch.Tensor:
    """The samples of `kept`, those chosen replaced by the ones of `changed`."""
    return torch.where(chosen_B.reshape(-1, *[1] * (kept.ndim - 1)), changed, kept)


def _check_turnable(plane: str, sizes: Sequence[int], lengths: Sequence[float]) -> None:
    """Refuse planes of samples ZYX, or of their voxels, that a quarter turn would change."""
    first, second = (_dimension(axis) for axis in plane)
    if sizes[first] != sizes[second]:
        raise NeurokitError(
            f"rotate90 cannot turn samples of {sizes[first]} x {sizes[second]} voxels in the plane "
            f"{plane}; make the two sizes equal in train.patch_size, or leave the plane out"
        )
    if not isclose(lengths[first], lengths[second]):
        raise NeurokitError(
            f"rotate90 cannot turn voxels of {lengths[first]:g} x {lengths[second]:g} nm in the "
            f"plane {plane}: the tissue would change its shape; leave the plane out"
        )
