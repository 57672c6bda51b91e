"""Warp: smooth random deformations, measured in nanometres."""

from __future__ import annotations

from math import pi

import torch
from attrs import evolve, frozen

from neurokit import Augmentation, Batch, NeurokitError, SampleRandom, param
from neurokit.components.augmentations.chosen import change_chosen
from neurokit.components.augmentations.resampling import (
    linear,
    linear_in_sections,
    mirrored_places,
    nearest,
    spline_weights,
)

# The ratio of displacement to spacing up to which tissue hardly ever folds over itself: it does
# where a gradient falls below -1, and the ratio is about the gradient's standard deviation.
_MOST_STRAIN = 0.25


@frozen(kw_only=True)
class Warp(Augmentation):
    """Bends, turns, stretches and shears samples smoothly, in nanometres.

    Every voxel of the result shows the place that an affine map about the sample's centre and a
    smooth random displacement lead to. The displacement is a cubic B-spline (Rueckert et al. 1999)
    through normal random vectors on a grid, scaled so that its standard deviation is the same
    everywhere. The image is interpolated linearly, labels are those of the nearest voxel, and what
    lies outside is mirrored in both. Nothing leaves its section unless `displacement_z_nm` or
    `tilt_degrees` asks for it; the displacement then still changes smoothly between sections.
    """

    probability: float = param(0.7, help="chance of a sample to be warped", low=0, high=1)
    displacement_nm: float = param(
        30.0, help="standard deviation of the displacement in y and in x", low=0
    )
    displacement_z_nm: float = param(
        0.0, help="standard deviation of the displacement in z; 0 keeps sections apart", low=0
    )
    spacing_nm: float = param(
        300.0, help="distance of the random vectors: about half a wavelength", above=0
    )
    rotation_degrees: float = param(
        45.0, help="greatest turn within sections, either way", low=0, high=180
    )
    tilt_degrees: float = param(
        0.0,
        help="greatest turn out of the plane of sections, about any axis in it",
        low=0,
        high=180,
    )
    scale: float = param(
        0.1, help="greatest stretch, and greatest shrinkage, of y and of x", low=0, high=0.5
    )
    shear: float = param(
        0.1, help="greatest shift of x for each step in y, either way", low=0, high=1
    )

    def __attrs_post_init__(self) -> None:
        most = _MOST_STRAIN * self.spacing_nm
        for name in ("displacement_nm", "displacement_z_nm"):
            displacement = getattr(self, name)
            if displacement > most:
                raise NeurokitError(
                    f"{name} {displacement:g} would fold tissue over itself where spacing_nm is "
                    f"{self.spacing_nm:g}; take at most {most:g}, or a wider spacing"
                )

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch, the chosen samples warped."""
        return change_chosen(batch, random, self.probability, self._warped)

    def _warped(self, batch: Batch, random: SampleRandom) -> Batch:
        if self.displacement_z_nm == 0 and self.tilt_degrees == 0:
            y, x = places = self._places(batch, random, first=1)
            image = linear_in_sections(batch.image_BCZYX, y, x)
        else:
            places = self._places(batch, random, first=0)
            image = linear(batch.image_BCZYX, places)
        return evolve(batch, image_BCZYX=image, labels_BZYX=nearest(batch.labels_BZYX, places))

    def _places(self, batch: Batch, random: SampleRandom, first: int) -> list[torch.Tensor]:
        """Where each voxel of the result comes from.

        Args:
            first: 0 to move voxels along z, y and x, 1 for y and x alone.

        Returns:
            For each axis the coordinates in voxels, BZYX, all within the sample.
        """
        sizes, lengths_nm = batch.labels_BZYX.shape[1:], batch.voxel_size_nm
        affine = random.to_device(self._affine(random.on_cpu()))
        moved_nm = self._displacements(batch, random, first)
        centred_nm = [
            _along(axis, torch.arange(size, device=random.device) - (size - 1) / 2) * length_nm
            for axis, (size, length_nm) in enumerate(zip(sizes, lengths_nm, strict=True))
        ]
        places = []
        for axis in range(first, 3):
            place_nm = moved_nm[:, axis - first]
            for other in range(first, 3):
                place_nm = place_nm + affine[:, axis, other, None, None, None] * centred_nm[other]
            place = place_nm / lengths_nm[axis] + (sizes[axis] - 1) / 2
            places.append(mirrored_places(place, sizes[axis]))
        return places

    def _affine(self, draws: SampleRandom) -> torch.Tensor:
        """Random linear maps of nanometres (z, y, x), shape (B, 3, 3)."""
        turn = self.rotation_degrees * pi / 180 * draws.uniform(-1, 1).double()
        tilt = self.tilt_degrees * pi / 180 * draws.uniform(-1, 1).double()
        about = pi * draws.uniform(0, 1).double()
        plane = torch.eye(3, dtype=torch.float64).repeat(len(draws), 1, 1)
        plane[:, 1, 1] = 1 + self.scale * draws.uniform(-1, 1)
        plane[:, 2, 2] = 1 + self.scale * draws.uniform(-1, 1)
        plane[:, 2, 1] = self.shear * draws.uniform(-1, 1)
        # A tilt about any axis within the plane is one about x, between two turns in the plane.
        turned = _rotation(turn + about, 1, 2) @ _rotation(tilt, 0, 1) @ _rotation(-about, 1, 2)
        return (turned @ plane).float()

    def _displacements(self, batch: Batch, random: SampleRandom, first: int) -> torch.Tensor:
        """Smooth random displacements in nanometres, B3ZYX, or B2ZYX without those along z."""
        weights_z, weights_y, weights_x = (
            spline_weights(size, length / self.spacing_nm, random.device)
            for size, length in zip(batch.labels_BZYX.shape[1:], batch.voxel_size_nm, strict=True)
        )
        strengths = (self.displacement_z_nm, self.displacement_nm, self.displacement_nm)[first:]
        points = [weights.shape[1] for weights in (weights_z, weights_y, weights_x)]
        vectors = random.on_cpu().normal(len(strengths), *points)
        vectors *= torch.tensor(strengths)[:, None, None, None]
        # One sample after the other: how a product of matrices is rounded depends on their sizes,
        # and a sample is not to depend on how many share its batch.
        displacements = []
        for grid_CZYX in random.to_device(vectors):
            along_z = (weights_z @ grid_CZYX.flatten(2)).unflatten(2, points[1:])
            displacements.append(weights_y @ along_z @ weights_x.T)
        return torch.stack(displacements)


def _along(axis: int, values: torch.Tensor) -> torch.Tensor:
    """Values of an axis, shaped to meet a tensor ZYX."""
    return values.reshape([-1 if each == axis else 1 for each in range(3)])


def _rotation(angle_B: torch.Tensor, first: int, second: int) -> torch.Tensor:
    """Rotations in the plane of two of the axes z, y, x, by angles in radians; shape (B, 3, 3)."""
    matrix = torch.eye(3, dtype=angle_B.dtype).repeat(len(angle_B), 1, 1)
    matrix[:, first, first] = matrix[:, second, second] = angle_B.cos()
    matrix[:, first, second] = -angle_B.sin()
    matrix[:, second, first] = angle_B.sin()
    return matrix
