"""The demonstration is no easy one: methods that have learnt nothing fail on its test volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from numpy.typing import NDArray
from scipy import ndimage

from neurokit import Prediction, Volume, affinity_channels, load_recipe
from neurokit.components.decoders import Waterz
from neurokit.components.inferers import SlidingWindow
from neurokit.components.metrics import AdaptedRand
from neurokit.schema import Recipe

THRESHOLDS = (0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
NEAREST = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1)])


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe(ROOT / "recipes" / "demo.toml")


@pytest.fixture(scope="module")
def volume(recipe: Recipe) -> Volume:
    assert recipe.data.test is not None
    (volume,) = recipe.data.test.volumes()
    return volume


def best_error(
    prediction: Prediction, volume: Volume, thresholds: tuple[float, ...] = THRESHOLDS
) -> float:
    """The lowest adapted Rand error that any of these thresholds of the decoder reaches."""
    segmentations = (
        Waterz(threshold=threshold, aff_threshold=(0.1, 0.999)).decode(prediction)
        for threshold in thresholds
    )
    metric = AdaptedRand(background="segment")
    return min(metric.score(each, volume)["adapted_rand"] for each in segmentations)


def smoothed_affinities(
    image_ZYX: NDArray[np.uint8], sigma: tuple[float, float, float]
) -> NDArray[np.float32]:
    """How bright the darker end of each edge is in the smoothed image, from 0 to 1."""
    smooth = ndimage.gaussian_filter(image_ZYX.astype(np.float32), sigma)
    dark, bright = np.percentile(smooth, [1, 99])
    smooth = np.clip((smooth - dark) / (bright - dark), 0, 1)
    affinities = np.zeros((3, *smooth.shape), np.float32)
    for axis in range(3):
        line = np.moveaxis(smooth, axis, 0)
        np.moveaxis(affinities[axis], axis, 0)[1:] = np.minimum(line[1:], line[:-1])
    return affinities


@pytest.mark.parametrize("sigma", [(0, 1, 1), (0, 1.5, 1.5), (1, 1.5, 1.5)])
def test_smoothing_the_image_is_not_enough(
    volume: Volume, sigma: tuple[float, float, float]
) -> None:
    affinities = smoothed_affinities(np.asarray(volume.image[...]), sigma)
    assert best_error(Prediction(affinities, NEAREST), volume) > 0.4


def test_an_untrained_network_is_not_enough(recipe: Recipe, volume: Volume, tmp_path: Path) -> None:
    torch.manual_seed(recipe.seed)
    channels = recipe.target.channels
    network = recipe.model.build(1, channels).eval()
    # Windows side by side are enough for a network that knows nothing, and eight times fewer.
    inferer = SlidingWindow(window=(12, 112, 112), overlap=0.0)
    prediction = inferer.infer(network, channels, volume, tmp_path / "prediction.h5")
    assert best_error(prediction, volume, (0.3, 0.5)) > 0.5
