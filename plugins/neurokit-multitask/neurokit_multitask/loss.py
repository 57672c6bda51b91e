"""Multitask: a loss of its own for each head, weighted by trained uncertainties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from attrs import frozen
from torch import nn

from neurokit import Channel, Loss, NeurokitError, param
from neurokit_multitask.division import check_heads, places_of


@frozen(kw_only=True)
class Task:
    """What one head is to learn."""

    channels: tuple[str, ...] = param(help="names of the target's channels that it has")
    loss: Loss = param(help="how wrong these channels are")
    weight: float = param(1.0, help="factor of its loss", above=0)


@frozen(kw_only=True)
class Multitask(Loss):
    """A loss for each head, weighted by trained uncertainties (Kendall, Gal and Cipolla 2018).

    Each head has a `loss` of its own, which sees the head's `channels` alone::

        [loss]
        use = "multitask"
        [loss.heads.near]
        channels = ["z1", "y1", "x1"]
        loss = { use = "balanced_bce" }
        weight = 1.0

    With weighting "uncertainty" (arXiv 1705.07115), a log-variance s is trained for each head, and
    the loss is the sum over heads of::

        exp(-s) * weight * L + s / 2

    where L is what the head's own loss gives; s starts at 0. It is the paper's form for
    classification, and with a weight of 0.5 that for regression. Left alone, a head comes to
    s = log(2 * weight * L), where it counts for log(L) / 2 and a constant: what matters is by which
    factor a head improves, not in which units its loss is. The fixed weight then only says where
    the head starts. So that a head whose loss is 0 for a while cannot take over, s is
    `max_log_variance * tanh(p / max_log_variance)` of the number p that is trained.

    With weighting "fixed", the loss is the sum of weight * L, and nothing is trained.

    The log has, for each head, L as `<head>`, the factor that it was multiplied by as
    `<head>/weight`, and the terms of its own loss as `<head>/<term>`.
    """

    heads: dict[str, Task] = param(
        help="a table for each head: its channels, its loss, and perhaps its weight"
    )
    weighting: Literal["uncertainty", "fixed"] = param(
        "uncertainty", help="whether the heads' weights are trained, or stay as they are given"
    )
    max_log_variance: float = param(
        5.0, help="trained log-variances stay between plus and minus this", above=0
    )

    def __attrs_post_init__(self) -> None:
        check_heads(self._channels)

    def build(self, channels: Sequence[Channel]) -> nn.Module:
        """The loss over all heads; with one parameter for each if their weights are trained.

        Raises:
            NeurokitError: the heads do not have the very channels of the target, or a head's own
                loss refuses its channels.
        """
        limit = self.max_log_variance if self.weighting == "uncertainty" else None
        terms = []
        for name, places in places_of(self._channels, channels).items():
            task = self.heads[name]
            try:
                loss = task.loss.build([channels[place] for place in places])
            except NeurokitError as error:
                raise NeurokitError(f"the loss of the head '{name}': {error}") from error
            terms.append(_Head(name, places, loss, task.weight, limit))
        return _Sum(terms)

    @property
    def _channels(self) -> dict[str, tuple[str, ...]]:
        return {name: task.channels for name, task in self.heads.items()}


class _Head(nn.Module):
    """What one head adds to the loss.

    Args:
        name: of the head, for the log.
        places: of its channels among the target's.
        loss: of these channels alone.
        weight: fixed factor of the loss.
        limit: of the log-variance, on both sides of 0; None where none is trained.
    """

    def __init__(
        self,
        name: str,
        places: Sequence[int],
        loss: nn.Module,
        weight: float,
        limit: float | None,
    ) -> None:
        super().__init__()
        self.name = name
        self.places = places
        self.loss = loss
        self.weight = weight
        self.limit = limit
        if limit is not None:
            self.uncertainty = nn.Parameter(torch.zeros(()))

    def forward(
        self, logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        own = (_channels_at(each, self.places) for each in (logits, target, mask))
        loss, inner = self.loss(*own)
        factor, added = torch.full_like(loss, self.weight), torch.zeros_like(loss)
        if self.limit is not None:
            log_variance = self.limit * torch.tanh(self.uncertainty / self.limit)
            factor, added = factor * torch.exp(-log_variance), log_variance / 2
        terms = {f"{self.name}/{term}": value for term, value in inner.items()}
        terms |= {self.name: loss.detach(), f"{self.name}/weight": factor.detach()}
        return factor * loss + added, terms


class _Sum(nn.Module):
    def __init__(self, heads: Sequence[_Head]) -> None:
        super().__init__()
        # A module cannot hold parts of some names, such as "type", unless they are prefixed.
        self.heads = nn.ModuleDict({f"head_{head.name}": head for head in heads})

    def forward(
        self, logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        total = logits.new_zeros(())
        terms: dict[str, torch.Tensor] = {}
        for head in self.heads.values():
            loss, own = head(logits, target, mask)
            total, terms = total + loss, terms | own
        return total, terms


def _channels_at(each_BCZYX: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
    """Some channels, in the order of `places`; a view where they follow each other."""
    first, count = places[0], len(places)
    if list(places) == list(range(first, first + count)):
        return each_BCZYX.narrow(1, first, count)
    return torch.stack([each_BCZYX[:, place] for place in places], 1)
