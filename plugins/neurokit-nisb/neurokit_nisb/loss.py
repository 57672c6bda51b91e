"""The loss of BANIS."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from neurokit import Channel, Loss, NeurokitError, process_count, sum_over_processes


@frozen(kw_only=True)
class BCE(Loss):
    """Binary cross-entropy, its mean over all that is known, whatever the channel, as in BANIS.

    The terms are the means of the channels. Where several processes share a batch, voxels are
    counted over all of it, so that the split changes nothing.
    """

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
        return _BCE([channel.name for channel in channels])


class _BCE(nn.Module):
    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names

    def forward(
        self, logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        target = torch.where(mask > 0, target, 0)
        each = binary_cross_entropy_with_logits(logits, target, weight=mask, reduction="none")
        space = (0, 2, 3, 4)
        known = sum_over_processes(mask.sum(space).to(logits.dtype))
        # The mean over processes, which gradients are, is then the loss of the whole batch.
        sums = process_count() * each.sum(space)
        terms = dict(zip(self.names, (sums / known.clamp(min=1)).detach(), strict=True))
        return sums.sum() / known.sum().clamp(min=1), terms
