"""The residual symmetric U-Net."""

from typing import Any

import pytest
import torch

from neurokit import NeurokitError
from neurokit.components.models.rsunet import RSUNet, _Up
from neurokit.components.targets import Affinity3, Affinity12


def _small(**parameters: Any) -> RSUNet:
    return RSUNet(**{"widths": (4, 6, 8), "kernels": ((3, 3, 3),), **parameters})


def _image(*shape: Any, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_the_published_size() -> None:
    network = RSUNet().build(1, Affinity12().channels)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert trained == 2_292_824


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (RSUNet(), (1, 1, 5, 16, 32)),
        (_small(), (2, 1, 3, 8, 4)),
        (_small(), (1, 1, 1, 4, 4)),
        (_small(pooling=((2, 2, 2), (1, 3, 4))), (1, 1, 4, 12, 8)),
        (_small(kernels=((1, 3, 3), (3, 5, 1), (1, 1, 1)), pooling=((3, 5, 1),)), (1, 1, 9, 25, 3)),
        (_small(widths=(8, 4, 2)), (1, 1, 2, 4, 8)),
        (_small(widths=(5,)), (1, 1, 3, 5, 7)),
    ],
)
def test_outputs_fit_inputs(model: RSUNet, shape: tuple[int, ...]) -> None:
    network = model.build(1, Affinity3().channels).eval()
    multiples = zip(shape[2:], model.size_multiple(), strict=True)
    assert all(size % multiple == 0 for size, multiple in multiples)
    with torch.no_grad():
        assert network(_image(*shape)).shape == (shape[0], 3, *shape[2:])


def test_size_multiples() -> None:
    assert RSUNet().size_multiple() == (1, 16, 16)
    assert _small(pooling=((2, 2, 2), (1, 3, 4))).size_multiple() == (2, 6, 8)
    assert _small(widths=(5,)).size_multiple() == (1, 1, 1)


def test_more_inputs() -> None:
    network = _small().build(2, Affinity3().channels)
    assert network(_image(1, 2, 2, 4, 4)).shape == (1, 3, 2, 4, 4)


def test_weights_can_be_saved_and_loaded() -> None:
    one, other = (_small().build(1, Affinity3().channels).eval() for _ in range(2))
    image = _image(1, 1, 2, 8, 8)
    assert not torch.equal(one(image), other(image))
    other.load_state_dict({name: value.clone() for name, value in one.state_dict().items()})
    assert torch.equal(one(image), other(image))


@pytest.mark.parametrize("factors", [(1, 2, 2), (3, 1, 4), (5, 2, 3)])
def test_upsampling_is_linear(factors: Any) -> None:
    up = _Up(1, 1, (1, 1, 1), factors, 1)
    up.mix.weight.data.fill_(1)
    up.add_module("block", torch.nn.Identity())
    z, y, x = torch.meshgrid(*(torch.arange(4.0) for _ in range(3)), indexing="ij")
    ramp = 2 + 3 * z + 5 * y - 7 * x
    raised = up(ramp[None, None], torch.zeros(1)).detach()[0, 0]
    # A coarse voxel's centre lies at (factor - 1) / 2 among the voxels that it becomes.
    fine = [(torch.arange(4.0 * f) - (f - 1) / 2) / f for f in factors]
    z, y, x = torch.meshgrid(*fine, indexing="ij")
    assert raised.shape == z.shape
    inside = tuple(slice(f, -f) for f in factors)
    torch.testing.assert_close(raised[inside], (2 + 3 * z + 5 * y - 7 * x)[inside])


def test_brightness_and_contrast_are_normalised() -> None:
    torch.manual_seed(0)
    network = RSUNet().build(1, Affinity3().channels).double().eval()
    # Grey values far above the normalisation's epsilon, so that it plays no part.
    image = 255 * _image(1, 1, 3, 16, 16).double()
    with torch.no_grad():
        before = network(image)
        torch.testing.assert_close(network(0.5 * image + 90), before, rtol=1e-6, atol=1e-6)
        assert not torch.allclose(network(image**2), before, atol=1e-3)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"widths": ()}, "widths names no level"),
        ({"kernels": ((3, 3, 3),) * 2}, "kernels has 2 entries for 3 levels"),
        ({"pooling": ((1, 2, 2),) * 3}, "pooling has 3 entries for the 2 steps between levels"),
        ({"kernels": ((3, 2, 3),)}, "kernels must be of odd size, so that outputs fit inputs"),
    ],
)
def test_shapes_that_make_no_network(parameters: dict[str, Any], text: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        _small(**parameters)
    assert str(caught.value) == text
