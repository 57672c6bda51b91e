"""Connected components, against a flood fill, on any blocking."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import cc3d
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from neurokit import (
    Channel,
    NeurokitError,
    Prediction,
    affinity_channels,
    create_prediction,
    writing_h5,
)
from neurokit_nisb import parts
from neurokit_nisb.blocks import blocks_of
from neurokit_nisb.decoder import ConnectedComponents

SHORT = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1)])


def flooded(
    affinities_CZYX: NDArray[Any], threshold: float, min_size: int = 2
) -> NDArray[np.uint32]:
    """The definition: from each voxel in raster order, everything that edges reach."""
    shape = affinities_CZYX.shape[1:]
    labels = np.zeros(shape, np.uint32)
    seen = np.zeros(shape, bool)
    steps = np.eye(3, dtype=int)
    found = 0
    for start in np.ndindex(*shape):
        if seen[start]:
            continue
        seen[start] = True
        reached, queue = [start], deque([start])
        while queue:
            here = queue.popleft()
            for axis, step in enumerate(steps):
                back = tuple(int(each) for each in here - step)
                ahead = tuple(int(each) for each in here + step)
                candidates = []
                if back[axis] >= 0 and float(affinities_CZYX[(axis, *here)]) > threshold:
                    candidates.append(back)
                if ahead[axis] < shape[axis] and float(affinities_CZYX[(axis, *ahead)]) > threshold:
                    candidates.append(ahead)
                for other in candidates:
                    if not seen[other]:
                        seen[other] = True
                        reached.append(other)
                        queue.append(other)
        if len(reached) >= min_size:
            found += 1
            for place in reached:
                labels[place] = found
    return labels


def random_affinities(seed: int, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Affinities of random tissue, with noise, so that components of all sizes occur."""
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.random((3, *shape)), (0, 1, 1, 1), mode="wrap")
    smooth = (smooth - smooth.min()) / max(1e-9, smooth.max() - smooth.min())
    noisy: NDArray[np.float32] = (0.6 * smooth + 0.4 * random.random((3, *shape))).astype(
        np.float32
    )
    return np.asarray(noisy, np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_equals_a_flood_fill_on_random_blockings(seed: int) -> None:
    random = np.random.default_rng(100 + seed)
    shape = tuple(int(each) for each in random.integers(1, 13, 3))
    affinities = random_affinities(seed, shape)  # type: ignore[arg-type]
    threshold = float(random.uniform(0.4, 0.6))
    min_size = int(random.choice([2, 2, 5]))
    expected = flooded(affinities, threshold, min_size)
    for _ in range(4):
        size = tuple(int(each) for each in random.integers(1, 15, 3))
        decoder = ConnectedComponents(
            affinity_threshold=threshold,
            min_size=min_size,
            block_size=size,  # type: ignore[arg-type]
        )
        found = decoder.decode(Prediction(affinities, SHORT))
        assert found.dtype == np.uint32
        np.testing.assert_array_equal(found, expected)


def test_random_cases_have_many_components() -> None:
    """Otherwise the test above would show little."""
    counts = [flooded(random_affinities(seed, (8, 9, 10)), 0.5).max() for seed in range(5)]
    assert min(counts) > 5
    assert sum(counts) > 80


def test_one_edge_and_its_direction() -> None:
    affinities = np.zeros((3, 2, 2, 3), np.float32)
    affinities[0, 1, 0, 0] = 1  # between (1, 0, 0) and (0, 0, 0)
    affinities[1, 0, 1, 2] = 1  # between (0, 1, 2) and (0, 0, 2)
    affinities[2, 1, 1, 1] = 1  # between (1, 1, 1) and (1, 1, 0)
    affinities[0, 0] = affinities[1, :, 0] = affinities[2, :, :, 0] = 1  # to nowhere
    expected = [[[1, 0, 2], [0, 0, 2]], [[1, 0, 0], [3, 3, 0]]]
    for size in ((2, 2, 3), (1, 1, 1), (1, 2, 2)):
        decoder = ConnectedComponents(affinity_threshold=0.5, block_size=size)
        np.testing.assert_array_equal(decoder.decode(Prediction(affinities, SHORT)), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_types_that_predictions_are_stored_in(dtype: type, tmp_path: Path) -> None:
    affinities = random_affinities(5, (9, 10, 11))
    stored = np.rint(affinities * 255) if dtype is np.uint8 else affinities
    threshold = 0.5
    values: NDArray[Any] = stored.astype(dtype)
    with writing_h5(tmp_path / "prediction.h5") as file:
        channels = (*affinity_channels([(10, 0, 0)]), SHORT[2], SHORT[0], SHORT[1])
        written = create_prediction(file, channels, (9, 10, 11), (20, 9, 9), np.dtype(dtype).name)
        written[...] = np.stack([np.ones_like(values[0]), values[2], values[0], values[1]])
    prediction = Prediction.open(tmp_path / "prediction.h5")
    decoder = ConnectedComponents(affinity_threshold=threshold, block_size=(4, 5, 6))
    exact = values.astype(np.float64) / (255 if dtype is np.uint8 else 1)
    np.testing.assert_array_equal(decoder.decode(prediction), flooded(exact, threshold))


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_an_affinity_equal_to_the_threshold_does_not_join(dtype: type) -> None:
    one, threshold = (51, 51 / 255) if dtype is np.uint8 else (dtype(0.3), float(dtype(0.3)))
    affinities: NDArray[Any] = np.zeros((3, 1, 1, 2), dtype)
    affinities[2, 0, 0, 1] = one
    prediction = Prediction(affinities, SHORT)
    assert not ConnectedComponents(affinity_threshold=threshold).decode(prediction).any()
    below = ConnectedComponents(affinity_threshold=np.nextafter(threshold, 0))
    assert below.decode(prediction).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 7), (5, 4, 3)])
def test_nothing_joined_and_everything_joined(value: float, shape: tuple[int, int, int]) -> None:
    affinities = np.full((3, *shape), value, np.float32)
    found = ConnectedComponents(block_size=(2, 2, 2)).decode(Prediction(affinities, SHORT))
    assert (found == (value if np.prod(shape) > 1 else 0)).all()


def test_reads_each_voxel_once_and_never_more_than_a_block() -> None:
    affinities = random_affinities(8, (10, 11, 12))
    reads: list[int] = []

    class Counted:
        shape, dtype = affinities.shape, affinities.dtype

        def __getitem__(self, index: Any) -> Any:
            part = affinities[index]
            reads.append(part.size)
            return part

    decoder = ConnectedComponents(block_size=(4, 5, 6), affinity_threshold=0.5)
    decoder.decode(Prediction(Counted(), SHORT))
    assert sum(reads) == affinities.size
    assert max(reads) == 4 * 5 * 6


def test_blocks_fill_the_volume() -> None:
    counts = np.zeros((5, 6, 7), int)
    for block in blocks_of((5, 6, 7), (2, 6, 4)):
        counts[block] += 1
    assert (counts == 1).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_bits_mean_to_cc3d_what_they_mean_here(axis: int) -> None:
    labels = np.ones((3, 4, 5), np.uint8)
    labels[tuple(slice(2, None) if each == axis else slice(None) for each in range(3))] = 2
    bits = cc3d.voxel_connectivity_graph(labels.T, connectivity=6).T
    last = tuple(1 if each == axis else 0 for each in range(3))
    first = tuple(2 if each == axis else 0 for each in range(3))
    assert bits[last] == 0b111111 - (1 << (4 - 2 * axis))
    assert bits[first] == 0b111111 - (2 << (4 - 2 * axis))


def test_too_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_MOST_PARTS", 3)
    affinities = random_affinities(1, (4, 4, 4))
    with pytest.raises(
        NeurokitError,
        match=r"^blocks have more than 3 parts in all; choose a larger block_size$",
    ):
        ConnectedComponents(block_size=(2, 2, 2)).decode(Prediction(affinities, SHORT))


def test_refusals() -> None:
    affinities = np.zeros((3, 2, 2, 2), np.float32)
    with pytest.raises(NeurokitError, match=r"^channels names one twice: z1, z1, x1$"):
        ConnectedComponents(channels=("z1", "z1", "x1"))
    with pytest.raises(NeurokitError, match=r"^there is no channel 'z1'; there are x1$"):
        ConnectedComponents().decode(Prediction(affinities[:1], (Channel("x1"),)))
    long = (Channel("far", "sigmoid", (10, 0, 0)), *SHORT[1:])
    with pytest.raises(
        NeurokitError,
        match=r"^connected_components joins neighbours, and the affinity far has the offset "
        r"\(10, 0, 0\); name channels of offset 1$",
    ):
        ConnectedComponents(channels=("far", "y1", "x1")).decode(Prediction(affinities, long))
    for bad, shown in ((1.5, "0 to 1.5"), (-1.0, "-1 to 0"), (np.nan, "nan to nan")):
        affinities[1, 1, 1, 1] = bad
        with pytest.raises(
            NeurokitError,
            match=rf"^affinities must lie in \[0, 1\], and y1 ranges from {shown}; "
            rf"predict them with a sigmoid activation$",
        ):
            ConnectedComponents().decode(Prediction(affinities, SHORT))


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        ("x10", "(0, 0, 10)"),
        ("z2", "(2, 0, 0)"),
        ("x-1", "(0, 0, -1)"),
        ("z1x1", "(1, 0, 1)"),
        ("z2y-1", "(2, -1, 0)"),
    ],
)
def test_names_that_tell_of_another_offset(name: str, offset: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        ConnectedComponents(channels=("z1", "y1", name))
    assert str(caught.value) == (
        f"connected_components joins neighbours, and the affinity {name} has the offset {offset}; "
        f"name channels of offset 1"
    )


def test_other_names_tell_nothing() -> None:
    for name in ("x", "x01", "ax10", "x10a", "x1z1", "x0", "x1x2", "membrane", "10", "", "x\u0661"):
        assert ConnectedComponents(channels=("z1", "y1", name)).channels[2] == name
