"""Watershed fragments, against the waterz package and a slow version with sets."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from neurokit import NeurokitError
from neurokit.graph import threads
from neurokit.graph.package import agglomerate
from neurokit.graph.watershed import watershed

HALF = float(np.float32(0.5))
JUST_BELOW_HALF = float(np.nextafter(np.float32(0.5), np.float32(0)))

# With 3 and 5 levels many affinities lie exactly on a threshold.
THRESHOLDS = [
    (0.0, 1.0),
    (0.1, 0.999),
    (0.3, 0.6),
    (0.25, 0.75),
    (0.0, 0.25),
    (0.75, 1.0),
    (JUST_BELOW_HALF, HALF),
    (HALF, 0.51),
]
CONTINUOUS = 0


def random_affinities(random: Any, shape: tuple[int, ...], levels: int) -> Any:
    """Affinities of that many evenly spread levels, 0 and 1 among them, or of any value."""
    if levels == CONTINUOUS:
        return random.random((3, *shape), dtype=np.float32)
    return (random.integers(0, levels, (3, *shape)) / (levels - 1)).astype(np.float32)


def random_shape(random: Any, most: int = 13) -> tuple[int, ...]:
    """Any shape; one of a few has a single section, row or voxel along an axis."""
    shape = random.integers(1, most, 3, endpoint=True)
    shape[random.random(3) < 0.15] = 1
    return tuple(shape.tolist())


def of_package(affinities_CZYX: Any, aff_threshold: tuple[float, float]) -> Any:
    """The package's fragments: at threshold 0 it joins none."""
    labels_ZYX, _ = agglomerate(
        affinities_CZYX,
        threshold=0.0,
        merge_function="affmean",
        aff_threshold=aff_threshold,
        discretize_queue=256,
    )
    return labels_ZYX


def slow_watershed(affinities_CZYX: Any, aff_threshold: tuple[float, float]) -> Any:
    """The definition, with a set of neighbours for every voxel."""
    low, high = (np.float32(threshold) for threshold in aff_threshold)
    shape = affinities_CZYX.shape[1:]
    voxels = list(itertools.product(*map(range, shape)))

    edges: dict[Any, dict[Any, Any]] = {voxel: {} for voxel in voxels}
    for axis, voxel in itertools.product(range(3), voxels):
        if voxel[axis] > 0:
            before = tuple(place - (each == axis) for each, place in enumerate(voxel))
            edges[voxel][before] = edges[before][voxel] = affinities_CZYX[axis][voxel]

    drains: dict[Any, set[Any]] = {}
    for voxel in voxels:
        strongest = max(edges[voxel].values(), default=low)
        drains[voxel] = {
            neighbour
            for neighbour, affinity in edges[voxel].items()
            if strongest > low and (affinity == strongest or affinity >= high)
        }

    # In the order -z, -y, -x, +z, +y, +x.
    def in_order(voxel: Any) -> list[Any]:
        before, after = ([n for n in drains[voxel] if (n < voxel) == early] for early in (1, 0))
        return [*sorted(before), *sorted(after, reverse=True)]

    reached = [v for v in voxels if any(v not in drains[n] for n in drains[v])]
    known = set(reached)
    for voxel in reached:  # which grows meanwhile
        ways = in_order(voxel)
        out = [way for way in ways if voxel not in drains[way]]
        for way in ways:
            if voxel in drains[way] and way not in known:
                known.add(way)
                reached.append(way)
        drains[voxel] = {out[-1]}

    # What hangs together along the ways that are left is a fragment.
    linked: dict[Any, set[Any]] = {voxel: set(drains[voxel]) for voxel in voxels}
    for voxel in voxels:
        for way in drains[voxel]:
            linked[way].add(voxel)
    labels_ZYX = np.zeros(shape, np.uint32)
    count = 0
    for voxel in voxels:
        if not linked[voxel] or labels_ZYX[voxel]:
            continue
        count += 1
        waiting = [voxel]
        while waiting:
            here = waiting.pop()
            if labels_ZYX[here] == 0:
                labels_ZYX[here] = count
                waiting += linked[here]
    return labels_ZYX


def assert_fragments(found: Any, expected_ZYX: Any) -> None:
    assert found.labels_ZYX.dtype == np.uint32
    assert found.labels_ZYX.shape == expected_ZYX.shape
    assert np.array_equal(found.labels_ZYX, expected_ZYX)
    sizes = np.bincount(expected_ZYX.ravel().astype(np.int64), minlength=1)
    assert np.array_equal(found.sizes, sizes)
    assert (found.sizes[1:] > 0).all()


@pytest.mark.parametrize("levels", [2, 3, 5, 20, 256, CONTINUOUS])
@pytest.mark.parametrize("aff_threshold", THRESHOLDS)
def test_equals_the_package(levels: int, aff_threshold: tuple[float, float]) -> None:
    random = np.random.default_rng([levels, THRESHOLDS.index(aff_threshold)])
    for _ in range(10):
        affinities = random_affinities(random, random_shape(random), levels)
        found = watershed(affinities, aff_threshold)
        assert_fragments(found, of_package(affinities, aff_threshold))


@pytest.mark.parametrize("levels", [2, 3, 5, 20, CONTINUOUS])
@pytest.mark.parametrize("aff_threshold", THRESHOLDS)
def test_equals_the_slow_version(levels: int, aff_threshold: tuple[float, float]) -> None:
    random = np.random.default_rng([levels, THRESHOLDS.index(aff_threshold), 1])
    for _ in range(3):
        affinities = random_affinities(random, random_shape(random, 6), levels)
        assert_fragments(
            watershed(affinities, aff_threshold), slow_watershed(affinities, (aff_threshold))
        )


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 13), (1, 13, 1), (13, 1, 1), (1, 9, 12)])
@pytest.mark.parametrize("levels", [2, 5, CONTINUOUS])
def test_flat_volumes(shape: tuple[int, ...], levels: int) -> None:
    random = np.random.default_rng([*shape, levels])
    for aff_threshold in THRESHOLDS:
        affinities = random_affinities(random, shape, levels)
        found = watershed(affinities, aff_threshold)
        assert_fragments(found, of_package(affinities, aff_threshold))
        assert_fragments(found, slow_watershed(affinities, aff_threshold))


@pytest.mark.parametrize("levels", [2, 3, CONTINUOUS])
def test_large_plateaus_and_many_fragments(levels: int) -> None:
    affinities = random_affinities(np.random.default_rng(levels), (17, 31, 40), levels)
    for aff_threshold in ((0.1, 0.999), (0.0, 1.0)):
        found = watershed(affinities, aff_threshold)
        assert_fragments(found, of_package(affinities, aff_threshold))
    assert len(found.sizes) > 4096 if levels == CONTINUOUS else found.sizes.max() > 4096


def test_a_plateau_is_divided_where_its_ways_out_are_equally_far() -> None:
    # One row: a summit at either end, and a plateau of lower affinities between them.
    affinities = np.zeros((3, 1, 1, 8), np.float32)
    affinities[2, 0, 0] = [0, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9]
    found = watershed(affinities, (0.1, 0.999))
    assert found.labels_ZYX.tolist() == [[[1, 1, 1, 1, 2, 2, 2, 2]]]
    assert found.sizes.tolist() == [0, 4, 4]


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_without_affinities_all_is_background(dtype: Any) -> None:
    found = watershed(np.zeros((3, 3, 4, 5), dtype), (0.0, 1.0))
    assert_fragments(found, np.zeros((3, 4, 5), np.uint32))
    assert found.sizes.tolist() == [60]


@pytest.mark.parametrize(("dtype", "one"), [(np.float32, 1), (np.uint8, 255)])
@pytest.mark.parametrize("aff_threshold", THRESHOLDS)
def test_full_affinities_are_one_fragment(
    dtype: Any, one: int, aff_threshold: tuple[float, float]
) -> None:
    found = watershed(np.full((3, 3, 4, 5), one, dtype), aff_threshold)
    assert_fragments(found, np.ones((3, 4, 5), np.uint32))


@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 0, 2), (3, 4, 0)])
def test_an_empty_volume_has_no_fragments(shape: tuple[int, ...]) -> None:
    assert_fragments(watershed(np.zeros((3, *shape), np.float32), (0.1, 0.9)), np.zeros(shape, int))


@pytest.mark.parametrize("levels", [2, 4, 16, 256])
def test_bytes_equal_their_fractions_of_255(levels: int) -> None:
    random = np.random.default_rng(levels)
    for aff_threshold in (*THRESHOLDS, (0.2, 0.8), (0.5, 0.502), (0.7, 0.7001), (0.996, 1.0)):
        values = random.choice(256, levels, replace=False).astype(np.uint8)
        affinities = random.choice(values, (3, *random_shape(random)))
        found = watershed(affinities, aff_threshold)
        fractions = affinities.astype(np.float32) / np.float32(255)
        assert_fragments(found, watershed(fractions, aff_threshold).labels_ZYX)
        assert_fragments(found, of_package(fractions, aff_threshold))


def test_thresholds_of_bytes_are_exact_at_every_level() -> None:
    # A row of pairs of voxels, one for each level, with nothing between them.
    pairs = np.zeros((3, 1, 1, 512), np.uint8)
    pairs[2, 0, 0, 1::2] = np.arange(256)
    # Two pairs, with an affinity between them that is the strongest of none.
    bridge = np.zeros((3, 1, 1, 4), np.uint8)
    for level in range(256):
        fraction = np.float32(level) / np.float32(255)
        assert len(watershed(pairs, (float(fraction), 1.1)).sizes) - 1 == 255 - level

        bridge[2, 0, 0] = [0, 255, level, 255]
        above = np.nextafter(fraction, np.float32(2))
        if 0 < level < 255:
            assert len(watershed(bridge, (0.0, float(fraction))).sizes) - 1 == 1
            assert len(watershed(bridge, (0.0, float(above))).sizes) - 1 == 2


@pytest.mark.parametrize("cores", [1, 2, 3, 5, 40])
@pytest.mark.parametrize("levels", [2, 3, 5, CONTINUOUS])
def test_the_number_of_cores_changes_nothing(
    cores: int, levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: cores)
    random = np.random.default_rng([cores, levels])
    for shape in ((13, 9, 11), (7, 1, 40), (5, 6, 1), random_shape(random)):
        assert len(threads.slabs(shape)) == -(-shape[0] // -(-shape[0] // cores))
        for aff_threshold in ((0.1, 0.9), (0.0, 1.0), (0.5, 0.51)):
            affinities = random_affinities(random, shape, levels)
            found = watershed(affinities, aff_threshold)
            assert_fragments(found, of_package(affinities, aff_threshold))


@pytest.mark.parametrize("cores", [1, 3, 40])
def test_fragments_may_run_through_all_sections(
    cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: cores)
    # Columns, each of one fragment; some end early.
    affinities = np.zeros((3, 40, 6, 7), np.float32)
    affinities[0, 1:] = 0.5
    affinities[0, 20:, 2:4] = 0
    expected = np.zeros((40, 6, 7), np.uint32)
    expected[:] = np.arange(1, 43).reshape(6, 7)
    expected[20:, 2:4] = 0
    expected[19, 2:4] = expected[18, 2:4]
    assert_fragments(watershed(affinities, (0.1, 0.9)), expected)


def test_more_fragments_than_ids_are_refused() -> None:
    affinities = np.zeros((3, 1, 1, 8), np.float32)
    affinities[2, 0, 0, 1::2] = 0.5
    assert watershed(affinities, (0.1, 0.9), most_fragments=4).sizes.tolist() == [0, 2, 2, 2, 2]
    with pytest.raises(NeurokitError) as caught:
        watershed(affinities, (0.1, 0.9), most_fragments=3)
    assert str(caught.value) == (
        "the volume falls into 4 fragments, and ids go to 3; decode it in parts, or raise the "
        "first or lower the second number of aff_threshold"
    )
