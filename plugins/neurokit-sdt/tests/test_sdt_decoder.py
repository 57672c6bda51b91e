"""The watershed from the middles of objects, on drawn predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurokit import Channel, NeurokitError, Prediction, affinity_channels
from neurokit.testing import conform
from neurokit_sdt.decoder import SDTWatershed

DISTANCE = Channel("sdt", "tanh")
AFFINITIES = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1)])
CHANNELS = (*AFFINITIES, DISTANCE)
ALL_KEPT: dict[str, Any] = {"seed_min_size": 1, "min_size": 1}


def one_line(distances: list[float], affinities: list[float] | None = None) -> Prediction:
    """Voxels in a row along x; the affinities are the same along all axes."""
    affinity = [1.0] * len(distances) if affinities is None else affinities
    values = np.array([affinity, affinity, affinity, distances], np.float32)
    return Prediction(values[:, None, None], CHANNELS)


def decoded(prediction: Prediction, **parameters: Any) -> list[int]:
    decoder = SDTWatershed(**{**ALL_KEPT, **parameters})
    segmentation = decoder.decode(prediction)
    assert segmentation.dtype == np.uint16
    assert segmentation.shape == prediction.shape
    return segmentation.ravel().tolist()


def test_seeds_flood_what_is_no_background() -> None:
    prediction = one_line([-0.9, 0.2, 0.9, 0.2, 0.1, 0.8, 0.9, 0.1, -0.9])
    assert decoded(prediction, channels=()) == [0, 1, 1, 1, 2, 2, 2, 2, 0]


def test_floods_meet_where_affinities_are_low() -> None:
    distances = [0.9, 0.3, 0.3, 0.3, 0.3, 0.9]
    left = one_line(distances, [1, 0.1, 0.9, 0.9, 0.9, 1])
    right = one_line(distances, [1, 0.9, 0.9, 0.9, 0.1, 1])
    assert decoded(left) == [1, 1, 2, 2, 2, 2]
    assert decoded(right) == [1, 1, 1, 1, 2, 2]


def test_seeds_touch_through_faces_alone() -> None:
    values = np.full((4, 1, 2, 2), 0.5, np.float32)
    values[3, 0] = [[0.9, 0.3], [0.3, 0.9]]
    assert len(set(decoded(Prediction(values, CHANNELS)))) == 2
    values[3, 0] = [[0.9, 0.9], [0.3, 0.9]]
    assert set(decoded(Prediction(values, CHANNELS))) == {1}


def test_the_seed_threshold_itself_is_no_seed_and_the_foreground_one_background() -> None:
    prediction = one_line([0.5, 0.25, 0.75])
    assert decoded(prediction, seed_threshold=0.75) == [0, 0, 0]
    assert decoded(prediction, seed_threshold=0.5, foreground_threshold=0.25) == [0, 0, 1]
    assert decoded(prediction, seed_threshold=0.5, foreground_threshold=0.0) == [1, 1, 1]


def test_small_seeds_and_small_segments_are_dropped() -> None:
    prediction = one_line([0.9, 0.9, 0.1, -0.9, 0.9, 0.1, 0.1, 0.1])
    assert decoded(prediction) == [1, 1, 1, 0, 2, 2, 2, 2]
    assert decoded(prediction, seed_min_size=2) == [1, 1, 1, 0, 0, 0, 0, 0]
    assert decoded(prediction, min_size=4) == [0, 0, 0, 0, 1, 1, 1, 1]
    assert decoded(prediction, seed_min_size=3) == [0] * 8


def test_what_no_seed_reaches_is_background() -> None:
    assert decoded(one_line([0.9, 0.1, -0.9, 0.4, 0.4])) == [1, 1, 0, 0, 0]


def test_blobs_with_a_wall_between_them() -> None:
    """Two balls that overlap: distances tell their middles, and affinities the wall."""
    z, y, x = np.indices((9, 20, 36))
    first = np.sqrt((2 * (z - 4)) ** 2 + (y - 10) ** 2 + (x - 11) ** 2)
    second = np.sqrt((2 * (z - 4)) ** 2 + (y - 10) ** 2 + (x - 25) ** 2)
    truth = np.where(np.minimum(first, second) < 9, np.where(first <= second, 1, 2), 0)
    distance = np.where(truth > 0, 1 - np.minimum(first, second) / 9, -1)
    affinity = np.where((x == 18) | (truth == 0), 0.1, 0.95)
    values = np.stack([affinity, affinity, affinity, distance]).astype(np.float32)
    for channels in ((), ("z1", "y1", "x1")):
        decoder = SDTWatershed(channels=channels, min_size=50)
        segmentation = decoder.decode(Prediction(values, CHANNELS))
        assert np.array_equal(segmentation > 0, truth > 0)
        assert (segmentation == truth).mean() > 0.99


@pytest.mark.parametrize("stored", ["float16", "float32", "float64"])
def test_other_types_are_decoded_as_the_numbers_that_they_stand_for(stored: str) -> None:
    random = np.random.default_rng(3)
    values = random.random((4, 6, 12, 13)).astype(stored)
    values[3] = values[3] * 2 - 1
    kept, full = Prediction(values, CHANNELS), Prediction(values.astype(np.float32), CHANNELS)
    decoder = SDTWatershed(**ALL_KEPT)
    assert decoder.decode(full).max() > 10
    assert np.array_equal(decoder.decode(kept), decoder.decode(full))


def test_a_distance_stored_in_eight_bits_is_one_from_0_to_1() -> None:
    values = np.random.default_rng(4).integers(0, 256, (4, 3, 8, 9)).astype(np.uint8)
    full = (values / np.float32(255)).astype(np.float32)
    decoder = SDTWatershed(foreground_threshold=0.1, **ALL_KEPT)
    wanted = decoder.decode(Prediction(full, CHANNELS))
    assert wanted.max() > 5
    assert np.array_equal(decoder.decode(Prediction(values, CHANNELS)), wanted)


def test_many_segments_need_wider_ids() -> None:
    values = np.full((1, 3, 300, 300), -1, np.float32)
    values[:, ::2, ::2, ::2] = 0.9
    few = SDTWatershed(channels=(), **ALL_KEPT).decode(Prediction(values, (DISTANCE,)))
    assert few.max() == 2 * 150 * 150
    assert few.dtype == np.uint16
    values = np.full((1, 7, 300, 300), -1, np.float32)
    values[:, ::2, ::2, ::2] = 0.9
    many = SDTWatershed(channels=(), **ALL_KEPT).decode(Prediction(values, (DISTANCE,)))
    assert many.max() == 4 * 150 * 150
    assert many.dtype == np.uint32


def test_nothing_in_a_prediction_gives_nothing() -> None:
    for shape in ((1, 1, 1), (2, 3, 5), (0, 3, 5)):
        values = np.full((4, *shape), -1, np.float32)
        values[:3] = 0
        assert not SDTWatershed().decode(Prediction(values, CHANNELS)).any()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {"channels": ("z1", "y1")},
            "channels must name three different affinities, or none, not z1, y1",
        ),
        (
            {"channels": ("z1", "y1", "y1")},
            "channels must name three different affinities, or none, not z1, y1, y1",
        ),
        (
            {"distance": "z1"},
            "distance and channels both name 'z1'; distance takes the channel with the distance "
            "transform, such as sdt",
        ),
        (
            {"seed_threshold": 0.1, "foreground_threshold": 0.25},
            "seed_threshold 0.1 is below foreground_threshold 0.25: seeds would lie in the "
            "background",
        ),
    ],
)
def test_parameters_that_do_not_fit_each_other(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(NeurokitError) as error:
        SDTWatershed(**parameters)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("channel", "value", "said"),
    [
        (
            3,
            -1.5,
            "channel 'sdt' must lie in [-1, 1], and ranges from -1.5 to 1; predict it with a tanh "
            "activation",
        ),
        (
            3,
            np.nan,
            "channel 'sdt' must lie in [-1, 1], and ranges from nan to nan; predict it with a tanh "
            "activation",
        ),
        (
            1,
            2.5,
            "channel 'y1' must lie in [0, 1], and ranges from 1 to 2.5; predict it with a sigmoid "
            "activation",
        ),
    ],
)
def test_values_that_no_activation_gives(channel: int, value: float, said: str) -> None:
    prediction = one_line([1.0, 1.0])
    np.asarray(prediction.values)[channel, 0, 0, 1] = value
    with pytest.raises(NeurokitError) as error:
        SDTWatershed().decode(prediction)
    assert str(error.value) == said


def test_channels_that_do_not_fit() -> None:
    prediction = one_line([1.0, 1.0])
    with pytest.raises(NeurokitError) as error:
        SDTWatershed(distance="std").decode(prediction)
    assert str(error.value) == "there is no channel 'std'; did you mean 'sdt'?"
    with pytest.raises(NeurokitError) as error:
        SDTWatershed(distance="z1", channels=()).decode(prediction)
    assert str(error.value) == (
        "distance names 'z1', which is an affinity; name the channel with the distance transform, "
        "such as sdt"
    )
    values, named = np.asarray(prediction.values), (*AFFINITIES, Channel("other", "tanh"))
    with pytest.raises(NeurokitError) as error:
        SDTWatershed(distance="other", channels=("z1", "y1", "sdt")).decode(
            Prediction(np.concatenate([values, values[3:]]), (*named, DISTANCE))
        )
    assert str(error.value) == (
        "watershed needs one affinity for each of z, y and x, with a positive offset, not z1, y1, "
        "sdt"
    )
    assert SDTWatershed().required_channels() == ("sdt", "z1", "y1", "x1")
    assert SDTWatershed(channels=()).required_channels() == ("sdt",)


@pytest.mark.parametrize("channels", [(), ("z1", "y1", "x1")])
def test_it_conforms(channels: Any) -> None:
    conform(SDTWatershed(channels=channels), channels=CHANNELS)
