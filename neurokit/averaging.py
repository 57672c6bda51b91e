"""Averaged weights: an exponential moving average of a network on its way.

The average of the last steps generalises better than any of them (Polyak and Juditsky 1992), and
is what inference uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class AveragedWeights:
    """An exponential moving average of a network's parameters; its buffers are copied.

    After t updates the average keeps min(decay, (1 + t) / (10 + t)) of what it was, so that it
    follows closely while it is young and forgets the fresh network soon.

    Args:
        network: whose weights are averaged; the average starts as a copy of them.
        decay: between 0 and 1.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self._network = network
        self._averaged = {
            name: tensor.detach().clone() for name, tensor in network.state_dict().items()
        }

    @torch.no_grad()
    def update(self, updates: int) -> None:
        """Take in the network's present weights, after `updates` earlier ones."""
        share = 1 - min(self.decay, (1 + updates) / (10 + updates))
        parameters = dict(self._network.named_parameters(remove_duplicate=False))
        current = self._network.state_dict()
        moving = [name for name in self._averaged if name in parameters]
        torch._foreach_lerp_(
            [self._averaged[name] for name in moving], [current[name] for name in moving], share
        )
        for name in self._averaged.keys() - set(moving):
            self._averaged[name].copy_(current[name])

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The averaged weights, under the network's own names."""
        return dict(self._averaged)

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from an average that was saved."""
        for name, tensor in self._averaged.items():
            tensor.copy_(state[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network has the averaged weights inside, and its own again afterwards."""
        own = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}
        self._network.load_state_dict(self._averaged)
        try:
            yield
        finally:
            self._network.load_state_dict(own)
