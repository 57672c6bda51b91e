"""Prediction: what a network said of a volume, channel by channel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.channels import Activation, Channel, Offset, channel_indices
from neurokit.errors import NeurokitError
from neurokit.graph.affinities import Affinities, as_float
from neurokit.volumes import ArrayLike, open_array

DATASET = "main"


@frozen
class Prediction:
    """Activated outputs CZYX with the meaning of each channel.

    Attributes:
        values: shape (C, Z, Y, X); affinities lie in [0, 1], or in uint8 in 0 to 255. A NumPy
            array, or one in a file.
        channels: one for each plane of `values`.
        voxel_size_nm: edge lengths of a voxel in nanometres (z, y, x).
        fingerprint: of what it was made from; None where that is not known.
    """

    values: ArrayLike
    channels: tuple[Channel, ...]
    voxel_size_nm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fingerprint: str | None = None

    def __attrs_post_init__(self) -> None:
        if len(self.values.shape) != 4 or self.values.shape[0] != len(self.channels):
            raise NeurokitError(
                f"a prediction of {len(self.channels)} channels needs the shape "
                f"(channels, z, y, x), not {tuple(self.values.shape)}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along z, y and x."""
        _, z, y, x = self.values.shape
        return z, y, x

    def select(self, names: Sequence[str]) -> NDArray[np.float32]:
        """The named channels in the order of `names`, float32 CZYX, read into memory.

        Unsigned 8-bit values are divided by 255.

        Raises:
            NeurokitError: there is no such channel.
        """
        return as_float(self.select_stored(names))

    def select_stored(self, names: Sequence[str]) -> Affinities:
        """The same without dividing: values stored as uint8 stay as they are.

        Raises:
            NeurokitError: there is no such channel.
        """
        indices = channel_indices(self.channels, names)
        stored = np.uint8 if self.values.dtype == np.uint8 else np.float32
        selected = np.empty((len(indices), *self.shape), stored)
        for plane_ZYX, index in zip(selected, indices, strict=True):
            plane_ZYX[...] = self.values[index]
        return selected

    @classmethod
    def open(cls, path: Path) -> Prediction:
        """The prediction in a file written by `create_prediction`; its values stay in the file.

        Raises:
            NeurokitError: the file is missing, damaged, or not a prediction.
        """
        values = open_array(f"{path}::{DATASET}")
        attributes = values.attributes()
        if "channels" not in attributes:
            raise NeurokitError(f"{path} is not a prediction: its channels are not named")
        channels = tuple(
            Channel(
                entry["name"],
                cast(Activation, entry["activation"]),
                cast(Offset, tuple(entry["offset"])) if entry["offset"] else None,
                entry.get("scale", 1.0),
            )
            for entry in json.loads(attributes["channels"])
        )
        z, y, x = (float(length) for length in attributes["voxel_size_nm"])
        return cls(values, channels, (z, y, x), attributes.get("fingerprint"))


def create_prediction(
    file: h5py.File,
    channels: Sequence[Channel],
    shape: tuple[int, int, int],
    voxel_size_nm: tuple[float, float, float],
    dtype: str = "float32",
) -> h5py.Dataset:
    """An empty dataset (C, *shape) in an open HDF5 file, described so that it can be read alone.

    Attributes: `channels` (JSON: name, activation, offset, scale of each), `channel_names`,
    `offsets` (zeros where a channel is no affinity) and `voxel_size_nm`.
    """
    chunks = (1, *(min(size, limit) for size, limit in zip(shape, (16, 128, 128), strict=True)))
    dataset = file.create_dataset(DATASET, (len(channels), *shape), dtype, chunks=chunks)
    described: list[dict[str, Any]] = [
        {
            "name": channel.name,
            "activation": channel.activation,
            "offset": channel.offset,
            "scale": channel.scale,
        }
        for channel in channels
    ]
    dataset.attrs["channels"] = json.dumps(described)
    dataset.attrs["channel_names"] = [channel.name for channel in channels]
    dataset.attrs["offsets"] = [channel.offset or (0, 0, 0) for channel in channels]
    dataset.attrs["voxel_size_nm"] = voxel_size_nm
    return dataset
