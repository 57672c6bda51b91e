"""Affinity targets."""

from typing import Any

import pytest
import torch

from neurokit import NeurokitError, encode_affinities, erode_contacts
from neurokit.components.targets import Affinity, Affinity3, Affinity12


def test_the_channels_of_the_named_targets() -> None:
    twelve = Affinity12().channels
    names = "x1 y1 z1 z2 z3 z4 x3 x9 x27 y3 y9 y27"
    assert " ".join(channel.name for channel in twelve) == names
    assert [channel.offset for channel in twelve][::4] == [(0, 0, 1), (3, 0, 0), (0, 0, 27)]
    assert {channel.activation for channel in twelve} == {"sigmoid"}
    assert [channel.name for channel in Affinity3().channels] == ["z1", "y1", "x1"]


@pytest.mark.parametrize(
    "target", [Affinity3(), Affinity12(erosion=0), Affinity(offsets=((0, 0, -2), (1, 1, 0)))]
)
def test_encoding_erodes_and_compares(target: Any) -> None:
    generator = torch.Generator().manual_seed(4)
    small = torch.randint(-1, 3, (2, 3, 4, 4), generator=generator)
    labels = small.repeat_interleave(5, 2).repeat_interleave(5, 3)
    encoded, mask = target.encode(labels)
    offsets = [channel.offset for channel in target.channels]
    expected, expected_mask = encode_affinities(erode_contacts(labels, target.erosion), offsets)
    assert encoded.shape == (2, len(offsets), 3, 20, 20)
    assert torch.equal(encoded, expected)
    assert torch.equal(mask, expected_mask)


def test_erosion_changes_the_target() -> None:
    labels = torch.tensor([[[[1, 1, 1, 2, 2, 2]]]])
    narrow, _ = Affinity3(erosion=0).encode(labels)
    wide, _ = Affinity3().encode(labels)
    assert narrow[0, 2].flatten().tolist() == [0, 1, 1, 0, 1, 1]
    assert wide[0, 2].flatten().tolist() == [0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("offsets", "text"),
    [
        ((), "offsets names no channel"),
        (((0, 0, 1), (0, 0, 0)), "offset [0, 0, 0] joins a voxel to itself"),
        (((0, 0, 1), (0, 0, 1)), "offsets names a channel twice"),
    ],
)
def test_offsets_that_make_no_channels(offsets: Any, text: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        Affinity(offsets=offsets)
    assert str(caught.value) == text


def test_erosion_is_not_negative() -> None:
    with pytest.raises(ValueError, match="erosion must be at least 0, not -1"):
        Affinity3(erosion=-1)
