"""Section overlap: hand-drawn cases of each rule, and a slow version on random volumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurokit.graph import threads
from neurokit.graph.region_graph import UNIT
from neurokit.graph.section_overlap import SectionOverlap, overlaps_of
from neurokit.graph.section_table import section_table

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


def slow_table(labels: Any, affinities: Any) -> Any:
    """Of every section the size of each id, and of every two the area and affinity of overlaps."""
    sections: Any = [{} for _ in labels]
    overlaps: Any = [{} for _ in labels[1:]]
    for z, y, x in np.ndindex(labels.shape):
        above = int(labels[z, y, x])
        if above == 0:
            continue
        sections[z][above] = sections[z].get(above, 0) + 1
        below = int(labels[z - 1, y, x]) if z > 0 else 0
        if below > 0:
            area, total = overlaps[z - 1].get((below, above), (0, 0.0))
            overlaps[z - 1][below, above] = area + 1, total + float(affinities[z, y, x])
    return sections, overlaps


@pytest.mark.parametrize("cores", [1, 2, 5])
@pytest.mark.parametrize(
    "shape", [(6, 5, 7), (1, 5, 5), (2, 1, 1), (1, 1, 1), (0, 3, 3), (3, 0, 2)]
)
def test_the_table_holds_sections_and_overlaps(
    monkeypatch: pytest.MonkeyPatch, cores: int, shape: tuple[int, ...]
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: cores)
    random = np.random.default_rng(cores)
    labels = random.integers(0, 9, shape).astype(np.uint32)
    affinities = random.random(shape, dtype=np.float32)
    table = section_table(labels, affinities)
    sections, overlaps = slow_table(labels, affinities)
    assert table.depth == len(labels)
    assert table.ids == labels.max(initial=0) + 1
    for z, expected in enumerate(sections):
        here = slice(table.starts[z], table.starts[z + 1])
        assert (
            dict(zip(table.fragment[here].tolist(), table.voxels[here].tolist(), strict=True))
            == expected
        )
    assert table.total is not None
    for z, expected in enumerate(overlaps):
        here = slice(table.pair_starts[z], table.pair_starts[z + 1])
        below = table.fragment[table.starts[z] + table.below[here].astype(int)]
        above = table.fragment[table.starts[z + 1] + table.above[here].astype(int)]
        found = zip(
            zip(below.tolist(), above.tolist(), strict=True),
            zip(table.area[here].tolist(), (table.total[here] * UNIT).tolist(), strict=True),
            strict=True,
        )
        assert dict(found) == {
            pair: (area, pytest.approx(total, rel=1e-6)) for pair, (area, total) in expected.items()
        }
    assert len(table.fragment) == sum(map(len, sections))
    assert len(table.area) == sum(map(len, overlaps)) == table.pair_starts[-1]


def test_affinities_of_eight_bits_count_as_the_numbers_they_stand_for() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 4, (3, 6, 6))
    bytes_ = random.integers(0, 256, labels.shape).astype(np.uint8)
    numbers = bytes_.astype(np.float32) / np.float32(255)
    of_bytes, of_numbers = section_table(labels, bytes_), section_table(labels, numbers)
    assert np.array_equal(of_bytes.total, of_numbers.total)  # type: ignore[arg-type]
    step = SectionOverlap(affinity_threshold=0.5)
    assert np.array_equal(step.lookup(labels, bytes_), step.lookup(labels, numbers))


def random_lookup(random: Any, ids: int, segments: int) -> Any:
    """Some ids become background, the others segments 1..n, each of which occurs."""
    lookup = random.integers(0, segments + 1, ids)
    lookup[:1] = 0
    return np.unique(np.append(lookup, 0), return_inverse=True)[1][:-1].astype(np.uint16)


@pytest.mark.parametrize("seed", range(40))
def test_from_a_table_as_from_the_voxels_of_segments(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 7, 3))
    labels = random.integers(0, random.integers(1, 60), shape).astype(np.uint32)
    affinities = random.integers(0, 9, shape).astype(np.float32) / 8
    table = section_table(labels, affinities)
    step = SectionOverlap(
        iou_threshold=float(random.choice([0.25, 0.5, 0.75])),
        best_buddy=bool(random.integers(2)),
        one_sided_threshold=float(random.choice([0.5, 0.75, 1.0])),
        one_sided_min_size=int(random.integers(0, 5)),
        affinity_threshold=float(random.choice([0.0, 0.375, 0.5])),
    )
    for segments in (0, 1, 4, 30):
        lookup = random_lookup(random, table.ids, segments)
        looked_up = lookup[labels]
        from_table = step.lookup_of(table, lookup)[looked_up]
        assert from_table.tolist() == slow(step, looked_up.astype(int), affinities).tolist()
        from_voxels = step.lookup(looked_up, affinities)[looked_up]
        assert np.array_equal(from_table, from_voxels)
        assert from_table.dtype == from_voxels.dtype


def test_overlaps_of_segments_add_up_those_of_their_fragments() -> None:
    # Fragments 1 and 2 are one segment, and 3 and 4 another; 5 becomes background.
    labels = drawn("1122.5", "334455", "..4...")
    affinities = np.zeros(labels.shape, np.float32)
    affinities[1] = 0.25, 0.25, 0.5, 1.0, 1.0, 1.0
    lookup = np.array([0, 1, 1, 2, 2, 0], np.uint16)
    overlaps = overlaps_of(section_table(labels, affinities), lookup)
    assert overlaps.below.tolist() == [1]
    assert overlaps.above.tolist() == [2]
    assert overlaps.area.tolist() == [4]
    assert overlaps.below_area.tolist() == [4]
    assert overlaps.above_area.tolist() == [4]
    assert overlaps.ends.tolist() == overlaps.starts.tolist() == overlaps.best.tolist() == [True]
    assert overlaps.affinity.tolist() == [0.5]
    assert overlaps_of(section_table(labels), lookup).affinity.tolist() == [1.0]
