"""What decays, and what does not."""

import pytest
import torch

from neurokit import Channel
from neurokit.components.models.rsunet import RSUNet
from neurokit.components.optimizers import AdamW


def test_norms_and_biases_do_not_decay() -> None:
    module = RSUNet(widths=(4, 6), kernels=((3, 3, 3),)).build(1, [Channel("z1")])
    optimizer = AdamW(weight_decay=0.25).build(module.parameters())
    plain = {
        parameter
        for part in module.modules()
        for name, parameter in part.named_parameters(recurse=False)
        if isinstance(part, torch.nn.GroupNorm) or name == "bias"
    }
    decay = {
        parameter: group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert set(decay) == set(module.parameters())
    assert all(decay[parameter] == (0 if parameter in plain else 0.25) for parameter in decay)
    assert 0 < len(plain) < len(decay)


def test_settings_reach_torch() -> None:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    optimizer = AdamW(lr=0.5, betas=(0.1, 0.2), eps=1e-3).build([weight])
    assert {g["lr"] for g in optimizer.param_groups} == {0.5}
    assert {g["betas"] for g in optimizer.param_groups} == {(0.1, 0.2)}
    assert {g["eps"] for g in optimizer.param_groups} == {1e-3}
    weight.grad = torch.zeros(2, 2)
    optimizer.step()
    assert weight[0, 0].item() == pytest.approx(1 - 0.5 * 0.01)


def test_settings_are_bounded() -> None:
    with pytest.raises(ValueError, match="lr must be above 0, not 0"):
        AdamW(lr=0)
    with pytest.raises(ValueError, match=r"betas must be at most 1, not 1\.5"):
        AdamW(betas=(0.9, 1.5))
