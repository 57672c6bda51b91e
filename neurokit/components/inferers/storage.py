"""What a prediction is stored as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from neurokit import Channel, NeurokitError, activate

Storage = Literal["float32", "float16", "uint8"]


def check_storage(channels: Sequence[Channel], storage: Storage) -> None:
    """Refuse a type that cannot hold the channels' values.

    Raises:
        NeurokitError: values that are not probabilities would be stored in 8 bits.
    """
    for channel in channels:
        if storage == "uint8" and channel.activation != "sigmoid":
            raise NeurokitError(
                f"storage 'uint8' holds values between 0 and 1, and those of the channel "
                f"'{channel.name}' (activation {channel.activation}) may lie elsewhere; "
                f"choose 'float16' or 'float32'"
            )


def stored(logits: torch.Tensor, channel: Channel, storage: Storage) -> torch.Tensor:
    """Activated values in a new tensor of the type of `storage`; round(255 p) in uint8."""
    values = activate(logits, channel)
    if storage == "uint8":
        return values.mul_(255).round_().to(torch.uint8)
    return values.to(torch.float16 if storage == "float16" else torch.float32)
