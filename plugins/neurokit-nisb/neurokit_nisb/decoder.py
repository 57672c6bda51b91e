"""Connected components: segments of voxels that affinities join."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import (
    Decoder,
    NeurokitError,
    Prediction,
    axis_order,
    channel_indices,
    offset_name,
    param,
    track,
)
from neurokit_nisb.blocks import Block, blocks_of
from neurokit_nisb.parts import Parts

Joined = NDArray[np.bool_]


@frozen(kw_only=True)
class ConnectedComponents(Decoder):
    """Joins neighbouring voxels whose affinity is above a threshold, as BANIS does.

    A segment is what a chain of such neighbours (of six) reaches; a voxel without any is
    background. The prediction is read block by block and never held as a whole; segments and ids
    do not depend on the blocks. Ids are 1..n in uint32, in the order of each segment's first voxel.
    """

    channels: tuple[str, str, str] = param(
        ("z1", "y1", "x1"), help="the affinities to the neighbours along z, y and x, in any order"
    )
    affinity_threshold: float = param(
        0.66, help="join what has an affinity above this: lower joins more", low=0, high=1
    )
    min_size: int = param(
        2, help="voxels of the smallest segment; what is smaller becomes background", low=2
    )
    block_size: tuple[int, int, int] = param(
        (64, 512, 512), help="voxels (z, y, x) that are read and joined at once", low=1
    )

    def __attrs_post_init__(self) -> None:
        if len(set(self.channels)) < 3:
            raise NeurokitError(f"channels names one twice: {', '.join(self.channels)}")
        for name in self.channels:
            offset = _offset_of(name)
            if offset is not None and sorted(offset) != [0, 0, 1]:
                raise _far(name, offset)

    def required_channels(self) -> tuple[str, ...]:
        return self.channels

    def decode(self, prediction: Prediction) -> NDArray[np.integer[Any]]:
        """A segmentation ZYX, uint32.

        Raises:
            NeurokitError: a channel is missing, the three are not affinities in [0, 1] to the
                neighbours along z, y and x, or there are more parts than 32 bits can count.
        """
        planes = self._planes(prediction)
        parts = Parts(prediction.shape)
        blocks = blocks_of(prediction.shape, self.block_size)
        for block in track(blocks, "blocks", len(blocks)):
            parts.add(block, [self._joined(prediction, plane, block) for plane in planes])
        return parts.segments(self.min_size)

    def _planes(self, prediction: Prediction) -> list[int]:
        """Where the affinities along z, y and x stand in the prediction."""
        named = channel_indices(prediction.channels, self.channels)
        channels = [prediction.channels[index] for index in named]
        planes = [named[place] for place in axis_order(channels)]
        for channel in channels:
            if channel.offset is not None and sum(channel.offset) != 1:
                raise _far(channel.name, channel.offset)
        return planes

    def _joined(self, prediction: Prediction, plane: int, block: Block) -> Joined:
        """Which voxels of a block are joined to the one before them along an axis."""
        values = np.asarray(prediction.values[(plane, *block)])
        if values.dtype == np.uint8:
            above: Joined = (np.arange(256) / 255 > self.affinity_threshold)[values]
            return above
        low, high = values.min(initial=1), values.max(initial=0)
        # Written so that NaN, which compares false with everything, is refused.
        if not (low >= 0 and high <= 1):
            raise NeurokitError(
                f"affinities must lie in [0, 1], and {prediction.channels[plane].name} ranges from "
                f"{low:g} to {high:g}; predict them with a sigmoid activation"
            )
        # Compared in 64 bits: in those of the values, the threshold would be rounded.
        return values > np.float64(self.affinity_threshold)


def _offset_of(name: str) -> tuple[int, int, int] | None:
    """The offset that neurokit would give this name; other names tell nothing before decoding."""
    steps = {axis: int(step) for axis, step in re.findall(r"([zyx])(-?[0-9]{1,9})", name)}
    offset = (steps.get("z", 0), steps.get("y", 0), steps.get("x", 0))
    return offset if steps and offset_name(offset) == name else None


def _far(name: str, offset: tuple[int, int, int]) -> NeurokitError:
    return NeurokitError(
        f"connected_components joins neighbours, and the affinity {name} has the offset {offset}; "
        f"name channels of offset 1"
    )
