"""Contingency tables, against counting voxel by voxel."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from neurokit import NeurokitError
from neurokit.graph import contingency as module
from neurokit.graph.contingency import Contingency, contingency, grouped


def counted(first: Any, second: Any) -> Any:
    return Counter(zip(first.ravel().tolist(), second.ravel().tolist(), strict=True))


def listed(table: Contingency) -> Any:
    return [
        ((int(table.row_ids[row]), int(table.column_ids[column])), int(count))
        for row, column, count in zip(table.rows, table.columns, table.counts, strict=True)
    ]


@pytest.mark.parametrize(
    ("first_type", "second_type"),
    [(np.uint8, np.int64), (np.uint64, np.int64), (np.int16, np.uint32), (np.int64, np.uint64)],
)
@pytest.mark.parametrize("shape", [(5, 7, 9), (1, 1, 1), (3, 1, 4), (6, 5)])
def test_counts_every_pair_once_in_order(
    first_type: Any, second_type: Any, shape: tuple[int, ...]
) -> None:
    random = np.random.default_rng(1)
    pools = [
        np.array([info.min, 0, 1, 2, info.max], dtype=type_)
        for type_ in (first_type, second_type)
        for info in [np.iinfo(type_)]
    ]
    first, second = (random.choice(pool, shape) for pool in pools)
    table = contingency(first, second)
    assert listed(table) == sorted(counted(first, second).items())
    assert table.row_ids.dtype == first_type
    assert table.column_ids.dtype == second_type


def test_largest_neighbouring_ids_stay_apart() -> None:
    first = np.array([[[2**64 - 1, 2**64 - 2, 2**64 - 1]]], dtype=np.uint64)
    second = np.array([[[-(2**63), 2**63 - 1, 2**63 - 2]]], dtype=np.int64)
    assert listed(contingency(first, second)) == [
        ((2**64 - 2, 2**63 - 1), 1),
        ((2**64 - 1, -(2**63)), 1),
        ((2**64 - 1, 2**63 - 2), 1),
    ]


@pytest.mark.parametrize("slab_voxels", [1, 40, 90, 10**6])
def test_slabs_change_nothing_and_are_read_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, slab_voxels: int
) -> None:
    random = np.random.default_rng(2)
    first, second = random.integers(0, 4, (2, 7, 5, 8))
    read = []

    class Lazy:
        shape = first.shape
        dtype = first.dtype

        def __getitem__(self, index: Any) -> Any:
            read.append(index)
            return first[index]

    monkeypatch.setattr(module, "_SLAB_VOXELS", slab_voxels)
    table = contingency(Lazy(), second)
    assert listed(table) == sorted(counted(first, second).items())
    thickness = max(1, slab_voxels // 40)
    assert all(part.stop - part.start <= thickness for part in read)
    assert [part.start for part in read] == list(range(0, 7, thickness))


def test_sizes_are_those_of_the_ids() -> None:
    random = np.random.default_rng(3)
    first, second = random.integers(-2, 3, (2, 6, 6, 6))
    table = contingency(first, second)
    assert table.row_sizes.tolist() == [np.sum(first == each) for each in table.row_ids]
    assert table.column_sizes.tolist() == [np.sum(second == each) for each in table.column_ids]


@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 0, 4), (3, 4, 0)])
def test_empty_volumes_have_an_empty_table(shape: tuple[int, ...]) -> None:
    table = contingency(np.zeros(shape, np.uint16), np.zeros(shape, np.int64))
    assert listed(table) == []
    assert len(table.row_sizes) == len(table.column_sizes) == 0


def test_shapes_must_agree() -> None:
    with pytest.raises(NeurokitError) as error:
        contingency(np.zeros((2, 3, 4), int), np.zeros((2, 3, 5), int))
    assert str(error.value) == (
        "labels of shape 2 x 3 x 4 cannot be compared with labels of shape 2 x 3 x 5; "
        "both must cover the same voxels"
    )


def test_small_signed_types_may_be_used_in_full() -> None:
    first = np.array([[[-20_000, 20_000, 20_000, 0]]], dtype=np.int16)
    second = np.array([[[100, -100, 100, 127]]], dtype=np.int8)
    assert listed(contingency(first, second)) == [
        ((-20_000, 100), 1),
        ((0, 127), 1),
        ((20_000, -100), 1),
        ((20_000, 100), 1),
    ]


def same(one: Contingency, other: Contingency) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        and getattr(one, name).dtype == getattr(other, name).dtype
        for name in ("row_ids", "column_ids", "rows", "columns", "counts")
    )


@pytest.mark.parametrize("largest", [0, 1, 3, 12, 2**32 - 1, 2**64 - 1])
@pytest.mark.parametrize("shape", [(4, 5, 6), (1, 6, 5), (1, 1, 1), (0, 2, 3)])
def test_grouping_columns_is_looking_up_voxels(shape: tuple[int, ...], largest: int) -> None:
    random = np.random.default_rng(largest % 97)
    truth = random.integers(-1, 4, shape)
    fragments = random.integers(0, 30, shape).astype(np.uint32)
    # Ids that do not occur may stand in a lookup as well.
    lookup = random.integers(0, largest, 40, dtype=np.uint64, endpoint=True)
    lookup[random.random(40) < 0.3] = 0
    for smaller in (np.uint16, np.uint32, np.uint64):
        each: Any = lookup.astype(smaller)
        table = grouped(contingency(truth, fragments), each)
        assert same(table, contingency(truth, each[fragments]))
        assert listed(table) == sorted(counted(truth, each[fragments]).items())
