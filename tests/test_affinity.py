"""Affinities against slow loops over voxels."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from neurokit import (
    Channel,
    NeurokitError,
    affinity_channels,
    axis_order,
    encode_affinities,
    erode_contacts,
)

OFFSETS = [
    *((1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 0, 0), (0, -2, 0), (0, 0, -3)),
    *((2, -1, 1), (-1, 1, -2), (3, 0, 0), (0, 0, 5), (0, -4, 0), (9, 0, 0), (0, 0, -99), (1, 9, 0)),
]


def _slow_affinities(labels: Any, offsets: Any) -> Any:
    target = np.zeros((len(labels), len(offsets), *labels.shape[1:]), np.float32)
    mask = np.zeros_like(target)
    for b, c, *place in product(*map(range, target.shape)):
        other = [at - step for at, step in zip(place, offsets[c], strict=True)]
        if any(not 0 <= at < size for at, size in zip(other, labels.shape[1:], strict=True)):
            continue
        here, there = labels[(b, *place)], labels[(b, *other)]
        target[(b, c, *place)] = here == there and here > 0
        mask[(b, c, *place)] = here != -1 and there != -1
    return target, mask


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1), (1, 4, 1, 3), (0, 2, 2, 2)])
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_affinities_follow_the_truth_table(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    labels = np.random.default_rng(sum(shape)).integers(-1, 3, shape)
    target, mask = encode_affinities(torch.tensor(labels, dtype=dtype), OFFSETS)
    expected_target, expected_mask = _slow_affinities(labels, OFFSETS)
    np.testing.assert_array_equal(target.numpy(), expected_target)
    np.testing.assert_array_equal(mask.numpy(), expected_mask)
    assert target.dtype == mask.dtype == torch.float32


def test_the_drawn_example() -> None:
    labels = torch.tensor([[[[7, 7, 9, 9, 0, 0, -1, -1, 5]]]])
    target, mask = encode_affinities(labels, [(0, 0, 1), (0, 0, -1)])
    assert target[0, 0].flatten().tolist() == [0, 1, 0, 1, 0, 0, 0, 0, 0]
    assert mask[0, 0].flatten().tolist() == [0, 1, 1, 1, 1, 1, 0, 0, 0]
    assert target[0, 1].flatten().tolist() == [1, 0, 1, 0, 0, 0, 0, 0, 0]
    assert mask[0, 1].flatten().tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 0]


def test_neighbouring_large_ids_stay_apart() -> None:
    top = 2**31 - 1
    for dtype, largest in ((torch.int32, top), (torch.int64, 2**63 - 1)):
        labels = torch.tensor([[[[largest, largest, largest - 1]]]], dtype=dtype)
        target, _ = encode_affinities(labels, [(0, 0, 1)])
        assert target.flatten().tolist() == [0, 1, 0]
        assert erode_contacts(labels, 1).flatten().tolist() == [largest, 0, 0]


def _slow_erosion(labels: Any, radius: int) -> Any:
    around = ((0, 0), (0, 0), (radius, radius), (radius, radius))
    mirrored = np.pad(labels, around, mode="reflect")
    eroded = labels.copy()
    for b, z, y, x in np.ndindex(labels.shape):
        window = mirrored[b, z, y : y + 2 * radius + 1, x : x + 2 * radius + 1]
        if labels[b, z, y, x] >= 0 and len(set(window[window > 0])) >= 2:
            eroded[b, z, y, x] = 0
    return eroded


@pytest.mark.parametrize("radius", [0, 1, 2, 3])
@pytest.mark.parametrize("shape", [(2, 3, 12, 11), (1, 1, 5, 8), (1, 2, 2, 2), (1, 1, 1, 1)])
def test_erosion_widens_contacts_within_sections(radius: int, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(radius)
    few = random.choice([-1, 0, 4, 9, 2**31 - 1], shape, p=[0.05, 0.83, 0.04, 0.04, 0.04])
    blocks = np.kron(random.integers(-1, 4, (1, 1, 4, 4)), np.ones((1, 1, 3, 3), int))
    drawn = np.broadcast_to(blocks, (*shape[:2], 12, 12))[:, :, : shape[2], : shape[3]]
    for labels in (few, drawn.copy()):
        eroded = erode_contacts(torch.tensor(labels), radius)
        np.testing.assert_array_equal(eroded.numpy(), _slow_erosion(labels, radius))


def test_erosion_leaves_background_contacts_and_ignored_voxels() -> None:
    labels = torch.tensor([[[[5, 5, 0, 0, 6, 6, 7, 7, -1, 7]]]])
    assert erode_contacts(labels, 1).flatten().tolist() == [5, 5, 0, 0, 6, 0, 0, 7, -1, 7]
    empty = torch.zeros((1, 2, 3, 4), dtype=torch.int64)
    assert torch.equal(erode_contacts(empty, 2), empty)


def test_axis_order_finds_the_axes() -> None:
    x, y, z = (0, 0, 3), (0, 9, 0), (1, 0, 0)
    assert axis_order(affinity_channels([z, y, x])) == [0, 1, 2]
    assert axis_order(affinity_channels([x, y, z])) == [2, 1, 0]
    assert axis_order(affinity_channels([y, x, z])) == [2, 0, 1]


@pytest.mark.parametrize(
    ("offsets", "names"),
    [
        ([(1, 0, 0), (0, 1, 0)], "z1, y1"),
        ([(1, 0, 0), (0, 1, 0), (0, 0, -1)], "z1, y1, x-1"),
        ([(1, 0, 0), (0, 1, 0), (0, 1, 1)], "z1, y1, y1x1"),
        ([(1, 0, 0), (2, 0, 0), (0, 0, 1)], "z1, z2, x1"),
        ([(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 3)], "z1, y1, x1, x3"),
        ([], "no channel"),
    ],
)
def test_axis_order_refuses_the_rest(offsets: Any, names: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        axis_order(affinity_channels(offsets))
    assert str(caught.value) == (
        f"watershed needs one affinity for each of z, y and x, with a positive offset, not {names}"
    )


def test_axis_order_refuses_what_is_no_affinity() -> None:
    with pytest.raises(NeurokitError, match=r"not z1, y1, sdt$"):
        axis_order([*affinity_channels([(1, 0, 0), (0, 1, 0)]), Channel("sdt", "tanh")])
