"""Volumes held on the device: which memory they take, and in which types."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from neurokit import Volume
from neurokit.samples import ids, memory
from neurokit.samples.memory import free_memory
from neurokit.samples.sources import hold

CPU = torch.device("cpu")
SHAPE = (3, 5, 4)
PATCH = (2, 3, 3)
Array = NDArray[Any]


class Elsewhere:
    """An array that is not in memory."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype = array.dtype

    def __getitem__(self, index: Any) -> Any:
        return self.array[index].copy()


def _volume(image: Any, labels: Any) -> Volume:
    return Volume("a", image, (1.0, 1.0, 1.0), labels)


@pytest.mark.parametrize("image_type", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("label_type", ["int16", "int32"])
def test_arrays_in_memory_are_shared(image_type: str, label_type: str) -> None:
    image = np.arange(60).reshape(SHAPE).astype(image_type)
    labels = np.arange(-1, 59).reshape(SHAPE).astype(label_type)
    held = hold(_volume(image, labels), PATCH, CPU)
    assert held.image.data_ptr() == image.ctypes.data
    assert held.labels.data_ptr() == labels.ctypes.data
    assert held.image.dtype == getattr(torch, image_type)
    assert held.labels.dtype == getattr(torch, label_type)


def test_what_cannot_be_shared_is_copied_without_a_warning() -> None:
    image, labels = np.zeros((5, 5, 4), np.uint8)[::-2], np.ones(SHAPE, np.int16)
    labels.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        held = hold(_volume(image, labels), PATCH, CPU)
    assert held.image.shape == SHAPE
    assert held.labels.data_ptr() != labels.ctypes.data


@pytest.mark.parametrize(
    ("largest", "stored", "held"),
    [
        (32767, "int64", torch.int16),
        (32768, "int64", torch.int32),
        (255, "uint8", torch.int16),
        (65535, "uint16", torch.int32),
        (2**31 - 1, "uint32", torch.int32),
        (2**31, "uint32", torch.int16),
        (2**64 - 1, "uint64", torch.int16),
    ],
)
def test_labels_take_as_few_bits_as_they_need(largest: int, stored: str, held: torch.dtype) -> None:
    labels = np.zeros(SHAPE, stored)
    labels[1, 2, 3] = largest
    labels[0, 0, 0] = 7
    kept = hold(_volume(np.zeros(SHAPE, np.uint8), Elsewhere(labels)), PATCH, CPU).labels
    assert kept.dtype == held
    # An id beyond 32 bits makes all be renamed, in their order.
    renamed = largest > 2**31 - 1
    assert kept[0, 0, 0] == (1 if renamed else 7)
    assert kept[1, 2, 3] == (2 if renamed else largest)
    assert int((kept != 0).sum()) == 2


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64"])
def test_ids_below_0_are_ignored(dtype: str) -> None:
    labels = np.array([-300, -2, -1, 0, 5, 6], dtype).reshape(1, 2, 3)
    before = labels.copy()
    held = hold(_volume(np.zeros((1, 2, 3), np.uint8), labels), PATCH, CPU)
    assert held.labels.ravel().tolist() == [-1, -1, -1, 0, 5, 6]
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("sections", [1, 2, 7])
def test_files_are_read_by_slabs(monkeypatch: pytest.MonkeyPatch, sections: int) -> None:
    random = np.random.default_rng(sections)
    labels = random.integers(0, 2**50, (7, 4, 5)) * random.integers(-1, 2, (7, 4, 5))
    image = random.integers(0, 5000, (7, 4, 5)).astype(np.int64)
    monkeypatch.setattr(ids, "_SLAB_BYTES", sections * 4 * 5 * 8)
    assert max(slab.stop - slab.start for slab in ids.slabs(labels)) == sections
    held = hold(_volume(Elsewhere(image), Elsewhere(labels)), PATCH, CPU)
    np.testing.assert_array_equal(held.image, image.astype(np.float32))
    numbers = {id_: n for n, id_ in enumerate(sorted(set(labels[labels > 0].tolist())), 1)}
    expected = np.vectorize(lambda id_: numbers.get(id_, -1 if id_ < 0 else 0))(labels)
    np.testing.assert_array_equal(held.labels, expected)


def test_free_memory_is_some_of_the_machine() -> None:
    free = free_memory(CPU)
    assert 0 < free < 2**50


@pytest.mark.parametrize(
    ("limit", "used", "cached", "left"), [("9000", 4000, 1000, 6000), ("max", 1, 1, 2**63 - 1)]
)
def test_a_container_leaves_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, used: int, cached: int, left: int
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\nactive_file 3\n")
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    assert memory._of_the_container() == left
