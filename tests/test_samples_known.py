"""Samples of labels that are known in part: where patches are cut, and what is said of it."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from neurokit import SampleRandom, Volume
from neurokit.samples import Samples, ids
from neurokit.samples.known import Known, known_of
from neurokit.samples.places import Size, window

CPU = torch.device("cpu")
SIZE = (30.0, 6.0, 6.0)
Array = NDArray[Any]


def _has_pair(labels_ZYX: Array) -> bool:
    """Whether two voxels side by side are known; of one voxel, whether that is."""
    known = labels_ZYX >= 0
    if known.size == 1:
        return bool(known.all())
    pairs = [np.moveaxis(known, axis, 0) for axis in range(3)]
    return any(bool((each[1:] & each[:-1]).any()) for each in pairs)


def _random_labels(random: np.random.Generator, shape: Size, share: float) -> Array:
    """Small boxes of known labels, down to single voxels; the last voxel is not known."""
    labels = np.full(shape, -1, random.choice(["i1", "i2", "i4", "i8"]))
    while np.mean(labels >= 0) < share:
        low = random.integers(0, shape)
        high = np.minimum(low + random.integers(1, 5, 3), shape)
        box = tuple(map(slice, low, high))
        labels[box] = random.integers(0, 5, labels[box].shape)
    labels[-1, -1, -1] = -1
    return labels


def _random_case(seed: int) -> tuple[Array, Size, Size]:
    """Labels, a patch size and a padding that fit each other."""
    random = np.random.default_rng(seed)
    z, y, x = (int(n) for n in random.integers(1, [9, 40, 12]))
    pad = tuple(int(n) for n in random.integers(0, 5, 3))
    padded = [n + 2 * p for n, p in zip((z, y, x), pad, strict=True)]
    patch = tuple(int(random.integers(1, n + 1)) for n in padded)
    labels = _random_labels(random, (z, y, x), float(random.choice([0.01, 0.1, 0.5])))
    return labels, patch, pad  # type: ignore[return-value]


@pytest.mark.parametrize("seed", range(40))
def test_blocks_against_a_look_at_every_voxel(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, patch, _ = _random_case(seed)
    monkeypatch.setattr(ids, "_SLAB_BYTES", 500)  # several slabs of small volumes
    found = known_of(labels, patch)
    assert found is not None
    assert found.share == np.mean(labels >= 0)
    assert found.sections.tolist() == (labels >= 0).any((1, 2)).tolist()
    edges = [max(1, edge // 8) for edge in patch]
    expected = np.zeros_like(found.has_pair)
    for voxel in np.argwhere(labels >= 0):
        before = [voxel - np.eye(3, dtype=int)[axis] for axis in range(3) if patch[axis] > 1]
        beside = [labels[tuple(each)] for each in before if each.min() >= 0]
        if max(patch) == 1 or max(beside, default=-1) >= 0:
            expected[tuple(voxel // edges)] = True
    np.testing.assert_array_equal(found.has_pair, expected)


@pytest.mark.parametrize("seed", range(40))
def test_a_patch_with_a_block_has_its_pair(seed: int) -> None:
    labels, patch, pad = _random_case(seed)
    known = known_of(labels, patch)
    assert known is not None
    padded = np.pad(labels, [(p, p) for p in pad], mode="reflect")
    places = [range(n - edge + 1) for n, edge in zip(padded.shape, patch, strict=True)]
    for place in list(product(*places))[:: 1 + seed % 7]:
        corner = tuple(start - p for start, p in zip(place, pad, strict=True))
        cut = padded[tuple(slice(c, c + n) for c, n in zip(place, patch, strict=True))]
        box = window(corner, patch, known.shape).box  # type: ignore[arg-type]
        if known.within(box):
            assert _has_pair(cut)
        # What is passed over is known at the rim alone, which is less than a block wide.
        rim = [(max(1, n // 8), max(1, n // 8) - 1) for n in patch]
        inner = [
            slice(b.start and b.start + low, size if b.stop == size else max(0, b.stop - high))
            for b, (low, high), size in zip(box, rim, known.shape, strict=True)
        ]
        if min(patch) > 1 and _has_pair(labels[tuple(inner)]):
            assert known.within(box)


@pytest.mark.parametrize("seed", range(40))
def test_a_corner_is_that_of_a_patch_with_a_pair(seed: int) -> None:
    labels, patch, pad = _random_case(seed)
    known = known_of(labels, patch)
    assert known is not None
    padded = np.pad(labels, [(p, p) for p in pad], mode="reflect")
    random = np.random.default_rng(seed)
    draws = [np.zeros(4), np.full(4, 1 - 1e-7), *random.random((50, 4))]
    for each in draws:
        corner = known.corner(each.tolist(), pad)
        if corner is None:
            assert not known.has_pair.any()
            continue
        place = [c + p for c, p in zip(corner, pad, strict=True)]
        assert min(place) >= 0
        assert all(c + n <= size for c, n, size in zip(place, patch, padded.shape, strict=True))
        assert _has_pair(padded[tuple(slice(c, c + n) for c, n in zip(place, patch, strict=True))])


def test_every_block_is_chosen_equally_often_at_every_place_of_the_patch() -> None:
    labels = np.full((7, 9, 40), -1)
    labels[1, :, 20], labels[5, 4, :] = 3, 0
    known = known_of(labels, (2, 3, 16))
    assert known is not None
    blocks = np.argwhere(known.has_pair)
    count = len(blocks)
    for number, (z, y, x) in enumerate(blocks):
        assert known._nth_block(number) == (z, y, x)
        starts = {
            known.corner([(number + 0.5) / count, *draws], (20, 20, 20))
            for draws in product([0.2, 0.7], [0.2, 0.7], np.arange(0.02, 1, 0.04).tolist())
        }
        # Blocks of 1 x 1 x 2 voxels, with one more before them but at the first.
        low, high = (z, y, x * 2), (max(0, z - 1), max(0, y - 1), max(0, x * 2 - 1))
        ends = [(low[0] - 1, high[0]), (low[1] - 2, high[1]), (low[2] + 1 - 15, high[2])]
        assert starts == set(product(*(range(a, b + 1) for a, b in ends)))


@pytest.mark.parametrize("dtype", ["u1", "u8", "i4"])
def test_labels_that_are_known_everywhere(dtype: str) -> None:
    assert known_of(np.zeros((3, 4, 5), dtype), (2, 2, 2)) is None


def test_labels_that_cannot_be_unknown_are_not_read() -> None:
    class Unread:
        shape = (3, 4, 5)
        dtype = np.dtype(np.uint64)

    assert known_of(Unread(), (2, 2, 2)) is None  # type: ignore[arg-type]


def _sparse(shape: Size, sections: list[int], seed: int = 0) -> tuple[Array, Array]:
    """An image, and labels of some of its sections."""
    random = np.random.default_rng(seed)
    labels = np.full(shape, -1, np.int32)
    labels[sections] = random.integers(0, 1000, (len(sections), *shape[1:]))
    return random.integers(0, 256, shape).astype(np.uint8), labels


class Elsewhere:
    """An array that is not in memory, and counts how often it is read."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype = array.dtype
        self.reads = 0

    def __getitem__(self, index: Any) -> Any:
        self.reads += 1
        return self.array[index].copy()


@pytest.mark.parametrize("sections", [[0], [30], [10, 30, 50], [59, 60]])
@pytest.mark.parametrize(
    ("patch", "pad"),
    [((4, 16, 16), (0, 0, 0)), ((1, 20, 20), (0, 3, 3)), ((5, 33, 17), (3, 8, 0))],
)
def test_every_sample_has_something_known(sections: list[int], patch: Size, pad: Size) -> None:
    image, labels = _sparse((61, 40, 36), sections)
    samples = Samples([Volume("a", image, SIZE, labels)], patch, pad, CPU)
    batch = samples.batch(SampleRandom(5, 0, range(200), CPU))
    assert all(_has_pair(each) for each in batch.labels_BZYX.numpy())
    everywhere = np.maximum(labels, 0) + 1
    whole = Samples([Volume("a", image, SIZE, everywhere)], patch, pad, CPU)
    kept = 0
    before, after = (each.places(SampleRandom(5, 0, range(200), CPU)) for each in (whole, samples))
    for one, other in zip(before, after, strict=True):
        start, stop = one.corner[0], one.corner[0] + patch[0]
        if start >= 0 and any(start < z < stop - 1 for z in sections):
            kept += 1
            assert one == other
    assert patch[0] == 1 or kept or sections[-1] in (0, 60)
    seen = {z for each in after for z in range(each.corner[0], each.corner[0] + patch[0])}
    assert seen >= set(sections)


def test_a_sample_depends_on_seed_step_and_index_alone_wherever_its_volume_lies() -> None:
    arrays = [_sparse((30, 20, 24), [4], 1), _sparse((20, 30, 24), [9, 10], 2)]
    inside = [Volume(str(n), *pair[:1], SIZE, pair[1]) for n, pair in enumerate(arrays)]
    files = [
        Volume(str(n), Elsewhere(pair[0]), SIZE, Elsewhere(pair[1]))
        for n, pair in enumerate(arrays)
    ]
    held = Samples(inside, (4, 12, 12), (1, 2, 2), CPU, memory_gib=1)
    streamed = Samples(files, (4, 12, 12), (1, 2, 2), CPU, memory_gib=0)
    assert streamed.streamed == ("0", "1")
    requests = [(step, [0, 1, 2]) for step in range(8)]
    for (step, indices), (batch, random) in zip(
        requests, streamed.batches(3, requests), strict=True
    ):
        following = random.normal(5)
        for index in indices:
            fresh = SampleRandom(3, step, [index], CPU)
            alone = held.batch(fresh)
            assert torch.equal(batch.image_BCZYX[index], alone.image_BCZYX[0])
            assert torch.equal(batch.labels_BZYX[index], alone.labels_BZYX[0])
            assert torch.equal(following[index], fresh.normal(5)[0])


def test_samples_that_are_drawn_once_take_four_numbers_of_their_streams() -> None:
    image, labels = _sparse((30, 20, 24), [15])
    samples = Samples([Volume("a", image, SIZE, labels)], (8, 12, 12), (0, 0, 0), CPU)
    whole = Samples([Volume("a", image, SIZE, np.abs(labels))], (8, 12, 12), (0, 0, 0), CPU)
    drawn, again = SampleRandom(3, 0, range(40), CPU), SampleRandom(3, 0, range(40), CPU)
    places, uniform = samples.places(drawn), SampleRandom(3, 0, range(40), CPU)
    once = [one == other for one, other in zip(places, whole.places(again), strict=True)]
    assert 0 < sum(once) < 40
    uniform.uniform(0, 1, 4)
    second = uniform.of([n for n, alone in enumerate(once) if not alone])
    second.uniform(0, 1, 4)
    assert torch.equal(drawn.normal(3), uniform.normal(3))


def test_volumes_are_drawn_as_often_as_if_all_were_known() -> None:
    names = {"a": [3], "b": list(range(30)), "c": [1, 2, 20]}
    volumes = [
        Volume(name, *pair[:1], SIZE, pair[1])
        for name, pair in ((name, _sparse((30, 20, 20), names[name])) for name in names)
    ]
    samples = Samples(volumes, (4, 12, 12), (0, 0, 0), CPU)
    whole = Samples(
        [Volume(each.name, each.image, SIZE, np.ones((30, 20, 20), int)) for each in volumes],
        *((4, 12, 12), (0, 0, 0), CPU),
    )
    random = (SampleRandom(1, 2, range(300), CPU) for _ in range(2))
    one, other = ([each.volume for each in s.places(next(random))] for s in (samples, whole))
    assert one == other
    assert set(one) == {"a", "b", "c"}


def test_labels_are_not_looked_at_again_to_choose_patches() -> None:
    image, labels = (Elsewhere(array) for array in _sparse((30, 20, 24), [15]))
    for memory in (0, 1):
        samples = Samples([Volume("a", image, SIZE, labels)], (4, 9, 9), (0, 0, 0), CPU, memory)
        image.reads = labels.reads = 0
        samples.places(SampleRandom(3, 0, range(50), CPU))
        assert image.reads == labels.reads == 0


def test_known_voxels_without_a_known_neighbour_are_cut_like_any_others() -> None:
    labels = np.full((9, 9, 9), -1)
    labels[::2, ::2, ::2] = 7
    image = np.zeros((9, 9, 9), np.uint8)
    places = [
        Samples([Volume("a", image, SIZE, each)], (4, 4, 4), (1, 1, 1), CPU).places(
            SampleRandom(3, 0, range(20), CPU)
        )
        for each in (labels, np.abs(labels))
    ]
    assert places[0] == places[1]


def test_what_is_known_of_each_volume() -> None:
    image, labels = _sparse((10, 20, 20), [2, 5])
    volumes = [Volume("a", image, SIZE, labels), Volume("b", image, SIZE, np.abs(labels))]
    known = Samples(volumes, (2, 8, 8), (0, 0, 0), CPU).known
    assert list(known) == ["a", "b"]
    assert isinstance(known["a"], Known)
    assert known["a"].share == 0.2
    assert known["a"].sections.nonzero()[0].tolist() == [2, 5]
    assert known["b"] is None
