"""The model mednext: MONAI's variants, at any width."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets.mednext import create_mednext

from neurokit.testing import conform
from neurokit_nisb.mednext import MedNeXt, Variant
from neurokit_nisb.target import Affinity6

CHANNELS = Affinity6().channels


def shapes(network: torch.nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("variant", ["S", "B", "M", "L"])
def test_variants_are_those_of_monai(variant: Variant, kernel_size: int) -> None:
    with torch.device("meta"):
        ours = MedNeXt(variant=variant, kernel_size=kernel_size).build(1, CHANNELS)
        theirs = create_mednext(variant, 3, 1, len(CHANNELS), kernel_size)
    assert shapes(ours) == shapes(theirs)


def test_the_same_weights_give_the_same_logits() -> None:
    torch.manual_seed(0)
    ours = MedNeXt().build(1, CHANNELS)
    theirs = create_mednext("S", 3, 1, len(CHANNELS), 3)
    theirs.load_state_dict(ours.state_dict())
    image = torch.rand(1, 1, 16, 16, 32)
    with torch.no_grad():
        assert torch.equal(ours(image), theirs(image))


def test_a_narrow_one_conforms() -> None:
    model = MedNeXt(filters=2)
    assert model.size_multiple() == (16, 16, 16)
    conform(model, channels=CHANNELS, shape=(16, 16, 32))
