"""Losses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import nn
from torch.nn import functional

from neurokit import Channel, Loss, NeurokitError, param, process_count, sum_over_processes


@frozen(kw_only=True)
class BalancedBCE(Loss):
    """Binary cross-entropy with each channel's positives weighted to balance its negatives.

    Over the whole batch and the known voxels of a channel with P positives and N negatives,
    positives weigh min(N / P, max_positive_weight), or 1 where there are none. The loss is the
    sum over channels of the mean over known voxels, as in PyTorch Connectomics. Where several
    processes share a batch, voxels are counted over all of it, so that the split changes nothing.
    """

    max_positive_weight: float = param(10.0, help="most that a positive voxel weighs", above=0)
    max_logit: float = param(20.0, help="logits are clamped to plus and minus this", above=0)

    def build(self, channels: Sequence[Channel]) -> nn.Module:
        """See `Loss.build`.

        Raises:
            NeurokitError: a channel is no probability.
        """
        for channel in channels:
            if channel.activation != "sigmoid":
                raise NeurokitError(
                    f"channel '{channel.name}' has the activation {channel.activation}, and "
                    f"cross-entropy needs sigmoid; use a loss made for it"
                )
        return _BalancedBCE(
            [channel.name for channel in channels], self.max_positive_weight, self.max_logit
        )


class _BalancedBCE(nn.Module):
    def __init__(self, names: list[str], max_positive_weight: float, max_logit: float) -> None:
        super().__init__()
        self.names = names
        self.max_positive_weight = max_positive_weight
        self.max_logit = max_logit

    def forward(
        self, logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        logits = logits.clamp(-self.max_logit, self.max_logit)
        target = torch.where(mask > 0, target, 0)
        space = (0, 2, 3, 4)
        counts = torch.stack([mask.sum(space), (target * mask).sum(space)])
        known, positives = sum_over_processes(counts.to(logits.dtype))
        negatives = known - positives
        weight = torch.where(
            positives > 0,
            (negatives / positives.clamp(min=1)).clamp(max=self.max_positive_weight),
            1.0,
        )
        each = functional.binary_cross_entropy_with_logits(
            logits, target, weight=mask, pos_weight=weight.reshape(-1, 1, 1, 1), reduction="none"
        )
        # The mean over processes, which gradients are, is then the loss of the whole batch.
        by_channel = process_count() * each.sum(space) / known.clamp(min=1)
        terms = dict(zip(self.names, by_channel.detach(), strict=True))
        return by_channel.sum(), terms
