"""Activation: from what a network answers to what a prediction holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from neurokit.channels import Channel

_FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "none": torch.clone,
}


def activate(logits: torch.Tensor, channel: Channel) -> torch.Tensor:
    """Logits of one channel, of any shape, through its activation, in a new tensor."""
    scaled = logits if channel.scale == 1 else logits * channel.scale
    return _FUNCTIONS[channel.activation](scaled)


def activated(logits_CZYX: torch.Tensor, channels: Sequence[Channel]) -> torch.Tensor:
    """Logits, channel by channel, through the activation that the channel declares."""
    return torch.stack(
        [activate(plane, channel) for channel, plane in zip(channels, logits_CZYX, strict=True)]
    )
