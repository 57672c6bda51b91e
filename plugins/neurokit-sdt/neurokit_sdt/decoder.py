"""Decoder: a watershed from the middles of objects."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from neurokit import Decoder, NeurokitError, Prediction, axis_order, channel_indices, param

Floats = NDArray[np.float32]


@frozen(kw_only=True)
class SDTWatershed(Decoder):
    """Watershed from the middles of objects, where the distance transform is high.

    Seeds are the parts, connected through voxels' faces, where the distance is above
    `seed_threshold`. From there objects grow voxel by voxel, the likeliest first, into all that is
    reached through voxels whose distance is above `foreground_threshold`: a voxel is the likelier
    the higher the mean of its three affinities, or its distance where `channels` is empty.

    Ids are 1..n in uint16, or uint32 where they need it; 0 is background.
    """

    distance: str = param("sdt", help="the channel with the distance transform")
    channels: tuple[str, ...] = param(
        ("z1", "y1", "x1"),
        help="one affinity each along z, y and x, in any order; none to flood by distance",
    )
    seed_threshold: float = param(
        0.5, help="distance above which a voxel is part of a seed", low=-1, high=1
    )
    seed_min_size: int = param(20, help="voxels of the smallest seed", low=1, high=1000)
    foreground_threshold: float = param(
        -0.5, help="distance up to which a voxel is background", low=-1, high=1
    )
    min_size: int = param(300, help="voxels of the smallest segment", low=1, high=10000)

    def __attrs_post_init__(self) -> None:
        if self.channels and len(set(self.channels)) != 3:
            raise NeurokitError(
                "channels must name three different affinities, or none, not "
                + ", ".join(self.channels)
            )
        if self.distance in self.channels:
            raise NeurokitError(
                f"distance and channels both name '{self.distance}'; distance takes the channel "
                f"with the distance transform, such as sdt"
            )
        if self.seed_threshold < self.foreground_threshold:
            raise NeurokitError(
                f"seed_threshold {self.seed_threshold:g} is below foreground_threshold "
                f"{self.foreground_threshold:g}: seeds would lie in the background"
            )

    def required_channels(self) -> tuple[str, ...]:
        return (self.distance, *self.channels)

    def decode(self, prediction: Prediction) -> NDArray[np.integer]:
        """A segmentation ZYX.

        Raises:
            NeurokitError: a channel is missing, the distance is an affinity or does not lie in
                [-1, 1], or the others are not affinities in [0, 1] along z, y and x.
        """
        (place,) = channel_indices(prediction.channels, [self.distance])
        if prediction.channels[place].offset is not None:
            raise NeurokitError(
                f"distance names '{self.distance}', which is an affinity; name the channel with "
                f"the distance transform, such as sdt"
            )
        height_ZYX = self._height(prediction)
        distance_ZYX = _values(prediction, self.distance, -1, "tanh")
        seeds_ZYX, _ = ndimage.label(distance_ZYX > self.seed_threshold)
        segments_ZYX = watershed(  # type: ignore[no-untyped-call]
            -distance_ZYX if height_ZYX is None else height_ZYX,
            _without_small(seeds_ZYX, self.seed_min_size),
            mask=distance_ZYX > self.foreground_threshold,
        )
        return _without_small(segments_ZYX, self.min_size)

    def _height(self, prediction: Prediction) -> Floats | None:
        """How unlikely each voxel is to belong to what lies before it; None to go by distance."""
        if not self.channels:
            return None
        indices = channel_indices(prediction.channels, self.channels)
        axis_order([prediction.channels[index] for index in indices])
        mean_ZYX = np.zeros(prediction.shape, np.float32)
        for name in self.channels:  # one by one, to save memory
            mean_ZYX += _values(prediction, name, 0, "sigmoid") / 3
        return 1 - mean_ZYX


def _values(prediction: Prediction, name: str, lowest: float, activation: str) -> Floats:
    """A channel whose values lie between `lowest` and 1, as the activation leaves them."""
    values_ZYX: Floats = prediction.select([name])[0]
    low, high = values_ZYX.min(initial=1), values_ZYX.max(initial=lowest)
    # Written so that NaN, which compares false with everything, is refused.
    if not (low >= lowest and high <= 1):
        raise NeurokitError(
            f"channel '{name}' must lie in [{lowest:g}, 1], and ranges from {low:g} to {high:g}; "
            f"predict it with a {activation} activation"
        )
    return values_ZYX


def _without_small(labels_ZYX: NDArray[np.integer], least: int) -> NDArray[np.integer]:
    """The labels of at least so many voxels, numbered 1..n in uint16, or uint32 if need be."""
    kept = np.bincount(labels_ZYX.ravel()) >= least
    kept[:1] = False
    numbers = np.cumsum(kept) * kept
    type_ = np.uint16 if numbers.max(initial=0) <= np.iinfo(np.uint16).max else np.uint32
    lookup: NDArray[np.integer] = numbers.astype(type_)
    without_ZYX: NDArray[np.integer] = lookup[labels_ZYX]
    return without_ZYX
