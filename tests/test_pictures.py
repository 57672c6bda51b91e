"""Pictures of previews: which channels together, and every voxel in its shade."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurokit import Channel, affinity_channels
from neurokit.components.targets import Affinity12
from neurokit.observers.pictures import UNKNOWN, grouped, pictures
from neurokit.previews import Preview


def preview(channels: tuple[Channel, ...], shape: tuple[int, int, int], seed: int = 0) -> Preview:
    """Random numbers, some of them beyond black and white."""
    random = np.random.default_rng(seed)

    def numbers(*sizes: int) -> NDArray[np.float32]:
        return random.uniform(-1.5, 1.5, sizes).astype(np.float32)

    count = len(channels)
    return Preview(
        image_ZYX=numbers(*shape),
        target_CZYX=numbers(count, *shape),
        mask_CZYX=(numbers(count, *shape) > 0).astype(np.float32),
        prediction_CZYX=numbers(count, *shape),
        channels=channels,
    )


def names(channels: tuple[Channel, ...]) -> list[list[str]]:
    return [[channels[index].name for index in group] for group in grouped(channels)]


def test_the_nearest_of_each_direction_come_first() -> None:
    assert names(Affinity12().channels) == [
        ["x1", "y1", "z1"],
        ["z2", "x3", "y3"],
        ["z3", "x9", "y9"],
        ["z4", "x27", "y27"],
    ]


def test_directions_that_are_not_along_an_axis() -> None:
    channels = affinity_channels([(0, 2, 2), (0, 3, -3), (0, 1, 1), (2, 4, 6)])
    assert names(channels) == [["y3x-3", "y1x1", "z2y4x6"], ["y2x2"]]


def test_what_is_no_affinity_comes_last_and_a_picture_has_four_rows() -> None:
    others = tuple(Channel(name) for name in "abcde")
    assert names((*others, *affinity_channels([(1, 0, 0)]))) == [
        ["z1"],
        ["a", "b", "c", "d"],
        ["e"],
    ]
    assert grouped(()) == []


def test_names_sort_in_order() -> None:
    channels = affinity_channels([(0, 0, step) for step in range(11, 0, -1)])
    found = list(pictures(preview(channels, (1, 2, 2))))
    assert found == sorted(found)
    assert found[0] == "01_x1"
    assert found[-1] == "11_x11"


def panels(picture_YXC: NDArray[np.uint8], rows: int, sizes: tuple[int, int]) -> list[list[Any]]:
    """The panels cut out of the sheet again, and shrunk to one pixel a voxel."""
    height, width = sizes
    step_y, step_x = (picture_YXC.shape[0] - 4) // rows, (picture_YXC.shape[1] - 4) // 3
    times = (step_y - 18) // height
    found: list[list[Any]] = []
    for row in range(rows):
        found.append([])
        for column in range(3):
            y, x = 4 + 14 + row * step_y, 4 + column * step_x
            cut = picture_YXC[y : y + times * height, x : x + times * width]
            small = cut[::times, ::times]
            assert np.array_equal(small.repeat(times, 0).repeat(times, 1), cut)
            found[-1].append(small)
    return found


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 5), (2, 3, 200)])
def test_every_voxel_of_the_middle_section_has_its_shade(shape: tuple[int, int, int]) -> None:
    channels = (
        Channel("z1", offset=(1, 0, 0)),
        Channel("sdt", activation="tanh"),
        Channel("free", activation="none"),
    )
    sample = preview(channels, shape)
    shown = pictures(sample)
    assert list(shown) == ["1_z1", "2_sdt_free"]
    rows = [
        *panels(shown["1_z1"], 1, shape[1:]),
        *panels(shown["2_sdt_free"], 2, shape[1:]),
    ]
    middle = shape[0] // 2
    for index, (image_YXC, target_YXC, predicted_YXC) in enumerate(rows):
        known = sample.mask_CZYX[index] > 0
        values = sample.target_CZYX[index][known]
        free = (values.min(), values.max()) if values.size else (0.0, 1.0)
        low, high = [(0.0, 1.0), (-1.0, 1.0), free][index]
        for y in range(shape[1]):
            for x in range(shape[2]):
                place = (index, middle, y, x)
                expected = shade(sample.image_ZYX[place[1:]], 0.0, 1.0)
                assert abs(int(image_YXC[y, x, 0]) - expected) <= 1
                expected = shade(sample.prediction_CZYX[place], low, high)
                assert abs(int(predicted_YXC[y, x, 1]) - expected) <= 1
                if sample.mask_CZYX[place] == 0:
                    assert tuple(target_YXC[y, x]) == UNKNOWN
                else:
                    expected = shade(sample.target_CZYX[place], low, high)
                    assert abs(int(target_YXC[y, x, 2]) - expected) <= 1
                    assert len(set(target_YXC[y, x])) == 1


def shade(value: float, low: float, high: float) -> float:
    return 255 * min(max((float(value) - low) / max(high - low, 1e-6), 0), 1)


def test_what_is_not_a_number_is_black() -> None:
    sample = preview((Channel("a"),), (1, 2, 2))
    sample.prediction_CZYX[:] = np.nan
    sample.prediction_CZYX[0, 0, 0, 1] = np.inf
    ((_, _, predicted_YXC),) = panels(pictures(sample)["1_a"], 1, (2, 2))
    assert predicted_YXC[..., 0].tolist() == [[0, 255], [0, 0]]
