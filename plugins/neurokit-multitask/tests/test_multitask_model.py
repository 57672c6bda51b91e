"""Heads over a trunk: whose outputs stand where, what learns, and where it works."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from attrs import frozen
from torch import nn

from neurokit import Channel, Model, NeurokitError, affinity_channels
from neurokit_multitask.model import Heads

CHANNELS = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 9, 0), (0, 0, 9)])
HEADS = {"near": ("z1", "y1", "x1"), "far": ("y9", "x9")}
SHUFFLED = {"far": ("x9", "y9"), "near": ("y1", "x1", "z1")}
MIXED = {"type": ("x9", "y1"), "keys": ("z1",), "loss": ("x1", "y9")}


@frozen(kw_only=True)
class Trunk(Model):
    """One convolution and a bend, that asks for patches of a certain size."""

    def build(self, in_channels: int, channels: Sequence[Channel]) -> nn.Module:
        assert len({channel.name for channel in channels}) == len(channels)
        assert {channel.activation for channel in channels} == {"none"}
        return nn.Sequential(nn.Conv3d(in_channels, len(channels), 3, padding=1), nn.Tanh())

    def size_multiple(self) -> tuple[int, int, int]:
        return (1, 4, 6)


def _heads(heads: dict[str, tuple[str, ...]] = HEADS, **parameters: Any) -> Heads:
    return Heads(**{"trunk": Trunk(), "heads": heads, "features": 6, **parameters})


def _network(model: Heads, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return model.build(1, CHANNELS)


def _image(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("heads", [HEADS, SHUFFLED, MIXED, {"all": ("z1", "y1", "x1", "x9", "y9")}])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1), (2, 1, 3, 4, 6), (1, 1, 5, 7, 3)])
def test_each_output_is_what_its_head_makes_of_the_features(
    heads: dict[str, tuple[str, ...]], shape: tuple[int, ...]
) -> None:
    network, image = _network(_heads(heads)), _image(*shape)
    with torch.no_grad():
        logits = network(image)
        features = network.trunk(image)
        assert logits.shape == (shape[0], 5, *shape[2:])
        for name, channels in heads.items():
            own = network.heads[f"head_{name}"](features)
            for number, channel in enumerate(channels):
                place = [each.name for each in CHANNELS].index(channel)
                assert torch.equal(logits[:, place], own[:, number])


def test_a_head_against_its_formula() -> None:
    network = _network(_heads(kernel=(1, 3, 5), groups=4))
    image = _image(2, 1, 3, 4, 6)
    first, bend, wide, second, again, last = network.heads["head_far"]
    assert (first.num_groups, second.num_groups) == (3, 3)  # the most, up to 4, that divide 6
    assert (bend.alpha, again.alpha) == (1.0, 1.0)
    assert wide.bias is None
    with torch.no_grad():
        for norm in (first, second):
            norm.weight.uniform_()
            norm.bias.uniform_()
        last.bias.uniform_()
        features = network.trunk(image)
        hidden = nn.functional.conv3d(_bent(features, first), wide.weight, padding=(0, 1, 2))
        expected = nn.functional.conv3d(_bent(hidden, second), last.weight, last.bias)
        torch.testing.assert_close(network(image)[:, 3:], expected)


def _bent(values: torch.Tensor, norm: nn.GroupNorm) -> torch.Tensor:
    """Normalisation over groups of two channels and the exponential linear unit, spelt out."""
    grouped = values.reshape(len(values), 3, -1)
    mean, variance = grouped.mean(2, keepdim=True), grouped.var(2, keepdim=True, correction=0)
    normal = ((grouped - mean) / (variance + norm.eps).sqrt()).reshape(values.shape)
    scaled = normal * norm.weight.reshape(-1, 1, 1, 1) + norm.bias.reshape(-1, 1, 1, 1)
    return torch.where(scaled > 0, scaled, scaled.exp() - 1)


def test_initial_weights() -> None:
    network = _network(_heads(features=16))
    for head in network.heads.values():
        _, _, wide, _, _, last = head
        for convolution in (wide, last):
            size = (
                convolution.kernel_size[0] * convolution.kernel_size[1] * convolution.kernel_size[2]
            )
            expected = (2 / (convolution.out_channels * size)) ** 0.5
            assert convolution.weight.std().item() == pytest.approx(expected, rel=0.25)
        assert (last.bias == 0).all()


def test_the_trunk_keeps_its_own_initial_weights() -> None:
    torch.manual_seed(3)
    trunk: Any = Trunk().build(1, [Channel(str(number), "none") for number in range(6)])
    network = _network(_heads(), seed=3)
    assert torch.equal(network.trunk[0].weight, trunk[0].weight)


def test_the_order_of_heads_makes_no_difference() -> None:
    reordered = dict(reversed(HEADS.items()))
    one, other = _network(_heads()), _network(_heads(reordered))
    assert list(one.state_dict()) == list(other.state_dict())
    image = _image(1, 1, 2, 4, 6)
    assert torch.equal(one(image), other(image))


def test_gradients_of_each_channel_reach_the_trunk_and_its_own_head_only() -> None:
    network = _network(_heads(MIXED))
    for name, channels in MIXED.items():
        for channel in channels:
            network.zero_grad(set_to_none=True)
            place = [each.name for each in CHANNELS].index(channel)
            network(_image(2, 1, 3, 4, 6))[:, place].square().sum().backward()
            for parameter in network.trunk.parameters():
                assert parameter.grad is not None
                assert parameter.grad.any()
            for other, head in network.heads.items():
                touched = [
                    each.grad is not None and bool(each.grad.any()) for each in head.parameters()
                ]
                assert all(touched) if other == f"head_{name}" else not any(touched)


def test_several_input_channels_and_the_trunks_size() -> None:
    model = _heads()
    assert model.size_multiple() == (1, 4, 6)
    assert model.build(3, CHANNELS)(_image(1, 3, 2, 4, 6)).shape == (1, 5, 2, 4, 6)


def test_heads_over_heads() -> None:
    names = tuple(f"feature{number}" for number in range(4))
    inner = _heads({"one": names[:1], "rest": names[1:]})
    network = _network(Heads(trunk=inner, heads=HEADS, features=4))
    assert network(_image(1, 1, 2, 4, 6)).shape == (1, 5, 2, 4, 6)


def test_the_plan_can_count_its_parameters_without_making_them() -> None:
    with torch.device("meta"):
        network = _heads().build(1, CHANNELS)
    # trunk 6*27+6; each head 2 norms of 6+6, 6*6*27, and 6 weights and a bias a channel
    assert sum(each.numel() for each in network.parameters()) == 168 + 2 * (24 + 972) + 5 * 7
    assert {each.device.type for each in network.parameters()} == {"meta"}


def test_the_state_is_plain_tensors_under_the_names_of_the_heads() -> None:
    one, other = _network(_heads(MIXED)), _network(_heads(MIXED), seed=1)
    assert {name.split(".")[1] for name in one.state_dict() if name.startswith("heads.")} == {
        "head_type",
        "head_keys",
        "head_loss",
    }
    file = io.BytesIO()
    torch.save(one.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    image = _image(1, 1, 2, 4, 6)
    assert torch.equal(one(image), other(image))


def test_channels_last_and_bfloat16() -> None:
    network, image = _network(_heads(SHUFFLED)), _image(2, 1, 3, 8, 6)
    expected = network(image).detach()
    network = network.to(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(network(image), expected, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = network(image)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), expected, rtol=0.1, atol=0.1)
    half.float().square().sum().backward()
    assert all(bool(each.grad.isfinite().all()) for each in network.parameters())


def test_it_compiles_to_one_graph() -> None:
    network, image = _network(_heads(SHUFFLED)), _image(1, 1, 2, 4, 6)
    compiled: Any = torch.compile(network, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(image), network(image))


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"kernel": (3, 2, 3)}, "kernel must be of odd size, so that outputs fit inputs"),
        ({"heads": {}}, "heads names no head"),
    ],
)
def test_parameters_that_make_no_network(parameters: dict[str, Any], text: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        _heads(**parameters)
    assert str(caught.value) == text


def test_heads_that_do_not_fit_the_target_are_refused_when_it_is_built() -> None:
    with pytest.raises(NeurokitError) as caught:
        _heads({"near": ("z1", "y1", "x1")}).build(1, CHANNELS)
    assert str(caught.value) == (
        "no head has the target's channels y9, x9; each needs one, and the heads are near"
    )
