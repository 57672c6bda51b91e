"""The augmentation of BANIS."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import torch
from attrs import evolve, frozen

from neurokit import Augmentation, Batch, SampleRandom, mirrored, param
from neurokit_nisb.affine import affine_map, moved

_IGNORED = -1


@frozen(kw_only=True)
class Banis(Augmentation):
    """Turns, flips, dropped and shifted sections, grey values, noise and affine maps, as BANIS.

    Every sample is put in one of the orientations that exchanging and flipping its axes give, all
    equally likely; quarter turns in all planes are among them. Each other change is made to a
    sample or not, in this order: sections across one of the axes turn black, while labels stay;
    others are shifted within their plane, by whole voxels; grey values g become a g + b; Gaussian
    noise is added; and an affine map about the centre turns, stretches and shears, the image
    interpolated linearly, labels those of the nearest voxel, both mirrored where the map leaves
    the sample.

    Unlike in BANIS, labels follow the tissue of a shifted section, and where it comes into view
    from outside, labels are -1, to be ignored, and the image is mirrored.

    Only axes along which samples have the same size are exchanged.
    """

    probability: float = param(
        0.5, help="chance of a sample for each change but its orientation", low=0, high=1
    )
    dropped_sections: float = param(
        0.05, help="chance of each section of a chosen sample to turn black", low=0, high=1
    )
    shifted_sections: float = param(
        0.05, help="chance of each section of a chosen sample to be shifted", low=0, high=1
    )
    most_shift: int = param(10, help="voxels of the greatest shift along either axis", low=0)
    contrast: float = param(
        0.1, help="greatest change of the factor of grey values from 1", low=0, below=1
    )
    brightness: float = param(
        0.1, help="greatest change of brightness, as a share of black to white", low=0
    )
    noise: float = param(
        0.5,
        help="greatest standard deviation of the noise, as a share of black to white; it is "
        "uniform from 0",
        low=0,
    )
    rotation_degrees: float = param(
        180.0, help="greatest turn about each axis, either way", low=0, high=180
    )
    scale: float = param(0.2, help="greatest stretch, and shrinkage, of each axis", low=0, below=1)
    shear: float = param(
        0.5, help="greatest shift of each axis for each step along another", low=0, high=1
    )
    cubic_voxels: bool = param(
        True,
        help="take voxels for cubes, as BANIS does; else only axes of equally long voxels are "
        "exchanged, sections are those across z, and affine maps are in nanometres",
    )

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch, each sample changed on its own, so that none depends on the others."""
        lengths_nm = (1.0, 1.0, 1.0) if self.cubic_voxels else batch.voxel_size_nm
        changed = [
            self._changed(image, labels, lengths_nm, random.of([index]))
            for index, (image, labels) in enumerate(
                zip(batch.image_BCZYX, batch.labels_BZYX, strict=True)
            )
        ]
        return evolve(
            batch,
            image_BCZYX=torch.stack([image for image, _ in changed]),
            labels_BZYX=torch.stack([labels for _, labels in changed]),
        )

    def _changed(
        self,
        image_CZYX: torch.Tensor,
        labels_ZYX: torch.Tensor,
        lengths_nm: tuple[float, float, float],
        random: SampleRandom,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        draws = random.on_cpu()
        image, labels = _oriented(image_CZYX, labels_ZYX, lengths_nm, draws)
        if draws.happens(self.probability):
            self._drop(image, draws)
        if draws.happens(self.probability):
            self._shift(image, labels, draws)
        if draws.happens(self.probability):
            factor = 1 + _uniform(draws, self.contrast)
            image = image * factor + _uniform(draws, self.brightness)
        if draws.happens(self.probability):
            strength = float(draws.uniform(0, self.noise))
            image = image + strength * random.noise(*image.shape)[0]
        bends = self.rotation_degrees or self.scale or self.shear
        if draws.happens(self.probability) and bends:
            affine = affine_map(
                turns=draws.uniform(-1, 1, 3)[0] * self.rotation_degrees,
                stretches=1 + draws.uniform(-1, 1, 3)[0] * self.scale,
                shears=draws.uniform(-1, 1, 6)[0] * self.shear,
            )
            image, labels = moved(image, labels, affine, lengths_nm)
        return image, labels

    def _drop(self, image_CZYX: torch.Tensor, draws: SampleRandom) -> None:
        axis = self._across(draws)
        for section in _chosen(draws, image_CZYX.shape[1 + axis], self.dropped_sections):
            image_CZYX.select(1 + axis, section).fill_(0)

    def _shift(
        self, image_CZYX: torch.Tensor, labels_ZYX: torch.Tensor, draws: SampleRandom
    ) -> None:
        axis = self._across(draws)
        for section in _chosen(draws, labels_ZYX.shape[axis], self.shifted_sections):
            down, along = draws.integers(-self.most_shift, self.most_shift + 1, 2)[0].tolist()
            _shift_plane(
                image_CZYX.select(1 + axis, section), labels_ZYX.select(axis, section), down, along
            )

    def _across(self, draws: SampleRandom) -> int:
        """The axis along which sections follow each other."""
        return int(draws.integers(0, 3)) if self.cubic_voxels else 0


def _oriented(
    image_CZYX: torch.Tensor,
    labels_ZYX: torch.Tensor,
    lengths_nm: tuple[float, float, float],
    draws: SampleRandom,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A sample with some axes exchanged and some flipped, in memory of its own."""
    alike = list(zip(labels_ZYX.shape, lengths_nm, strict=True))
    orders = [order for order in permutations(range(3)) if [alike[a] for a in order] == alike]
    order = orders[int(draws.integers(0, len(orders)))]
    flipped = [axis for axis in range(3) if draws.happens(0.5)]
    image = image_CZYX.permute(0, *(1 + axis for axis in order))
    labels = labels_ZYX.permute(order)
    # A flip copies, even along no axis.
    image, labels = image.flip([1 + axis for axis in flipped]), labels.flip(flipped)
    return image.contiguous(), labels.contiguous()


def _chosen(draws: SampleRandom, count: int, probability: float) -> list[int]:
    """Each of the numbers 0 to count - 1 with this chance."""
    chosen = draws.uniform(0, 1, count)[0] < probability
    return [number for number, each in enumerate(chosen.tolist()) if each]


def _uniform(draws: SampleRandom, most: float) -> float:
    return float(draws.uniform(-most, most))


def _shift_plane(image_CYX: torch.Tensor, labels_YX: torch.Tensor, down: int, along: int) -> None:
    """Move a plane by whole voxels, in place."""
    places, known = [], []
    for size, shift in zip(labels_YX.shape, (down, along), strict=True):
        wanted = np.arange(size) - shift
        found = mirrored(wanted, size)
        places.append(torch.from_numpy(found).to(labels_YX.device))
        known.append(torch.from_numpy(wanted == found).to(labels_YX.device))
    rows, columns = places[0][:, None], places[1]
    image_CYX.copy_(image_CYX[:, rows, columns])
    seen_YX = known[0][:, None] & known[1]
    labels_YX.copy_(labels_YX[rows, columns].where(seen_YX, _IGNORED))
