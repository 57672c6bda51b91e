"""Averaged weights: what a slow average of numbers gives, put in place and taken out again."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from neurokit.averaging import AveragedWeights


def _network(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(5)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    return network.to(dtype)


def _change(network: nn.Module, seed: int) -> None:
    """New numbers in everything that is saved."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=torch.float64))
        else:
            tensor.add_(1)


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(dict(module.state_dict()))


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("decay", [0.3, 0.9, 0.999])
def test_twenty_updates_give_the_slow_average(decay: float) -> None:
    network = _network()
    averaged = AveragedWeights(network, decay)
    slow = {name: p.detach().numpy().copy() for name, p in network.named_parameters()}
    for update in range(20):
        _change(network, update)
        averaged.update(update)
        kept = min(decay, (1 + update) / (10 + update))
        for name, parameter in network.named_parameters():
            slow[name] = kept * slow[name] + (1 - kept) * parameter.detach().numpy()
    found = averaged.state_dict()
    for name, expected in slow.items():
        torch.testing.assert_close(found[name], torch.from_numpy(expected), rtol=1e-12, atol=1e-12)
    for name, buffer in network.named_buffers():
        assert torch.equal(found[name], buffer)
    assert found["1.num_batches_tracked"].item() == 20
    assert found.keys() == network.state_dict().keys()


def test_it_follows_closely_at_first_and_forgets_where_it_began() -> None:
    network = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(network.weight, 1.0)
    averaged = AveragedWeights(network, 0.999)
    nn.init.constant_(network.weight, 0.0)
    for update in range(3):
        averaged.update(update)
    # 1/10, 2/11 and 3/12 are kept.
    assert averaged.state_dict()["weight"].item() == pytest.approx(6 / 1320)


def test_it_does_not_share_memory_with_the_network() -> None:
    network = _network()
    averaged = AveragedWeights(network, 0.5)
    before = copy.deepcopy(averaged.state_dict())
    _change(network, 1)
    assert _same(averaged.state_dict(), before)


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_in_place_and_out_again(error: type[BaseException] | None) -> None:
    network = _network()
    averaged = AveragedWeights(network, 0.5)
    _change(network, 1)
    averaged.update(3)
    _change(network, 2)
    own, average = _state(network), copy.deepcopy(averaged.state_dict())
    pointers = [tensor.data_ptr() for tensor in network.state_dict().values()]

    def predict() -> None:
        with averaged.in_place():
            assert _same(_state(network), average)
            assert not _same(average, own)
            _change(network, 3)  # running statistics, of a network that was left training
            if error is not None:
                raise error

    if error is None:
        predict()
    else:
        with pytest.raises(error):
            predict()
    assert _same(_state(network), own)
    assert _same(averaged.state_dict(), average)
    assert pointers == [tensor.data_ptr() for tensor in network.state_dict().values()]


def test_it_goes_on_from_what_was_saved() -> None:
    network = _network(torch.float32)
    straight = AveragedWeights(network, 0.9)
    for update in range(3):
        _change(network, update)
        straight.update(update)
    saved = copy.deepcopy(straight.state_dict())
    continued = AveragedWeights(_network(torch.float32), 0.9)
    continued.load_state_dict(saved)
    other = AveragedWeights(network, 0.9)
    other.load_state_dict(saved)
    _change(network, 7)
    straight.update(3)
    other.update(3)
    assert _same(straight.state_dict(), other.state_dict())
    assert _same(continued.state_dict(), saved)


def test_weights_that_two_layers_share_are_averaged_alike() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    network = nn.Sequential(first, second).double()
    averaged = AveragedWeights(network, 0.5)
    _change(network, 4)
    averaged.update(30)
    found = averaged.state_dict()
    assert torch.equal(found["0.weight"], found["1.weight"])
    with averaged.in_place():
        assert torch.equal(first.weight, found["0.weight"])
        assert second.weight is first.weight
