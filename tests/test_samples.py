"""Training samples, against padding the whole volume and slicing it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from neurokit import NeurokitError, SampleRandom, Volume, mirrored
from neurokit.samples import Samples

CPU = torch.device("cpu")
SIZE = (30.0, 6.0, 6.0)
Array = NDArray[Any]


def _volume(image: Array, labels: Array, name: str = "a") -> Volume:
    return Volume(name, image, SIZE, labels)


def _random_volume(shape: tuple[int, int, int], seed: int = 0) -> Volume:
    random = np.random.default_rng(seed)
    return _volume(
        random.integers(0, 256, shape).astype(np.uint8), random.integers(-1, 2**31 - 1, shape)
    )


def _batch(samples: Samples, count: int, step: int = 0) -> tuple[Array, Array]:
    batch = samples.batch(SampleRandom(5, step, range(count), CPU))
    assert batch.voxel_size_nm == SIZE
    assert batch.image_BCZYX.dtype == torch.float32
    assert batch.labels_BZYX.dtype == torch.int32
    return batch.image_BCZYX.numpy(), batch.labels_BZYX.numpy()


def _windows(array: Array, patch: tuple[int, int, int]) -> dict[bytes, tuple[int, int, int]]:
    views = np.lib.stride_tricks.sliding_window_view(array, patch)
    return {
        np.ascontiguousarray(views[z, y, x]).tobytes(): (z, y, x)
        for z, y, x in np.ndindex(views.shape[:3])
    }


@pytest.mark.parametrize("pad", [(0, 0, 0), (1, 2, 3), (9, 0, 14)])
def test_patches_are_those_of_the_mirrored_volume(pad: tuple[int, int, int]) -> None:
    volume, patch = _random_volume((4, 6, 5)), (3, 4, 5)
    assert volume.labels is not None
    widths = [(p, p) for p in pad]
    image = np.pad(volume.image[...], widths, mode="reflect")
    labels = np.pad(np.asarray(volume.labels[...]).astype(np.int32), widths, mode="reflect")
    places = _windows(labels, patch)
    images, cut = _batch(Samples([volume], patch, pad, CPU), 40)
    assert images.shape == (40, 1, *patch)
    seen = set()
    for b in range(40):
        z, y, x = places[np.ascontiguousarray(cut[b]).tobytes()]
        expected = image[z : z + 3, y : y + 4, x : x + 5].astype(np.float32) / 255
        np.testing.assert_allclose(images[b, 0], expected, rtol=1e-6)
        seen.add((z, y, x))
    assert len(seen) > 3


def test_every_position_is_drawn_equally_often() -> None:
    volume = _random_volume((3, 4, 2))
    places = _windows(np.asarray(volume.labels[...]).astype(np.int32), (2, 2, 2))  # type: ignore[index]
    _, cut = _batch(Samples([volume], (2, 2, 2), (0, 0, 0), CPU), 3000)
    drawn = [places[np.ascontiguousarray(each).tobytes()] for each in cut]
    counts = [drawn.count(place) for place in places.values()]
    assert len(counts) == 6
    # 500 each are expected, with a standard deviation of 20.
    assert min(counts) > 400
    assert max(counts) < 600


def test_volumes_are_drawn_in_proportion_to_their_positions() -> None:
    shapes = [(2, 2, 4), (2, 2, 2), (2, 2, 9)]  # 3, 1 and 8 positions
    volumes = [
        _volume(np.zeros(shape, np.uint8), np.full(shape, 10 + n), f"v{n}")
        for n, shape in enumerate(shapes)
    ]
    _, cut = _batch(Samples(volumes, (2, 2, 2), (0, 0, 0), CPU), 2400)
    counts = [int((cut[:, 0, 0, 0] == 10 + n).sum()) for n in range(3)]
    np.testing.assert_allclose(counts, [600, 200, 1600], atol=100)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64"])
def test_other_grey_values_reach_from_0_to_1(dtype: str) -> None:
    grey = np.random.default_rng(1).integers(100, 4000, (2, 3, 4)).astype(dtype)
    images, _ = _batch(
        Samples([_volume(grey, np.ones((2, 3, 4), int))], (2, 3, 4), (0, 0, 0), CPU), 1
    )
    low, high = float(grey.min()), float(grey.max())
    np.testing.assert_allclose(images[0, 0], (grey - low) / (high - low), atol=1e-6)


def test_an_image_of_one_grey_value_is_black() -> None:
    grey = np.full((2, 2, 2), 7, np.uint16)
    images, _ = _batch(
        Samples([_volume(grey, np.ones((2, 2, 2), int))], (2, 2, 2), (0, 0, 0), CPU), 1
    )
    assert not images.any()


@pytest.mark.parametrize(
    ("ids", "dtype"),
    [
        ([0, 5, 2**63, 2**64 - 1], "uint64"),
        ([-1, 0, 1, 2**40], "int64"),
        ([0, 2**31, 2**32 - 1, 3], "uint32"),
        ([-1, 7, 2**62, 2**62 + 1], "int64"),
        ([2**40, 2**40 + 1, 2**40 + 2, 2**40 + 3], "int64"),
    ],
)
def test_large_ids_stay_apart(ids: list[int], dtype: str) -> None:
    labels = np.array(ids * 2, dtype).reshape(2, 2, 2)
    _, cut = _batch(
        Samples([_volume(np.zeros((2, 2, 2), "u1"), labels)], (2, 2, 2), (0, 0, 0), CPU), 1
    )
    small = dict(zip(ids, cut.ravel().tolist(), strict=False))
    assert len(set(small.values())) == 4
    for number, became in small.items():
        assert became == number if number < 1 else became > 0
    np.testing.assert_array_equal(cut.ravel()[:4], cut.ravel()[4:])


def test_a_sample_depends_on_seed_step_and_index_alone() -> None:
    samples = Samples([_random_volume((5, 6, 7))], (2, 3, 4), (1, 1, 1), CPU)
    whole = samples.batch(SampleRandom(5, 3, range(4), CPU))
    for index in range(4):
        alone = samples.batch(SampleRandom(5, 3, [index], CPU))
        assert torch.equal(alone.image_BCZYX[0], whole.image_BCZYX[index])
        assert torch.equal(alone.labels_BZYX[0], whole.labels_BZYX[index])
    other = samples.batch(SampleRandom(5, 4, range(4), CPU))
    assert not torch.equal(other.labels_BZYX, whole.labels_BZYX)


def test_one_voxel() -> None:
    volume = _volume(np.full((1, 1, 1), 255, np.uint8), np.full((1, 1, 1), 3))
    images, labels = _batch(Samples([volume], (3, 3, 3), (1, 1, 1), CPU), 2)
    assert (images == 1).all()
    assert (labels == 3).all()


@pytest.mark.parametrize("label", [0, -1])
def test_labels_without_an_object_are_refused(label: int) -> None:
    volume = _volume(np.ones((2, 3, 4), np.uint8), np.full((2, 3, 4), label, np.int16))
    with pytest.raises(NeurokitError) as error:
        Samples([volume], (1, 1, 1), (0, 0, 0), torch.device("cpu"))
    assert str(error.value) == (
        "the labels of the training volume 'a' hold no object, only background (0) or what is to "
        "be ignored (-1)"
    )


@pytest.mark.parametrize("size", [1, 2, 5])
def test_mirroring_is_that_of_numpy(size: int) -> None:
    expected = np.pad(np.arange(size), 13, mode="reflect")
    np.testing.assert_array_equal(mirrored(np.arange(-13, size + 13), size), expected)
