"""Loss: affinities and distances together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import nn
from torch.nn import functional

from neurokit import (
    Channel,
    Loss,
    NeurokitError,
    activate,
    param,
    process_count,
    sum_over_processes,
)


@frozen(kw_only=True)
class AffinitySDT(Loss):
    """A loss of choice for affinities, plus smooth L1 for distances.

    Every channel that is no affinity is a distance: the mean over its known voxels of the smooth
    L1 difference (Huber's, divided by `beta`) between target and activated prediction is added to
    the loss of the affinities, `distance_weight` times. Where several processes share a batch,
    voxels are counted over all of it.

    The terms are those of the affinity loss, and that of each distance without its weight.
    """

    affinity: Loss | None = param(
        None, help="the loss of the affinities; unused where the target has none"
    )
    distance_weight: float = param(1.0, help="how much a distance counts", low=0)
    beta: float = param(
        0.1, help="differences above this count in proportion, below by their square", above=0
    )

    def build(self, channels: Sequence[Channel]) -> nn.Module:
        """See `Loss.build`.

        Raises:
            NeurokitError: there are affinities and no loss for them.
        """
        affinities = [channel for channel in channels if channel.offset is not None]
        if affinities and self.affinity is None:
            raise NeurokitError(
                f"the affinities {', '.join(each.name for each in affinities)} need a loss of "
                f'their own: add [loss.affinity] with use = "balanced_bce"'
            )
        nested = self.affinity.build(affinities) if self.affinity and affinities else None
        return _AffinitySDT(nested, channels, self.distance_weight, self.beta)


class _AffinitySDT(nn.Module):
    def __init__(
        self,
        affinity: nn.Module | None,
        channels: Sequence[Channel],
        distance_weight: float,
        beta: float,
    ) -> None:
        super().__init__()
        self.affinity = affinity
        self.affinities = [i for i, each in enumerate(channels) if each.offset is not None]
        self.distances = {i: each for i, each in enumerate(channels) if each.offset is None}
        self.distance_weight = distance_weight
        self.beta = beta

    def forward(
        self, logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        loss, terms = logits.new_zeros(()), {}
        if self.affinity is not None:
            chosen = (slice(None), self.affinities)
            loss, terms = self.affinity(logits[chosen], target[chosen], mask[chosen])
        for index, channel in self.distances.items():
            predicted = activate(logits[:, index], channel)
            term = self._difference(predicted, target[:, index], mask[:, index])
            loss = loss + self.distance_weight * term
            terms[channel.name] = term.detach()
        return loss, terms

    def _difference(
        self, predicted: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """The mean over the known voxels of the batch, of this process and of all others."""
        target = torch.where(mask > 0, target, 0)  # what is unknown may be NaN
        each = functional.smooth_l1_loss(predicted, target, reduction="none", beta=self.beta)
        known = sum_over_processes(mask.sum())
        return process_count() * (each * mask).sum() / known.clamp(min=1)
