"""The tissue that all pictures show, and what a network of middling skill would predict of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from neurokit import Prediction, Volume, affinity_channels, encode_affinities, erode_contacts
from neurokit.components.datasets.phantom import Phantom

SHAPE = (24, 192, 192)
SECTION = 12
VOXEL_NM = (20.0, 6.0, 6.0)
DOUBT = 2.5  # standard deviation of logits
NEAREST = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


PHANTOM = Phantom(
    shape=SHAPE,
    seed=5,
    voxel_size_nm=VOXEL_NM,
    calibre_nm=(120, 500),
    damaged_sections=0,
    jitter_nm=1,
)


@cache
def volume() -> Volume:
    """Synthetic tissue with its labels."""
    (grown,) = PHANTOM.volumes()
    return grown


def labels_ZYX() -> NDArray[np.integer]:
    """The true labels."""
    labels = volume().labels
    assert labels is not None
    return np.asarray(labels[...])


def true_affinities(
    offsets: tuple[tuple[int, int, int], ...], erosion: int = 0
) -> NDArray[np.float32]:
    """The affinities CZYX of the true labels, with borders widened by `erosion` voxels."""
    labels_BZYX = erode_contacts(torch.from_numpy(labels_ZYX().astype(np.int64))[None], erosion)
    target_BCZYX, _ = encode_affinities(labels_BZYX, offsets)
    return target_BCZYX[0].numpy()


@cache
def prediction() -> Prediction:
    """Affinities with mistakes: the true ones, blurred, and doubted in places.

    The doubt is noise with a grain of a few voxels, added to logits, as a network doubts whole
    stretches of a membrane and not single voxels.
    """
    random = np.random.default_rng(3)
    affinities_CZYX = np.empty((3, *SHAPE), np.float32)
    true_CZYX = true_affinities(NEAREST, erosion=1)
    for channel_ZYX, true_ZYX in zip(affinities_CZYX, true_CZYX, strict=True):
        soft_ZYX = np.clip(gaussian_filter(true_ZYX, (0.2, 0.7, 0.7)), 0.01, 0.99)
        doubt_ZYX = gaussian_filter(random.standard_normal(SHAPE), (0.5, 2.5, 2.5))
        doubt_ZYX *= DOUBT / doubt_ZYX.std()
        logits_ZYX = np.log(soft_ZYX / (1 - soft_ZYX)) + doubt_ZYX
        channel_ZYX[...] = 1 / (1 + np.exp(-logits_ZYX))
    return Prediction(affinities_CZYX, affinity_channels(NEAREST), VOXEL_NM)
