"""Volumes: what fits together, grey values, and fingerprints."""

from typing import Any

import numpy as np
import pytest

from neurokit import NeurokitError, Volume

SIZE = (30.0, 6.0, 6.0)


def _volume(image: Any, labels: Any = None, **more: Any) -> Volume:
    return Volume("cortex", image, SIZE, labels, **more)


@pytest.mark.parametrize(
    ("image", "labels", "text"),
    [
        (
            np.zeros((4, 5)),
            None,
            "the image of 'cortex' has shape 4 x 5; it must have the three axes z, y, x",
        ),
        (
            np.zeros(()),
            None,
            "the image of 'cortex' has shape no axes; it must have the three axes z, y, x",
        ),
        (np.zeros((4, 0, 5)), None, "the image of 'cortex' is empty: 4 x 0 x 5"),
        (
            np.zeros((1, 1, 1), bool),
            None,
            "the image of 'cortex' has type bool; it must be of integers or floating numbers",
        ),
        (
            np.zeros((1, 1, 1)),
            np.zeros((1, 1, 1)),
            "the labels of 'cortex' have type float64; they must be integers, one id an object: "
            "convert them, rounding nothing",
        ),
        (
            np.zeros((1, 2, 3)),
            np.zeros((1, 2, 4), int),
            "image and labels of 'cortex' differ in shape: 1 x 2 x 3 and 1 x 2 x 4 (z, y, x)",
        ),
    ],
)
def test_what_is_no_volume(image: Any, labels: Any, text: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        _volume(image, labels)
    assert str(caught.value) == text


def test_bytes_keep_their_own_range() -> None:
    volume = _volume(np.full((2, 3, 4), 51, np.uint8))
    assert volume.shape == (2, 3, 4)
    assert volume.intensity_range == (0.0, 255.0)
    np.testing.assert_allclose(volume.scaled(np.array([0, 51, 255])), [0, 0.2, 1])


@pytest.mark.parametrize("dtype", ["int16", "uint16", "float32", "float64"])
def test_other_types_are_stretched(dtype: str) -> None:
    image = np.random.default_rng(0).integers(0, 30000, (4, 5, 6)).astype(dtype)
    volume = _volume(image)
    assert volume.intensity_range == (image.min(), image.max())
    scaled = volume.scaled(image[1:3])
    assert scaled.dtype == np.float32
    span = float(image.max()) - float(image.min())
    np.testing.assert_allclose(scaled, (image[1:3] - float(image.min())) / span, atol=1e-6)


def test_a_constant_image_becomes_zero() -> None:
    image = np.full((2, 2, 2), 7.5)
    np.testing.assert_array_equal(_volume(image).scaled(image), np.zeros((2, 2, 2)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("section", [0, 2])
def test_values_that_are_no_number(value: float, section: int) -> None:
    image = np.zeros((3, 2, 2))
    image[section, 1, 1] = value
    with pytest.raises(NeurokitError) as caught:
        _ = _volume(image).intensity_range
    assert str(caught.value) == "the image of 'cortex' holds NaN or infinite values"


def test_fingerprints_follow_the_content() -> None:
    image = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    labels = np.zeros_like(image)
    changed = image.copy()
    changed[1, 2, 3] = 0
    volumes = [
        _volume(image),
        _volume(changed),
        _volume(image.view(np.float32)),
        _volume(image, labels),
        _volume(image, labels + 1),
        _volume(image, source="a file"),
        _volume(image, source="another file"),
        Volume("cortex", image, (30.0, 6.0, 7.0)),
        Volume("cerebellum", image, SIZE),
    ]
    fingerprints = [volume.fingerprint for volume in volumes]
    assert len(set(fingerprints)) == len(volumes)
    assert fingerprints[0] == _volume(image.copy()).fingerprint
    assert all(len(fingerprint) == 16 for fingerprint in fingerprints)
    assert _volume(changed, source="a file").fingerprint == fingerprints[5]
