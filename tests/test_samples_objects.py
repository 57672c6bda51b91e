"""Whether labels hold an object, and how much of them is read to know it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import define, field

from neurokit.samples import ids
from neurokit.samples.objects import has_object


@define
class Watched:
    """Labels that count the voxels that are read of them."""

    labels: Any
    read: int = field(default=0)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.labels.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.labels.dtype
        return dtype

    def __getitem__(self, index: Any) -> Any:
        part = self.labels[index]
        self.read += part.size
        return part


@pytest.mark.parametrize("seed", range(30))
def test_it_is_whether_any_voxel_is_above_zero(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(seed)
    monkeypatch.setattr(ids, "_SLAB_BYTES", 4096)  # several slabs of small volumes
    shape = tuple(random.integers(1, [40, 30, 20]))
    dtype = random.choice(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
    labels = np.zeros(shape, dtype)
    if labels.dtype.kind == "i":
        labels[random.random(shape) < 0.5] = -1
    assert not has_object(labels)
    place = tuple(random.integers(0, shape))
    low = random.integers(0, shape)
    high = random.integers(low, shape) + 1
    box = tuple(slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
    labels[place] = (1, np.iinfo(dtype).max)[random.integers(2)]
    assert has_object(labels)
    assert has_object(labels, (box[0], box[1], box[2])) == (labels[box] > 0).any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (17, 257, 3), (20, 300, 300)])
def test_the_corners_are_looked_at(shape: tuple[int, int, int]) -> None:
    for corner in np.ndindex(2, 2, 2):
        labels = np.zeros(shape, np.uint64)
        labels[tuple(-each for each in corner)] = 2**63
        assert has_object(labels)


def test_little_is_read_where_the_middle_tells() -> None:
    labels = Watched(np.broadcast_to(np.uint32(1), (1000, 2000, 3000)))
    assert has_object(labels)
    assert labels.read == 16 * 256 * 256


def test_no_voxel_is_read_twice_over_where_there_is_none() -> None:
    labels = Watched(np.zeros((40, 20, 30), np.int16))
    assert not has_object(labels)
    assert labels.read == 40 * 20 * 30 + 16 * 20 * 30
