"""Predictions, in memory and in files."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from neurokit import (
    Channel,
    NeurokitError,
    Prediction,
    activate,
    affinity_channels,
    create_prediction,
    writing_h5,
)

CHANNELS = (*affinity_channels([(1, 0, 0), (0, -3, 0)]), Channel("sdt", "tanh"))
SIZE = (30.0, 6.0, 6.0)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1), (17, 5, 130)])
def test_what_is_written_is_opened(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    values = np.random.default_rng(0).random((3, *shape)).astype(np.float32)
    path = tmp_path / "a.h5"
    with writing_h5(path) as file:
        create_prediction(file, CHANNELS, shape, SIZE)[...] = values
    opened = Prediction.open(path)
    assert opened.channels == CHANNELS
    assert opened.voxel_size_nm == SIZE
    assert opened.shape == shape
    np.testing.assert_array_equal(opened.values[...], values)
    np.testing.assert_array_equal(opened.select(["sdt", "z1"]), values[[2, 0]])


def test_files_describe_themselves(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        attributes = create_prediction(file, CHANNELS, (2, 3, 4), SIZE).attrs
        assert list(attributes["channel_names"]) == ["z1", "y-3", "sdt"]
        assert attributes["offsets"].tolist() == [[1, 0, 0], [0, -3, 0], [0, 0, 0]]
        assert attributes["voxel_size_nm"].tolist() == list(SIZE)


def test_bytes_are_scaled_when_selected(tmp_path: Path) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(1, 4, 8, 8)
    path = tmp_path / "a.h5"
    with writing_h5(path) as file:
        create_prediction(file, CHANNELS[:1], (4, 8, 8), SIZE, "uint8")[...] = values
    selected = Prediction.open(path).select(["z1"])
    assert selected.dtype == np.float32
    np.testing.assert_array_equal(selected, values.astype(np.float32) / np.float32(255))
    assert selected.max() == 1


def test_half_precision_is_selected_as_single(tmp_path: Path) -> None:
    values = np.random.default_rng(1).random((3, 4, 8, 9)).astype(np.float16)
    path = tmp_path / "a.h5"
    with writing_h5(path) as file:
        create_prediction(file, CHANNELS, (4, 8, 9), SIZE, "float16")[...] = values
    opened = Prediction.open(path)
    assert opened.values.dtype == np.float16
    selected = opened.select(["sdt", "z1", "sdt"])
    assert selected.dtype == np.float32
    np.testing.assert_array_equal(selected, values[[2, 0, 2]].astype(np.float32))


def test_unknown_channels() -> None:
    prediction = Prediction(np.zeros((3, 1, 1, 1), np.float32), CHANNELS)
    with pytest.raises(NeurokitError) as caught:
        prediction.select(["z1", "sd"])
    assert str(caught.value) == "there is no channel 'sd'; did you mean 'sdt'?"


@pytest.mark.parametrize(
    ("shape", "told"), [((2, 4, 4, 4), "(2, 4, 4, 4)"), ((3, 4, 4), "(3, 4, 4)")]
)
def test_shapes_that_do_not_fit(shape: tuple[int, ...], told: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        Prediction(np.zeros(shape), CHANNELS)
    assert str(caught.value) == (
        f"a prediction of 3 channels needs the shape (channels, z, y, x), not {told}"
    )


def test_files_that_are_no_prediction(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["main"] = np.zeros((1, 2, 3, 4))
    with pytest.raises(NeurokitError) as caught:
        Prediction.open(path)
    assert str(caught.value) == f"{path} is not a prediction: its channels are not named"


def test_the_scale_of_a_channel_is_kept_and_used(tmp_path: Path) -> None:
    channel = Channel("x1", "sigmoid", (0, 0, 1), scale=0.2)
    with writing_h5(tmp_path / "prediction.h5") as file:
        create_prediction(file, [channel], (1, 1, 1), (1.0, 1.0, 1.0))
    assert Prediction.open(tmp_path / "prediction.h5").channels == (channel,)
    logits = torch.tensor([-10.0, 0.0, 20.0])
    torch.testing.assert_close(activate(logits, channel), torch.sigmoid(0.2 * logits))
    assert logits.tolist() == [-10.0, 0.0, 20.0]
