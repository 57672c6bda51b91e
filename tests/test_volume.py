"""Volumes: what fits together, grey values, and fingerprints."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurokit import NeurokitError, Volume, open_array, sections_of

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
        (
            np.zeros((2, 3, 4, 5)),
            None,
            "the image of 'cortex' has shape 2 x 3 x 4 x 5; it must have the three axes z, y, x: "
            "save one channel of it",
        ),
        (
            np.zeros((1, 1, 4, 5)),
            None,
            "the image of 'cortex' has shape 1 x 1 x 4 x 5; it must have the three axes z, y, x: "
            "save one channel of it",
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
            "image and labels of 'cortex' differ in shape: 1 x 2 x 3 and 1 x 2 x 4 (z, y, x); name "
            "the labels of this very image",
        ),
        (
            np.zeros((2, 3, 4)),
            np.zeros((4, 3, 2), int),
            "image and labels of 'cortex' differ in shape: 2 x 3 x 4 and 4 x 3 x 2 (z, y, x); the "
            "axes of one are reversed: save it again in the order z, y, x, with "
            "array.transpose(2, 1, 0)",
        ),
        (
            np.zeros((2, 3, 4)),
            np.zeros((2, 4, 3), int),
            "image and labels of 'cortex' differ in shape: 2 x 3 x 4 and 2 x 4 x 3 (z, y, x); the "
            "axes of one are in another order: save it again as z, y, x",
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
    assert str(caught.value) == (
        f"the image of 'cortex' holds NaN or infinite values, the first at ({section}, 1, 1): "
        f"replace them, perhaps by 0, and save it again"
    )


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (3, 4, 5, 1), (1, 3, 1, 4, 5, 1)])
def test_axes_of_length_one_around_a_volume_are_dropped(tmp_path: Path, shape: Any) -> None:
    values = np.random.default_rng(4).integers(0, 99, (3, 4, 5))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["raw"], file["labels"] = values.reshape(shape), values.reshape(shape)
    raw, labels = (open_array(f"{tmp_path}/w.h5::{name}") for name in ("raw", "labels"))
    for image in (raw, values.reshape(shape)):
        for volume in (_volume(image, labels), _volume(image, values)):
            assert volume.labels is not None
            assert volume.shape == volume.labels.shape == (3, 4, 5)
            for index in (..., 1, (slice(1, 3), 2), (0, slice(None), slice(1, None, 2))):
                np.testing.assert_array_equal(volume.image[index], values[index])
                np.testing.assert_array_equal(volume.labels[index], values[index])
        chosen = sections_of(image, 1, 3)
        assert chosen.shape == (2, 4, 5)
        np.testing.assert_array_equal(chosen[..., 2], values[1:3, :, 2])


def test_short_volumes_keep_their_axes() -> None:
    for shape in ((1, 4, 5), (1, 1, 1), (3, 1, 5)):
        assert _volume(np.zeros(shape)).shape == shape


def test_messages_name_the_file(tmp_path: Path) -> None:
    assert _volume(np.zeros((1, 2, 3))).title == "'cortex'"
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["raw"], file["labels"] = np.full((4, 5, 6), np.inf), np.zeros((4, 5, 7), int)
        file["mask"] = np.zeros((4, 5, 6))
    raw, labels, mask = (open_array(f"{tmp_path}/w.h5::{n}") for n in ("raw", "labels", "mask"))
    chosen = sections_of(raw, 1, 3)
    assert _volume(raw).title == _volume(chosen).title == f"'cortex' ({tmp_path}/w.h5::raw)"
    with pytest.raises(NeurokitError) as caught:
        _volume(raw, labels)
    assert str(caught.value) == (
        f"image and labels of 'cortex' differ in shape: {tmp_path}/w.h5::raw is 4 x 5 x 6 and "
        f"{tmp_path}/w.h5::labels is 4 x 5 x 7 (z, y, x); name the labels of this very image"
    )
    with pytest.raises(NeurokitError) as caught:
        _volume(raw, mask)
    assert str(caught.value) == (
        f"the labels of 'cortex' ({tmp_path}/w.h5::mask) have type float64; they must be "
        f"integers, one id an object: convert them, rounding nothing"
    )
    with pytest.raises(NeurokitError) as caught:
        _ = _volume(chosen).intensity_range
    assert str(caught.value) == (
        f"the image of 'cortex' ({tmp_path}/w.h5::raw) holds NaN or infinite values, the first at "
        f"(0, 0, 0): replace them, perhaps by 0, and save it again"
    )


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
