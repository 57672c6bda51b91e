"""Volume: an image, perhaps with labels or skeletons, and how large a voxel is."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.volumes.skeletons import Skeletons


class ArrayLike(Protocol):
    """What neurokit reads volumes from: a NumPy array, or one that still lies in a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __getitem__(self, index: Any, /) -> Any: ...


@define(frozen=True, slots=False)
class Volume:
    """One volume of tissue; axes z, y, x.

    Attributes:
        name: unique within its dataset; names the files made from it.
        image: grey values ZYX, of any integer or floating type.
        labels: object ids ZYX, integers; 0 is background, -1 is to be ignored. None if unknown.
        voxel_size_nm: edge lengths of a voxel in nanometres (z, y, x).
        source: identifies the content, for the reuse of results: files with sizes and dates, or
            a generator with its parameters. Derived from the content where it is not given.
        skeletons: of its neurons, to score against. None if unknown.

    Raises:
        NeurokitError: image and labels do not fit each other, or are no image and labels.
    """

    name: str
    image: ArrayLike
    voxel_size_nm: tuple[float, float, float]
    labels: ArrayLike | None = None
    source: str = field(default="")
    skeletons: Skeletons | None = None

    def __attrs_post_init__(self) -> None:
        if len(self.image.shape) != 3:
            raise NeurokitError(
                f"the image of '{self.name}' has shape {_shape(self.image)}; "
                f"it must have the three axes z, y, x"
            )
        if 0 in self.image.shape:
            raise NeurokitError(f"the image of '{self.name}' is empty: {_shape(self.image)}")
        if self.image.dtype.kind not in "uif":
            raise NeurokitError(
                f"the image of '{self.name}' has type {self.image.dtype}; "
                f"it must be of integers or floating numbers"
            )
        if self.labels is None:
            return
        if self.labels.dtype.kind not in "ui":
            raise NeurokitError(
                f"the labels of '{self.name}' have type {self.labels.dtype}; they must be "
                f"integers, one id an object: convert them, rounding nothing"
            )
        if tuple(self.labels.shape) != tuple(self.image.shape):
            raise NeurokitError(
                f"image and labels of '{self.name}' differ in shape: "
                f"{_shape(self.image)} and {_shape(self.labels)} (z, y, x)"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along z, y and x."""
        z, y, x = self.image.shape
        return z, y, x

    @cached_property
    def intensity_range(self) -> tuple[float, float]:
        """The grey values that become 0 and 1: the type's own for uint8, else the extremes.

        Raises:
            NeurokitError: the image holds NaN or infinite values.
        """
        if self.image.dtype == np.uint8:
            return 0.0, 255.0
        lows, highs = [], []
        for z in range(self.shape[0]):
            section = self.image[z]
            lows.append(float(np.min(section)))
            highs.append(float(np.max(section)))
        low, high = float(np.min(lows)), float(np.max(highs))  # np, so that NaN is kept
        if not np.isfinite([low, high]).all():
            raise NeurokitError(f"the image of '{self.name}' holds NaN or infinite values")
        return low, high

    def scaled(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Grey values of this volume as float32, `intensity_range` mapped to 0 and 1."""
        low, high = self.intensity_range
        scale = np.float32(high - low) if high > low else np.float32(1)
        return (image.astype(np.float32) - np.float32(low)) / scale

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change when the volume does."""
        digest = hashlib.sha256()
        for part in (self.name, self.voxel_size_nm, self.shape, self.source):
            digest.update(repr(part).encode())
        if not self.source:
            for array in (self.image, self.labels):
                if array is not None:
                    digest.update(str(array.dtype).encode())
                    digest.update(np.ascontiguousarray(array[...]).data)
        if self.skeletons is not None:
            digest.update(self.skeletons.fingerprint.encode())
        return digest.hexdigest()[:16]


def _shape(array: ArrayLike) -> str:
    return " x ".join(map(str, array.shape)) or "no axes"
