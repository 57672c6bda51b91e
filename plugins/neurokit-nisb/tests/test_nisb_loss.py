"""The loss bce, against sums over voxels."""

from __future__ import annotations

from math import exp, log
from typing import Literal

import pytest
import torch

from neurokit import Channel, NeurokitError
from neurokit.testing import conform
from neurokit_nisb.loss import BCE
from neurokit_nisb.target import Affinity6

CHANNELS = Affinity6().channels[:2]


def test_equals_the_definition() -> None:
    torch.manual_seed(0)
    shape = (2, 2, 2, 3, 4)
    logits, target = 3 * torch.randn(shape), (torch.rand(shape) > 0.5).float()
    mask = (torch.rand(shape) > 0.4).float()
    mask[:, 1, 0] = 0
    each: dict[int, list[float]] = {0: [], 1: []}
    for place in torch.cartesian_prod(*[torch.arange(size) for size in shape]).tolist():
        place = tuple(place)
        if mask[place]:
            p = 1 / (1 + exp(-logits[place]))
            each[place[1]].append(-log(p if target[place] else 1 - p))
    target[mask == 0] = torch.nan  # unknown: whatever stands there
    scalar, terms = BCE().build(CHANNELS)(logits, target, mask)
    both = each[0] + each[1]
    assert scalar.item() == pytest.approx(sum(both) / len(both), rel=1e-5)
    assert {name: float(term) for name, term in terms.items()} == pytest.approx(
        {"z1": sum(each[0]) / len(each[0]), "y1": sum(each[1]) / len(each[1])}, rel=1e-5
    )


def test_nothing_known_is_no_loss() -> None:
    logits = torch.ones((1, 2, 2, 2, 2), requires_grad=True)
    scalar, _ = BCE().build(CHANNELS)(logits, torch.zeros_like(logits), torch.zeros_like(logits))
    scalar.backward()
    assert scalar.item() == 0
    assert not logits.grad.any()  # type: ignore[union-attr]


@pytest.mark.parametrize("activation", ["tanh", "none"])
def test_channels_that_are_no_probabilities(activation: Literal["tanh", "none"]) -> None:
    with pytest.raises(NeurokitError) as caught:
        BCE().build((*CHANNELS, Channel("sdt", activation)))
    assert str(caught.value) == (
        f"channel 'sdt' has the activation {activation}, and cross-entropy needs sigmoid; "
        f"use a loss made for it"
    )


def test_conforms() -> None:
    conform(BCE())
