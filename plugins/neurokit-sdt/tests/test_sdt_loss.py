"""The loss of affinities and distances, against sums over voxels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from attrs import frozen
from torch import nn

from neurokit import Channel, Loss, NeurokitError, affinity_channels, load_recipe
from neurokit.testing import conform
from neurokit_sdt.loss import AffinitySDT

DISTANCE = Channel("sdt", "tanh")
AFFINITIES = affinity_channels([(1, 0, 0), (0, 1, 0)])


@frozen(kw_only=True)
class SquaredError(Loss):
    """A loss whose value is easily told: the sum of squares, with a parameter of its own."""

    def build(self, channels: Sequence[Channel]) -> nn.Module:
        return _SquaredError([channel.name for channel in channels])


class _SquaredError(nn.Module):
    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names
        self.factor = nn.Parameter(torch.tensor(3.0))

    def forward(self, logits: Any, target: Any, mask: Any) -> Any:
        sums = self.factor * ((logits - target) ** 2 * mask).sum((0, 2, 3, 4))
        return sums.sum(), dict(zip(self.names, sums.detach(), strict=True))


def drawn(seed: int, channels: int) -> Any:
    random = np.random.default_rng(seed)
    shape = (2, channels, 3, 4, 5)
    mask = (random.random(shape) < 0.7).astype(np.float32)
    logits, target = random.normal(0, 1, shape), random.uniform(-1, 1, shape)
    return (*(torch.tensor(each).float() for each in (logits, target)), torch.tensor(mask))


def by_hand(logits: Any, target: Any, mask: Any, beta: float) -> float:
    """Smooth L1 of the distance channel, voxel by voxel."""
    total, known = 0.0, 0
    for logit, wanted, counts in zip(
        logits.ravel().tolist(), target.ravel().tolist(), mask.ravel().tolist(), strict=True
    ):
        if counts:
            difference = abs(np.tanh(logit) - wanted)
            total += difference**2 / (2 * beta) if difference < beta else difference - beta / 2
            known += 1
    return total / known


@pytest.mark.parametrize("beta", [0.1, 0.7])
@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_both_parts(weight: float, beta: float) -> None:
    channels = [AFFINITIES[0], DISTANCE, AFFINITIES[1]]
    logits, target, mask = drawn(1, 3)
    component = AffinitySDT(affinity=SquaredError(), distance_weight=weight, beta=beta)
    loss, terms = component.build(channels)(logits, target, mask)
    squares = 3 * ((logits - target) ** 2 * mask).sum((0, 2, 3, 4))
    distance = by_hand(logits[:, 1], target[:, 1], mask[:, 1], beta)
    assert list(terms) == ["z1", "y1", "sdt"]
    expected = [float(squares[0]), float(squares[2]), distance]
    assert [float(term) for term in terms.values()] == pytest.approx(expected, rel=1e-5)
    whole = expected[0] + expected[1] + weight * distance
    assert float(loss.detach()) == pytest.approx(whole, rel=1e-5)


def test_without_affinities_there_is_no_nested_loss() -> None:
    logits, target, mask = drawn(2, 1)
    expected = by_hand(logits, target, mask, 0.1)
    for component in (AffinitySDT(), AffinitySDT(affinity=SquaredError())):
        module = component.build([DISTANCE])
        loss, terms = module(logits, target, mask)
        assert float(loss) == pytest.approx(expected, rel=1e-5)
        assert terms == {"sdt": loss}
        assert not list(module.parameters())


def test_affinities_need_a_loss() -> None:
    with pytest.raises(NeurokitError) as error:
        AffinitySDT().build([*AFFINITIES, DISTANCE])
    assert str(error.value) == (
        "the affinities z1, y1 need a loss of their own: add [loss.affinity] with "
        'use = "balanced_bce"'
    )


def test_parameters_of_the_nested_loss_are_trained() -> None:
    module = AffinitySDT(affinity=SquaredError()).build([*AFFINITIES, DISTANCE])
    assert [name for name, _ in module.named_parameters()] == ["affinity.factor"]
    loss, _ = module(*drawn(3, 3))
    loss.backward()
    (parameter,) = module.parameters()
    assert parameter.grad is not None
    assert parameter.grad > 0


def test_only_known_voxels_count_and_nothing_known_counts_nothing() -> None:
    logits, target, mask = drawn(4, 1)
    target[mask == 0] = np.nan
    logits.requires_grad_()
    module = AffinitySDT().build([DISTANCE])
    loss, _ = module(logits, target, mask)
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, mask > 0)
    nothing, _ = module(logits, target, torch.zeros_like(mask))
    assert float(nothing.detach()) == 0


def test_several_processes_count_voxels_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two shares of a batch, one with far fewer known voxels; their losses average to the whole."""
    logits, target, mask = drawn(5, 1)
    mask[1, :, 1:] = 0
    whole, _ = AffinitySDT().build([DISTANCE])(logits, target, mask)
    monkeypatch.setattr("neurokit_sdt.loss.process_count", lambda: 2)
    monkeypatch.setattr("neurokit_sdt.loss.sum_over_processes", lambda _: mask.sum())
    shares = [
        AffinitySDT().build([DISTANCE])(logits[i : i + 1], target[i : i + 1], mask[i : i + 1])[0]
        for i in range(2)
    ]
    assert float(sum(shares) / 2) == pytest.approx(float(whole), rel=1e-6)


def test_it_conforms() -> None:
    conform(AffinitySDT(), channels=(DISTANCE,))
    both = load_recipe("neurokit_sdt:sdt_demo.toml").loss
    conform(both, channels=(*AFFINITIES, DISTANCE))
