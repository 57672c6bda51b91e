"""Section overlap: hand-drawn cases of each rule, and a slow version on random volumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurokit.graph.section_overlap import SectionOverlap

OFF: dict[str, Any] = {"iou_threshold": 1.0, "best_buddy": False, "one_sided_threshold": 1.0}


def drawn(*sections: str) -> Any:
    """A volume of one-row sections, each drawn as a string of digits; '.' is background."""
    return np.array(
        [[[0 if cell == "." else int(cell) for cell in section]] for section in sections]
    )


def merged(step: SectionOverlap, labels: Any, affinities: Any = None) -> Any:
    if affinities is None:
        affinities = np.ones(labels.shape, np.float32)
    return step.lookup(labels, affinities)[labels]


def test_high_intersection_over_union_joins_where_one_ends() -> None:
    step = SectionOverlap(**OFF | {"iou_threshold": 0.5, "one_sided_min_size": 99})
    # 1 ends at z = 0; 2 is in both sections. Overlap 4 of a union of 7.
    labels = drawn("11111.2", ".22222.")
    assert merged(step, labels).tolist() == drawn("11111.1", ".11111.").tolist()
    strict = SectionOverlap(**OFF | {"iou_threshold": 0.7, "one_sided_min_size": 99})
    assert (merged(strict, labels) == labels).all()


def test_what_goes_on_in_both_is_left_alone() -> None:
    step = SectionOverlap(iou_threshold=0.0, one_sided_threshold=0.0, one_sided_min_size=0)
    labels = drawn("1112", "1222")
    assert (merged(step, labels) == labels).all()


def test_best_buddies_join_only_where_one_ends_and_the_other_starts() -> None:
    step = SectionOverlap(**OFF | {"best_buddy": True, "one_sided_min_size": 99})
    # 3 is the best of 1, and 1 of 3; 2 overlaps 3 as well, but less.
    assert merged(step, drawn("1111122", "....333")).tolist() == [
        [[1] * 5 + [2] * 2],
        [[0] * 4 + [2] * 3],
    ]
    assert merged(step, drawn("1111122", "..33333")).tolist() == [
        [[1] * 5 + [2] * 2],
        [[0] * 2 + [1] * 5],
    ]
    # Now 3 is in both sections.
    labels = drawn("3111122", "..33333")
    assert (merged(step, labels) == labels).all()
    assert (
        merged(SectionOverlap(**OFF, one_sided_min_size=99), drawn("11", "22")) == [[[1, 1]]]
    ).all()


def test_of_equal_overlaps_the_smallest_id_is_best() -> None:
    step = SectionOverlap(**OFF | {"best_buddy": True, "one_sided_min_size": 99})
    assert merged(step, drawn("1111", "2233")).tolist() == drawn("1111", "1122").tolist()


def test_one_sided_cover_joins_a_small_one_that_is_large_enough() -> None:
    step = SectionOverlap(**OFF | {"one_sided_threshold": 0.8, "one_sided_min_size": 5})
    labels = drawn("1111111111", "22222...1.")
    assert merged(step, labels).max() == 1
    small = drawn("1111111111", "2222....1.")
    assert (merged(step, small) == small).all()
    half_covered = drawn("111.....1.", ".22222..1.")
    assert (merged(step, half_covered) == half_covered).all()


def test_background_is_no_partner() -> None:
    step = SectionOverlap(iou_threshold=0.0, one_sided_threshold=0.0, one_sided_min_size=0)
    labels = drawn("11..", "..22", "....")
    assert (merged(step, labels) == labels).all()
    # A best overlap is one with a segment, however much background there is.
    buddies = SectionOverlap(**OFF | {"best_buddy": True, "one_sided_min_size": 99})
    assert merged(buddies, drawn("111111.", ".....22")).max() == 1


def test_joins_chain_through_sections() -> None:
    labels = drawn("11", "22", "33")
    assert (merged(SectionOverlap(), labels) == 1).all()


def test_affinity_threshold_asks_the_later_section() -> None:
    labels = drawn("1122", "3344")
    affinities = np.array([[[0, 0, 1, 1]], [[0.5, 0.7, 0.5, 0.5]]], np.float32)
    step = SectionOverlap(affinity_threshold=0.55)
    assert merged(step, labels, affinities).tolist() == drawn("1122", "1133").tolist()


def slow(step: SectionOverlap, labels: Any, affinities: Any) -> Any:
    count = labels.max(initial=0) + 1
    group = list(range(count))
    for z in range(len(labels) - 1):
        low, high = labels[z], labels[z + 1]

        def overlap(a: Any, b: Any, low: float = low, high: float = high) -> Any:
            return int(np.sum((low == a) & (high == b)))

        lows, highs = set(low.ravel()) - {0}, set(high.ravel()) - {0}
        for a in sorted(lows):
            for b in sorted(highs):
                shared = overlap(a, b)
                if a == b or shared == 0:
                    continue
                ends, starts = a not in highs, b not in lows
                sizes = int(np.sum(low == a)), int(np.sum(high == b))
                alike = shared / (sum(sizes) - shared) >= step.iou_threshold
                cover = (
                    shared / min(sizes) >= step.one_sided_threshold
                    and min(sizes) >= step.one_sided_min_size
                )
                best = max((overlap(a, each), -each) for each in highs) == (shared, -b) and max(
                    (overlap(each, b), -each) for each in lows
                ) == (shared, -a)
                joins = (ends or starts) and (alike or cover)
                joins |= step.best_buddy and ends and starts and best
                if affinities[z + 1][(low == a) & (high == b)].mean() < step.affinity_threshold:
                    joins = False
                if joins:
                    old, new = group[b], group[a]
                    group = [new if each == old else each for each in group]
    names: dict[int, int] = {}
    lookup = [0] + [names.setdefault(each, len(names) + 1) for each in group[1:]]
    return np.array(lookup)[labels]


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_slow_version(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 6, 3))
    labels = random.integers(0, random.integers(2, 25), shape)
    labels = np.unique(np.append(labels, 0), return_inverse=True)[1][:-1].reshape(shape)
    # Eighths and powers of two, so that means and shares compare exactly.
    affinities = random.integers(0, 9, shape) / 8
    step = SectionOverlap(
        iou_threshold=float(random.choice([0.25, 0.5, 0.75])),
        best_buddy=bool(random.integers(2)),
        one_sided_threshold=float(random.choice([0.5, 0.75, 1.0])),
        one_sided_min_size=int(random.integers(0, 5)),
        affinity_threshold=float(random.choice([0.0, 0.375, 0.5])),
    )
    result = merged(step, labels, affinities)
    assert result.tolist() == slow(step, labels, affinities).tolist()


def test_upside_down_gives_the_same_segments() -> None:
    random = np.random.default_rng(9)
    labels = random.integers(0, 12, (5, 4, 4))
    step = SectionOverlap(one_sided_min_size=2)
    upright, turned = merged(step, labels), merged(step, labels[::-1])[::-1]
    pairs = set(zip(upright.ravel().tolist(), turned.ravel().tolist(), strict=True))
    assert len(pairs) == len(set(upright.ravel())) == len(set(turned.ravel()))


@pytest.mark.parametrize("shape", [(1, 3, 3), (0, 3, 3), (2, 0, 3)])
def test_nothing_to_join(shape: tuple[int, ...]) -> None:
    labels = np.ones(shape, np.uint16)
    assert merged(SectionOverlap(), labels).shape == shape
    assert (merged(SectionOverlap(), np.zeros(shape, np.uint16)) == 0).all()
