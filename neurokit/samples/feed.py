"""What the network of one process is fed with: its share of each batch, with targets."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence

import torch
from attrs import frozen

from neurokit.distributed import World
from neurokit.samples.drawing import Samples
from neurokit.samples.places import Place
from neurokit.sampling import SampleRandom
from neurokit.schema import Recipe

Request = tuple[int, Sequence[int]]
"""A step, and the places of samples in its global batch."""


@frozen
class Prepared:
    """A batch, ready for the network."""

    image_BCZYX: torch.Tensor
    target_BCZYX: torch.Tensor
    mask: torch.Tensor


@frozen
class Feed:
    """Draws, augments and encodes the samples that one process of a training works on.

    Attributes:
        recipe: says how.
        world: the place of the process among those that share a batch.
        device: that it computes on.
    """

    recipe: Recipe
    world: World
    device: torch.device

    @property
    def global_batch(self) -> int:
        """Samples of an optimizer step, over all processes."""
        return self.recipe.train.batch_size * self.recipe.train.accumulate * self.world.size

    def indices(self) -> list[Sequence[int]]:
        """For each batch of this process in a step, the places of its samples in the global batch.

        Of 2 processes with 2 batches of 3 samples, the second has 3 4 5 and 9 10 11.
        """
        size = self.recipe.train.batch_size
        together = size * self.world.size
        starts = range(size * self.world.rank, self.global_batch, together)
        return [range(start, start + size) for start in starts]

    def training(self, samples: Samples, steps: Iterable[int]) -> Generator[Prepared, None, None]:
        """The batches of some steps, those of each one after another."""
        return self._prepared(samples, ((step, each) for step in steps for each in self.indices()))

    def validation(self, samples: Samples) -> Generator[Prepared, None, None]:
        """Batches that are always the same, not augmented."""
        # Steps below 0, so that training never sees these very samples.
        numbers = range(self.recipe.train.validation.batches)
        requests = ((-1 - number, self.indices()[0]) for number in numbers)
        return self._prepared(samples, requests, augmented=False)

    def sample(self, samples: Samples, step: int, index: int) -> Prepared:
        """One sample of a step alone, as the training gets it."""
        (one,) = self._prepared(samples, [(step, [index])])
        return one

    def place(self, samples: Samples, step: int, index: int) -> Place:
        """Where one sample of a step is cut."""
        random = SampleRandom(self.recipe.seed, step, [index], self.device)
        (place,) = samples.places(random)
        return place

    def _prepared(
        self, samples: Samples, requests: Iterable[Request], *, augmented: bool = True
    ) -> Generator[Prepared, None, None]:
        for batch, random in samples.batches(self.recipe.seed, requests):
            for augmentation in self.recipe.train.augmentations if augmented else ():
                batch = augmentation.apply(batch, random)
            target, mask = self.recipe.target.encode(batch.labels_BZYX)
            yield Prepared(batch.image_BCZYX, target, mask)


class OneAhead:
    """An iterator whose next item can be made before it is asked for."""

    def __init__(self, items: Iterator[Prepared]) -> None:
        self._items = items
        self._next: Prepared | None = None

    def prepare(self) -> None:
        """Make the next item now, if there is one."""
        self._next = next(self._items, None)

    def __next__(self) -> Prepared:
        item = self._next or next(self._items)
        self._next = None
        return item
