"""Drawing: small volumes, labels and predictions for components to work on, the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neurokit.affinity import encode_affinities
from neurokit.channels import Channel
from neurokit.prediction import Prediction
from neurokit.testing.surroundings import Size, Surroundings
from neurokit.volumes import ArrayLike, Skeletons, Volume

_COLUMN = 8  # voxels between the axes of neighbouring neurons


class Elsewhere:
    """An array that, like one in a file, is read by indexing alone."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, index: Any, /) -> Any:
        return np.array(self._array[index])


def drawn_labels(shape: Size, seed: int = 0) -> NDArray[np.int32]:
    """Blocks of objects 1 to 5, of background (0) and of what is to be ignored (-1)."""
    random = np.random.default_rng(seed)
    coarse = random.integers(
        -1, 6, [-(-size // step) for size, step in zip(shape, (2, 5, 5), strict=True)]
    )
    labels = coarse.repeat(2, 0).repeat(5, 1).repeat(5, 2)
    z, y, x = shape
    return np.ascontiguousarray(labels[:z, :y, :x], dtype=np.int32)


def drawn_volume(around: Surroundings, shape: Size | None = None) -> Volume:
    """Columns along z, one a neuron, with skeletons; one is background, and a corner ignored."""
    z, y, x = shape or around.shape
    number_YX = np.arange(-(-y // _COLUMN))[:, None] * -(-x // _COLUMN) + np.arange(
        -(-x // _COLUMN)
    )
    columns_YX = number_YX.repeat(_COLUMN, 0).repeat(_COLUMN, 1)[:y, :x]
    labels = np.repeat(columns_YX[None], z, 0).astype(np.int32)
    labels[labels == labels.max()] = -1
    if labels.max() < 1:
        labels[...] = 1
    image = np.random.default_rng(1).integers(0, 256, (z, y, x)).astype(np.uint8)
    return Volume("drawn", image, around.voxel_size_nm, labels, skeletons=_along_z(labels, around))


def _along_z(labels: NDArray[np.int32], around: Surroundings) -> Skeletons:
    """A straight skeleton through each neuron of labels that do not change along z."""
    depth = labels.shape[0]
    ids = np.unique(labels[labels > 0])
    places = [np.argwhere(labels[0] == each) for each in ids]
    middles = np.array([each[len(each) // 2] for each in places])
    voxels = np.empty((len(ids), depth, 3), np.int64)
    voxels[..., 0] = np.arange(depth)
    voxels[..., 1:] = middles[:, None]
    nodes = np.arange(len(ids) * depth).reshape(len(ids), depth)
    edges = np.stack([nodes[:, :-1].ravel(), nodes[:, 1:].ravel()], 1)
    return Skeletons(
        ids=ids.repeat(depth).astype(np.int64),
        voxels=voxels.reshape(-1, 3),
        edges=edges,
        lengths_nm=np.full(len(edges), float(around.voxel_size_nm[0])),
    )


def drawn_target(channels: Sequence[Channel], batch: int, shape: Size, seed: int) -> torch.Tensor:
    """Targets BCZYX within what the channels' activations reach."""
    random = torch.Generator().manual_seed(seed)
    planes = []
    for channel in channels:
        uniform = torch.rand((batch, *shape), generator=random)
        if channel.activation == "sigmoid":
            planes.append((uniform < 0.5).float())
        elif channel.activation == "tanh":
            planes.append(1.9 * uniform - 0.95)
        else:
            planes.append(4 * uniform - 2)
    return torch.stack(planes, 1)


def drawn_prediction(
    channels: Sequence[Channel], shape: Size, around: Surroundings, seed: int = 0
) -> Prediction:
    """A prediction, float32, whose values are smooth enough to hold objects of several voxels."""
    random = np.random.default_rng(seed)
    coarse = random.random((len(channels), *(-(-size // 3) for size in shape)), dtype=np.float32)
    values = coarse.repeat(3, 1).repeat(3, 2).repeat(3, 3)
    z, y, x = shape
    values = values[:, :z, :y, :x] * np.float32(0.8) + np.float32(0.2) * random.random(
        (len(channels), z, y, x), dtype=np.float32
    )
    for plane_ZYX, channel in zip(values, channels, strict=True):
        if channel.activation != "sigmoid":
            plane_ZYX[...] = 2 * plane_ZYX - 1
    return Prediction(np.ascontiguousarray(values), tuple(channels), around.voxel_size_nm)


def prediction_of_blobs(
    channels: Sequence[Channel], along: int, around: Surroundings
) -> Prediction:
    """One of as many boxes along y as along x, each a neuron, with a voxel between them."""
    blob = np.zeros((5, 9, 9), np.int32)
    blob[1:, 1:, 1:] = 1
    inside = torch.from_numpy(np.tile(blob, (1, along, along)))
    number = (torch.arange(along**2) + 1).reshape(along, along).to(torch.int32)
    labels = inside * number.repeat_interleave(9, 0).repeat_interleave(9, 1)
    planes = []
    for channel in channels:
        if channel.offset is None:
            joined = (labels > 0).float()
        else:
            joined = encode_affinities(labels[None], [channel.offset])[0][0, 0]
        low, high = (0.02, 0.98) if channel.activation == "sigmoid" else (-0.96, 0.96)
        planes.append(low + (high - low) * joined)
    return Prediction(torch.stack(planes).numpy(), tuple(channels), around.voxel_size_nm)


def from_elsewhere(array: ArrayLike) -> Elsewhere:
    """The array as one that is read by indexing alone."""
    return Elsewhere(np.asarray(array[...]))
