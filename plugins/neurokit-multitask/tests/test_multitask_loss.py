"""The loss over heads against its formula, and weights that are trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from attrs import frozen
from torch import nn

from neurokit import Channel, Loss, NeurokitError, affinity_channels, param
from neurokit_multitask.loss import Multitask, Task

CHANNELS = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 9, 0), (0, 0, 9)])
NAMES = [channel.name for channel in CHANNELS]


@frozen(kw_only=True)
class Squares(Loss):
    """Mean squared error over known voxels, times a factor, with a term for each channel."""

    factor: float = param(1.0, help="of the loss")
    trained: bool = param(False, help="whether it has a parameter of its own")
    refused: str = param("", help="a channel that it cannot take")

    def build(self, channels: Sequence[Channel]) -> nn.Module:
        names = [channel.name for channel in channels]
        if self.refused in names:
            raise NeurokitError(f"it cannot take {self.refused}")
        return _Squares(names, self.factor, self.trained)


class _Squares(nn.Module):
    def __init__(self, names: list[str], factor: float, trained: bool) -> None:
        super().__init__()
        self.names, self.factor = names, factor
        self.offset = nn.Parameter(torch.ones(())) if trained else 0.0

    def forward(self, logits: Any, target: Any, mask: Any) -> Any:
        assert logits.shape == target.shape == mask.shape
        squares = (mask * (logits - target).square()).sum((0, 2, 3, 4))
        each = self.factor * squares / mask.sum().clamp(min=1)
        return each.sum() + self.offset, dict(zip(self.names, each.detach(), strict=True))


def _slow(logits: Any, target: Any, mask: Any, channels: Sequence[str]) -> list[float]:
    """The loss of a head by numpy, one number a channel."""
    places = [NAMES.index(name) for name in channels]
    known = sum(mask[:, place].sum() for place in places)
    return [
        float((mask[:, place] * (logits[:, place] - target[:, place]) ** 2).sum() / max(known, 1))
        for place in places
    ]


def _arrays(seed: int = 0) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    shape = (2, 5, 2, 3, 4)
    mask = (random.random(shape) < 0.7).astype(float)
    return random.normal(0, 2, shape), random.normal(0, 1, shape), mask


def _tensors(seed: int = 0) -> list[torch.Tensor]:
    return [torch.tensor(each).float() for each in _arrays(seed)]


HEADS = {
    "far": Task(channels=("x9", "y1"), loss=Squares(factor=3.0), weight=0.5),
    "near": Task(channels=("z1",), loss=Squares(), weight=2.0),
    "rest": Task(channels=("x1", "y9"), loss=Squares(factor=0.1)),
}
FACTORS = {"far": (3.0, 0.5), "near": (1.0, 2.0), "rest": (0.1, 1.0)}


def _expected(seed: int, log_variance: dict[str, float]) -> tuple[float, dict[str, float]]:
    """Total and terms, written out."""
    arrays = _arrays(seed)
    total, terms = 0.0, {}
    for name, task in HEADS.items():
        factor, weight = FACTORS[name]
        each = [factor * value for value in _slow(*arrays, task.channels)]
        s = log_variance[name]
        total += math.exp(-s) * weight * sum(each) + s / 2
        terms[name] = sum(each)
        terms[f"{name}/weight"] = math.exp(-s) * weight
        terms |= {f"{name}/{n}": v for n, v in zip(task.channels, each, strict=True)}
    return total, terms


def _set(module: Any, values: dict[str, float]) -> None:
    """Let the log-variances be these."""
    for name, value in values.items():
        head = module.heads[f"head_{name}"]
        head.uncertainty.data.fill_(head.limit * math.atanh(value / head.limit))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [5.0, 1.5])
def test_uncertainty_weighting_against_its_formula(seed: int, limit: float) -> None:
    module = Multitask(heads=HEADS, max_log_variance=limit).build(CHANNELS)
    for values in ({"far": 0.0, "near": 0.0, "rest": 0.0}, {"far": 1.2, "near": -0.7, "rest": 0.3}):
        _set(module, values)
        total, terms = module(*_tensors(seed))
        expected, expected_terms = _expected(seed, values)
        assert float(total.detach()) == pytest.approx(expected, rel=1e-5)
        assert {name: float(value) for name, value in terms.items()} == pytest.approx(
            expected_terms, rel=1e-5
        )
        assert not any(value.requires_grad for value in terms.values())


def test_fixed_weights_against_their_formula() -> None:
    module = Multitask(heads=HEADS, weighting="fixed").build(CHANNELS)
    assert not list(module.parameters())
    total, terms = module(*_tensors())
    expected, expected_terms = _expected(0, dict.fromkeys(HEADS, 0.0))
    assert float(total) == pytest.approx(expected, rel=1e-5)
    assert {name: float(v) for name, v in terms.items()} == pytest.approx(expected_terms, rel=1e-5)


def test_terms_come_head_by_head_in_the_order_of_the_target() -> None:
    _, terms = Multitask(heads=HEADS).build(CHANNELS)(*_tensors())
    assert [name for name in terms if "/" not in name] == ["near", "far", "rest"]


def test_the_order_of_heads_makes_no_difference() -> None:
    one = Multitask(heads=HEADS).build(CHANNELS)
    other = Multitask(heads=dict(reversed(HEADS.items()))).build(CHANNELS)
    assert list(one.state_dict()) == list(other.state_dict())
    values = {"far": 1.2, "near": -0.7, "rest": 0.3}
    _set(one, values)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(*_tensors())[0], other(*_tensors())[0])


def test_gradients_of_logits_and_of_log_variances() -> None:
    module = Multitask(heads=HEADS).build(CHANNELS)
    _set(module, {"far": 1.2, "near": -0.7, "rest": 0.3})
    logits, target, mask = _tensors()
    logits = logits.double().requires_grad_()
    module = module.double()
    inputs = (logits, *module.parameters())

    def total(given: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = module(given, target.double(), mask.double())[0]
        return loss

    assert len(inputs) == 4
    assert torch.autograd.gradcheck(total, inputs)
    (gradient,) = torch.autograd.grad(total(*inputs), [logits])
    assert (gradient[mask == 0] == 0).all()
    assert (gradient[mask == 1] != 0).all()


def test_trained_log_variances_come_to_the_log_of_the_losses() -> None:
    """Where the losses cannot be lowered, the best s of each head is log(2 weight L)."""
    module = Multitask(heads=HEADS, max_log_variance=8.0).build(CHANNELS)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    arrays = _tensors(4)
    for _ in range(600):
        optimizer.zero_grad()
        total, terms = module(*arrays)
        total.backward()
        optimizer.step()
    total, terms = module(*arrays)
    expected = 0.0
    for name, (_, weight) in FACTORS.items():
        best = math.log(2 * weight * float(terms[name]))
        assert float(terms[f"{name}/weight"]) == pytest.approx(weight * math.exp(-best), rel=1e-3)
        expected += (1 + best) / 2
    assert float(total.detach()) == pytest.approx(expected, rel=1e-4)


def test_a_head_without_loss_cannot_take_over_and_comes_back() -> None:
    module = Multitask(heads=HEADS, max_log_variance=3.0).build(CHANNELS)
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    logits, target, _ = _tensors()

    def train(mask: torch.Tensor, steps: int) -> dict[str, float]:
        for _ in range(steps):
            optimizer.zero_grad()
            loss, terms = module(logits, target, mask)
            loss.backward()
            optimizer.step()
        return {name: float(value) for name, value in terms.items()}

    unknown = train(torch.zeros_like(target), 200)
    assert unknown["far"] == 0
    assert 0.5 * math.exp(2.8) < unknown["far/weight"] <= 0.5 * math.exp(3.0)
    known = train(torch.ones_like(target), 200)
    assert known["far/weight"] == pytest.approx(1 / (2 * known["far"]), rel=0.02)


def test_one_task_over_all_channels_is_its_own_loss() -> None:
    task = Task(channels=tuple(NAMES), loss=Squares())
    module = Multitask(heads={"all": task}, weighting="fixed").build(CHANNELS)
    own = Squares().build(CHANNELS)
    assert torch.equal(module(*_tensors())[0], own(*_tensors())[0])


def test_parameters_of_a_heads_own_loss_are_trained_too() -> None:
    heads = {**HEADS, "near": Task(channels=("z1",), loss=Squares(trained=True))}
    module = Multitask(heads=heads).build(CHANNELS)
    assert len(list(module.parameters())) == 4
    module(*_tensors())[0].backward()
    assert all(each.grad is not None and each.grad.any() for each in module.parameters())


def test_inputs_are_left_alone_and_nothing_known_is_finite() -> None:
    module = Multitask(heads=HEADS).build(CHANNELS)
    given = _tensors()
    before = [each.clone() for each in given]
    module(*given)
    assert all(map(torch.equal, given, before))
    logits, target, mask = given
    loss, terms = module(logits, target, torch.zeros_like(mask))
    assert float(loss.detach()) == 0
    assert all(math.isfinite(value) for value in terms.values())


@pytest.mark.parametrize("name", ["type", "keys", "training", "a-b", "0"])
def test_heads_may_have_any_plain_name(name: str) -> None:
    heads = {name: Task(channels=tuple(NAMES), loss=Squares())}
    module = Multitask(heads=heads).build(CHANNELS)
    assert [each for each in module(*_tensors())[1] if "/" not in each] == [name]


@pytest.mark.parametrize(
    ("heads", "text"),
    [
        ({}, "heads names no head"),
        (
            {"near": Task(channels=(), loss=Squares())},
            "the head 'near' has no channel",
        ),
        (
            {
                "near": Task(channels=("z1",), loss=Squares()),
                "far": Task(channels=("z1",), loss=Squares()),
            },
            "the heads 'near' and 'far' both have the channel 'z1'; leave it to one",
        ),
    ],
)
def test_heads_that_fit_no_target(heads: dict[str, Task], text: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        Multitask(heads=heads)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("heads", "text"),
    [
        (
            {"near": Task(channels=("z1", "y1", "x1", "y9"), loss=Squares())},
            "no head has the target's channel x9; each needs one, and the heads are near",
        ),
        (
            {"near": Task(channels=(*NAMES, "sdt"), loss=Squares())},
            "the head 'near': there is no channel 'sdt'; there are z1, y1, x1, y9, x9",
        ),
        (
            {"near": Task(channels=tuple(NAMES), loss=Squares(refused="x9"))},
            "the loss of the head 'near': it cannot take x9",
        ),
    ],
)
def test_heads_that_do_not_fit_the_target(heads: dict[str, Task], text: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        Multitask(heads=heads).build(CHANNELS)
    assert str(caught.value) == text


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan])
def test_weights_are_positive(weight: float) -> None:
    with pytest.raises(ValueError, match=r"^weight must be above 0, not"):
        Task(channels=("z1",), loss=Squares(), weight=weight)
