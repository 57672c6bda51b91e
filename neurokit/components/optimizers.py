"""Optimizers."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from attrs import frozen
from torch import nn

from neurokit import Optimizer, param


@frozen(kw_only=True)
class AdamW(Optimizer):
    """AdamW (Loshchilov and Hutter 2019), without decay on normalisations and biases."""

    lr: float = param(3e-4, help="base learning rate", above=0)
    weight_decay: float = param(0.01, help="decay of convolution weights", low=0)
    betas: tuple[float, float] = param((0.9, 0.999), help="memory of the moments", low=0, high=1)
    eps: float = param(1e-8, help="added to the denominator", above=0)

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        # What has at most one axis is a bias, or a scale of a normalisation.
        decayed: list[nn.Parameter] = []
        plain: list[nn.Parameter] = []
        for parameter in parameters:
            (decayed if parameter.ndim > 1 else plain).append(parameter)
        groups = [
            {"params": decayed, "weight_decay": self.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        # One kernel for all parameters, on the devices that have it.
        fused = all(each.device.type in ("cpu", "cuda") for each in [*decayed, *plain])
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas, eps=self.eps, fused=fused)
