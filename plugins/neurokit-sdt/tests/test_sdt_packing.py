"""Ids and distances in one array of integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from neurokit import NeurokitError
from neurokit_sdt import packing
from neurokit_sdt.packing import MOST_OBJECTS, numbered, pack, unpack


@pytest.mark.parametrize("seed", range(3))
def test_what_is_packed_is_unpacked(seed: int) -> None:
    random = np.random.default_rng(seed)
    ids = random.integers(-1, 9, (4, 5, 6)).astype(np.int32)
    ids[0, 0, 0] = MOST_OBJECTS
    values = random.random(ids.shape, dtype=np.float32)
    values[0, 0, :3] = 1
    packed = pack(ids, values)
    assert packed.dtype == np.int32
    assert np.array_equal(packed[ids <= 0], ids[ids <= 0])
    unpacked, levels = unpack(torch.from_numpy(packed))
    assert np.array_equal(unpacked.numpy(), ids)
    objects = ids > 0
    assert np.abs(levels.numpy()[objects] - values[objects]).max() <= 0.5 / 255 + 1e-6
    assert levels[0, 0, 0] == 1


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64])
def test_any_type_of_integers_is_unpacked(dtype: Any) -> None:
    ids, values = unpack(torch.tensor([-1, 0, 256, 256 + 51, 127 * 256 + 255], dtype=dtype))
    assert ids.tolist() == [-1, 0, 1, 1, 127]
    assert ids.dtype == dtype
    assert values[2:].tolist() == pytest.approx([0, 0.2, 1])


@pytest.mark.parametrize(
    ("dtype", "largest"), [(np.uint64, 2**64 - 1), (np.int64, 2**63 - 1), (np.uint8, 255)]
)
def test_objects_are_numbered_in_the_order_of_their_ids(dtype: Any, largest: int) -> None:
    labels = np.array([[[7, largest], [0, 3]], [[7, 7], [3, 0]]], dtype)
    assert numbered(labels).tolist() == [[[2, 3], [0, 1]], [[2, 2], [1, 0]]]
    assert numbered(labels).dtype == np.int32


def test_ids_below_zero_are_to_be_ignored() -> None:
    assert numbered(np.array([[[-1, -9, 0, 5]]], np.int16)).tolist() == [[[-1, -1, 0, 1]]]
    assert numbered(np.zeros((0, 2, 2), np.int16)).shape == (0, 2, 2)


def test_too_many_objects_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MOST_OBJECTS", 3)
    assert numbered(np.arange(4).reshape(1, 2, 2)).max() == 3
    with pytest.raises(NeurokitError) as error:
        numbered(np.arange(5).reshape(1, 1, 5))
    assert str(error.value) == (
        "the labels hold 4 objects, and the distance transform is kept for at most 3 in a volume: "
        "divide it into smaller volumes"
    )
    assert MOST_OBJECTS * 256 + 255 == 2**31 - 1
