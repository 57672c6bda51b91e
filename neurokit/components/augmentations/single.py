"""Changing samples one by one, as plain random numbers of theirs decide."""

from __future__ import annotations

from collections.abc import Callable

import torch
from attrs import evolve, frozen

from neurokit import Batch, SampleRandom
from neurokit.components.augmentations.chosen import change_chosen


@frozen
class Sample:
    """One sample of a batch, with tensors of its own, which may be changed in place.

    Attributes:
        image_CZYX, labels_ZYX, voxel_size_nm: as in a `Batch`.
    """

    image_CZYX: torch.Tensor
    labels_ZYX: torch.Tensor
    voxel_size_nm: tuple[float, float, float]

    @property
    def sections(self) -> int:
        """How many sections it has."""
        return self.labels_ZYX.shape[0]

    @property
    def plane(self) -> tuple[int, int]:
        """The size of a section (y, x)."""
        return self.labels_ZYX.shape[1], self.labels_ZYX.shape[2]


class Draws:
    """Plain random numbers from the stream of one sample; drawing them waits for no device."""

    def __init__(self, random: SampleRandom) -> None:
        assert len(random) == 1
        self._random = random.on_cpu()

    def number(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return float(self._random.uniform(low, high))

    def whole(self, low: int, high: int) -> int:
        """A whole number, at least `low` and at most `high`."""
        return int(self._random.integers(low, high + 1))

    def happens(self, probability: float) -> bool:
        """True with this chance."""
        return bool(self._random.happens(probability))

    def some(self, count: int, among: range) -> list[int]:
        """So many different elements of a range, in random order."""
        order = self._random.uniform(0, 1, len(among))[0].argsort()
        return [among[place] for place in order[:count].tolist()]


def change_each(
    batch: Batch, random: SampleRandom, probability: float, change: Callable[[Sample, Draws], None]
) -> Batch:
    """The batch, `change` made to each sample with a chance of `probability`, one after the other.

    `change` works in place on a copy of the sample.
    """

    def change_all(part: Batch, its_random: SampleRandom) -> Batch:
        image, labels = part.image_BCZYX.clone(), part.labels_BZYX.clone()
        for index in range(len(its_random)):
            sample = Sample(image[index], labels[index], part.voxel_size_nm)
            change(sample, Draws(its_random.of([index])))
        return evolve(part, image_BCZYX=image, labels_BZYX=labels)

    return change_chosen(batch, random, probability, change_all)
