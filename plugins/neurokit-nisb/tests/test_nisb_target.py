"""The target aff6, against components found by SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from neurokit import activate, encode_affinities
from neurokit.testing import conform
from neurokit_nisb.target import Affinity6

OFFSETS = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (10, 0, 0), (0, 10, 0), (0, 0, 10)]


def random_labels(seed: int, shape: tuple[int, ...] = (3, 13, 12, 14)) -> torch.Tensor:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, shape)
    labels[random.random(shape) < 0.1] = -1
    labels[labels == 2] = 2**31 - 1
    return torch.from_numpy(labels)


def test_channels() -> None:
    channels = Affinity6().channels
    assert [channel.name for channel in channels] == ["z1", "y1", "x1", "z10", "y10", "x10"]
    assert [channel.offset for channel in channels] == OFFSETS
    assert {channel.scale for channel in channels} == {0.2}
    logits = torch.linspace(-30, 30, 7)
    torch.testing.assert_close(activate(logits, channels[0]), torch.sigmoid(0.2 * logits))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("seed", range(4))
def test_objects_are_split_into_components(seed: int, dtype: torch.dtype) -> None:
    labels = random_labels(seed).to(dtype)
    split = torch.zeros_like(labels)
    for sample, result in zip(labels.numpy(), split.numpy(), strict=True):
        result[sample == -1] = -1
        for label in (1, 2**31 - 1):
            components, count = ndimage.label(sample == label)
            result[components > 0] = components[components > 0] + result.max()
            assert count > 1
    target, mask = Affinity6().encode(labels)
    expected, known = encode_affinities(split, OFFSETS)
    assert torch.equal(target, expected)
    assert torch.equal(mask, known)
    assert not torch.equal(target, encode_affinities(labels, OFFSETS)[0])


def test_components_are_of_each_sample() -> None:
    labels = random_labels(5)
    together = Affinity6().encode(labels)[0]
    apart = torch.cat([Affinity6().encode(each[None])[0] for each in labels])
    assert torch.equal(together, apart)


def test_objects_may_stay_whole_and_contacts_be_eroded() -> None:
    labels = random_labels(2, (2, 3, 12, 12))
    whole = Affinity6(components=False).encode(labels)[0]
    assert torch.equal(whole, encode_affinities(labels, OFFSETS)[0])
    touching = torch.ones((1, 1, 4, 8), dtype=torch.int32)
    touching[..., 4:] = 2
    target, _ = Affinity6(erosion=1).encode(touching)
    assert target[0, 2, 0, 0].tolist() == [0, 1, 1, 0, 0, 0, 1, 1]


def test_labels_are_left_as_they_were() -> None:
    labels = random_labels(3)
    before = labels.clone()
    Affinity6().encode(labels)
    assert torch.equal(labels, before)


@pytest.mark.parametrize("shape", [(8, 32, 32), (12, 12, 12)])
def test_conforms(shape: tuple[int, int, int]) -> None:
    conform(Affinity6(), shape=shape)
    conform(Affinity6(components=False, erosion=1), shape=shape)
