"""Dust, against a slow merge written with Python sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurokit.graph import dust as module
from neurokit.graph.dust import Dust
from neurokit.graph.partition import compact, id_type, joined, set_sizes


def slow_lookup(dust: Dust, sizes: Any, first: Any, second: Any, affinity: Any) -> Any:
    groups = {identity: {identity} for identity in range(len(sizes))}
    table = sorted(
        zip(affinity.tolist(), first.tolist(), second.tolist(), strict=True),
        key=lambda contact: -contact[0],
    )
    for value, one, other in table:
        if value <= dust.merge_affinity:
            break
        if one == 0 or other == 0 or groups[one] is groups[other]:
            continue
        areas = [sum(sizes[member] for member in groups[each]) for each in (one, other)]
        if areas[0] < dust.merge_size or areas[1] < dust.merge_size:
            union = groups[one] | groups[other]
            for member in union:
                groups[member] = union
    names: dict[int, int] = {}
    lookup = []
    for identity in range(len(sizes)):
        area = sum(sizes[member] for member in groups[identity])
        if identity == 0 or sizes[identity] == 0 or area < dust.remove_size:
            lookup.append(0)
        else:
            lookup.append(names.setdefault(id(groups[identity]), len(names) + 1))
    return lookup


@pytest.mark.parametrize("seed", range(30))
def test_equals_the_slow_merge(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 40))
    sizes = random.integers(0, 30, count)
    contacts = int(random.integers(0, 80))
    first, second = random.integers(0, count, (2, contacts))
    # Few distinct affinities, so that ties occur.
    affinity = random.integers(0, 8, contacts) / 8
    dust = Dust(
        merge_size=int(random.integers(0, 60)),
        merge_affinity=float(random.integers(0, 8)) / 8,
        remove_size=int(random.integers(0, 50)),
    )
    expected = slow_lookup(dust, sizes.tolist(), first, second, affinity)
    assert dust.lookup(sizes, first, second, affinity).tolist() == expected


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [1, 2, 256, 2**50])
def test_contacts_are_taken_from_the_strongest_equal_ones_in_order(
    levels: int, precision: Any
) -> None:
    random = np.random.default_rng(levels % 11)
    affinity = (random.integers(1, levels, 3000, endpoint=True) / levels).astype(precision)
    affinity[:4] = 1, 1e-300, 5e-324, 1
    affinity[4:40] = 0.5 - 2.0**-52 * random.integers(0, 9, 36)
    affinity = affinity[affinity > 0]
    order = module._strongest_first(affinity.astype(np.float64))
    assert order.tolist() == np.argsort(-affinity, kind="stable").tolist()


def test_only_small_ids_can_be_joined_to_others() -> None:
    dust = Dust(merge_size=5)
    assert dust.small(np.array([0, 4, 5, 6])).tolist() == [True, True, False, False]


@pytest.mark.parametrize("type_", [np.uint16, np.uint32, np.int64, np.uint64])
def test_ids_and_sizes_may_have_any_type(type_: Any) -> None:
    sizes = np.array([9, 50, 5, 50], type_)
    first, second = np.array([1, 2], type_), np.array([2, 3], type_)
    affinity = np.array([0.5, 0.6], np.float32)
    given = [each.copy() for each in (sizes, first, second, affinity)]
    assert Dust().lookup(sizes, first, second, affinity).tolist() == [0, 0, 0, 0]
    dust = Dust(merge_size=10, merge_affinity=0.3, remove_size=50)
    assert dust.lookup(sizes, first, second, affinity).tolist() == [0, 1, 2, 2]
    for array, before in zip((sizes, first, second, affinity), given, strict=True):
        assert np.array_equal(array, before)


def looked_up(dust: Dust, sizes: Any, contacts: Any) -> Any:
    first, second, affinity = (np.array(column) for column in zip(*contacts, strict=True))
    return dust.lookup(np.array(sizes), first, second, affinity).tolist()


def test_the_strongest_contact_takes_the_speck() -> None:
    dust = Dust(merge_size=10, merge_affinity=0.3, remove_size=0)
    contacts = [(1, 3, 0.4), (2, 3, 0.45)]
    assert looked_up(dust, [0, 50, 50, 5], contacts) == [0, 1, 2, 2]


def test_a_contact_at_the_affinity_or_between_large_ones_does_not_join() -> None:
    dust = Dust(merge_size=10, merge_affinity=0.3, remove_size=0)
    assert looked_up(dust, [0, 50, 5], [(1, 2, 0.3)]) == [0, 1, 2]
    assert looked_up(dust, [0, 10, 10], [(1, 2, 0.5)]) == [0, 1, 2]
    assert looked_up(dust, [0, 10, 9], [(1, 2, 0.5)]) == [0, 1, 1]


def test_specks_that_have_grown_large_stop_joining() -> None:
    dust = Dust(merge_size=10, merge_affinity=0.0, remove_size=0)
    contacts = [(1, 2, 0.9), (2, 3, 0.8), (3, 4, 0.7)]
    assert looked_up(dust, [0, 6, 6, 50, 4], contacts) == [0, 1, 1, 2, 2]
    assert looked_up(dust, [0, 6, 4, 50, 4], contacts) == [0, 1, 1, 2, 2]
    assert looked_up(dust, [0, 6, 3, 50, 4], contacts) == [0, 1, 1, 1, 1]


def test_what_stays_small_is_removed_and_ids_close_up() -> None:
    dust = Dust(merge_size=10, merge_affinity=0.3, remove_size=20)
    contacts = [(2, 4, 0.5)]
    assert looked_up(dust, [7, 19, 9, 20, 11, 0, 21], contacts) == [0, 0, 1, 2, 1, 0, 3]


def test_nothing_but_background() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert Dust().lookup(np.array([8]), none, none, none.astype(float)).tolist() == [0]
    assert Dust().lookup(none, none, none, none.astype(float)).tolist() == []


def test_affinity_bounds_are_checked() -> None:
    with pytest.raises(ValueError, match=r"^merge_affinity must be at most 1, not 1.5$"):
        Dust(merge_affinity=1.5)


def test_joined_sets_are_named_by_their_smallest_kept_id() -> None:
    sets = joined(8, np.array([6, 5, 7]), np.array([1, 3, 5]))
    kept = np.array([True, False, True, True, True, True, True, True])
    assert compact(sets, kept).tolist() == [0, 0, 1, 2, 3, 2, 4, 2]


@pytest.mark.parametrize("seed", range(10))
def test_joined_sets_are_the_connected_parts(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 40))
    first, second = random.integers(0, count, (2, int(random.integers(0, 40))))
    groups = {member: {member} for member in range(count)}
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        union = groups[one] | groups[other]
        groups.update(dict.fromkeys(union, union))
    sets = joined(count, first, second)
    assert sets.tolist() == [min(groups[member]) for member in range(count)]
    sizes = random.integers(0, 2**40, count)
    expected = [
        sum(sizes[list(groups[member])].tolist()) if min(groups[member]) == member else 0
        for member in range(count)
    ]
    assert set_sizes(sets, sizes).tolist() == expected


@pytest.mark.parametrize(
    ("largest", "expected"),
    [(0, "uint16"), (65535, "uint16"), (65536, "uint32"), (2**32 - 1, "uint32"), (2**32, "uint64")],
)
def test_ids_take_the_smallest_type_from_uint16(largest: int, expected: str) -> None:
    assert id_type(largest) == expected
