"""Learning-rate schedules."""

from __future__ import annotations

from math import cos, pi

from attrs import frozen

from neurokit import Schedule, param


@frozen(kw_only=True)
class WarmupCosine(Schedule):
    """A linear warm-up, then half a cosine down to the minimum; moves every step.

    The first step runs at `warmup_start_lr`, the end of the warm-up reaches the base rate, and the
    last step runs at `min_lr`.
    """

    warmup_fraction: float = param(0.03, help="share of the steps that warms up", low=0, high=1)
    warmup_start_lr: float = param(1e-5, help="learning rate of the first step", low=0)
    min_lr: float = param(1e-6, help="learning rate of the last step", low=0)

    def lr(self, step: int, total_steps: int, base_lr: float) -> float:
        warmup = round(self.warmup_fraction * total_steps)
        if step < warmup:
            return self.warmup_start_lr + (base_lr - self.warmup_start_lr) * step / warmup
        progress = (step - warmup) / max(1, total_steps - 1 - warmup)
        return self.min_lr + (base_lr - self.min_lr) * (1 + cos(pi * min(1.0, progress))) / 2
