"""The balanced cross-entropy against its formula, channel by channel."""

from typing import Any

import numpy as np
import pytest
import torch

from neurokit import Channel, NeurokitError, affinity_channels
from neurokit.components.losses import BalancedBCE

CHANNELS = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1)])


def _slow(
    logits: Any, target: Any, mask: Any, most: float = 10.0, clamp: float = 20.0
) -> list[float]:
    losses = []
    for channel in range(logits.shape[1]):
        known = mask[:, channel] > 0
        truth = target[:, channel][known] > 0
        probability = 1 / (1 + np.exp(-np.clip(logits[:, channel][known], -clamp, clamp)))
        positives, negatives = truth.sum(), (~truth).sum()
        weight = min(negatives / positives, most) if positives else 1.0
        each = np.where(truth, -weight * np.log(probability), -np.log1p(-probability))
        losses.append(each.mean() if known.any() else 0.0)
    return losses


def _random(share_of_positives: float, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    shape = (2, 3, 3, 4, 5)
    logits = random.normal(0, 3, shape)
    target = (random.random(shape) < share_of_positives).astype(float)
    mask = (random.random(shape) < 0.8).astype(float)
    return logits, target, mask


def _loss(component: BalancedBCE, *arrays: Any) -> tuple[float, dict[str, float]]:
    loss, terms = component.build(CHANNELS)(*(torch.tensor(a).float() for a in arrays))
    return float(loss), {name: float(value) for name, value in terms.items()}


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("most", [10.0, 2.5])
def test_the_formula(share: float, most: float) -> None:
    logits, target, mask = _random(share, seed=int(share * 100))
    expected = _slow(logits, target, mask, most)
    loss, terms = _loss(BalancedBCE(max_positive_weight=most), logits, target, mask)
    assert loss == pytest.approx(sum(expected), rel=1e-5, abs=1e-6)
    assert list(terms) == ["z1", "y1", "x1"]
    assert list(terms.values()) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_channel_with_nothing_known_counts_nothing() -> None:
    logits, target, mask = _random(0.3)
    mask[:, 1] = 0
    target[:, 1] = np.nan
    loss, terms = _loss(BalancedBCE(), logits, target, mask)
    assert terms["y1"] == 0
    assert loss == pytest.approx(sum(_slow(logits, target, mask)), rel=1e-5)


def test_only_known_voxels_have_gradients_and_wild_logits_are_clamped() -> None:
    logits, target, mask = _random(0.3)
    logits[0, 0, 0, 0, 0] = 1e6
    target[0, 0, 0, 0, 0], mask[0, 0, 0, 0, 0] = 0, 1
    leaf = torch.tensor(logits, requires_grad=True)
    loss, _ = BalancedBCE().build(CHANNELS)(
        leaf, torch.tensor(target).float(), torch.tensor(mask).float()
    )
    # 1 - sigmoid(20) has few digits in float32's complement, hence the tolerance.
    assert float(loss.detach()) == pytest.approx(sum(_slow(logits, target, mask)), rel=1e-4)
    loss.backward()
    assert leaf.grad is not None
    assert (leaf.grad[torch.tensor(mask) == 0] == 0).all()
    assert leaf.grad[0, 0, 0, 0, 0] == 0
    assert torch.isfinite(leaf.grad).all()


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(NeurokitError) as error:
        BalancedBCE().build([*CHANNELS, Channel("sdt", "tanh")])
    assert str(error.value) == (
        "channel 'sdt' has the activation tanh, and cross-entropy needs sigmoid; use a loss made "
        "for it"
    )
