"""One of several augmentations."""

from __future__ import annotations

import torch
from attrs import frozen

from neurokit import Augmentation, Batch, NeurokitError, SampleRandom, param
from neurokit.components.augmentations.chosen import change_chosen, change_samples, indices_of


@frozen(kw_only=True)
class OneOf(Augmentation):
    """Makes one of several changes to each sample, or none.

    The probabilities of the choices themselves still count: give those that should always work a
    probability of 1.
    """

    choices: tuple[Augmentation, ...] = param(help="the changes among which one is drawn")
    weights: tuple[float, ...] = param(
        (), help="how often each is drawn, in any unit; all alike unless given", low=0
    )
    probability: float = param(1.0, help="chance of a sample to be changed", low=0, high=1)

    def __attrs_post_init__(self) -> None:
        if not self.choices:
            raise NeurokitError("choices must name one augmentation at least")
        if self.weights and len(self.weights) != len(self.choices):
            raise NeurokitError(
                f"weights must be as many as choices, {len(self.choices)}, not {len(self.weights)}"
            )
        if self.weights and sum(self.weights) == 0:
            raise NeurokitError("weights must not all be 0")

    def check(
        self, patch_size: tuple[int, int, int], voxel_size_nm: tuple[float, float, float]
    ) -> None:
        for choice in self.choices:
            choice.check(patch_size, voxel_size_nm)

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch, each chosen sample changed by one of the choices."""
        return change_chosen(batch, random, self.probability, self._changed)

    def _changed(self, batch: Batch, random: SampleRandom) -> Batch:
        weights = torch.tensor(self.weights or [1.0] * len(self.choices), dtype=torch.float64)
        shares = weights.cumsum(0) / weights.sum()
        drawn = random.on_cpu().uniform(0, 1).double()
        numbers = torch.searchsorted(shares, drawn, right=True)
        for number, choice in enumerate(self.choices):
            batch = change_samples(batch, random, indices_of(numbers == number), choice.apply)
        return batch
