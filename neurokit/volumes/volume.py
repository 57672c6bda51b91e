"""Volume: an image, perhaps with labels or skeletons, and how large a voxel is."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from attrs import define, field
from attrs.converters import optional
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.volumes.axes import in_words, place_of, three_axes
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
        image: grey values ZYX, of any integer or floating type. Axes of length 1 beyond these
            three are dropped, of labels, too.
        labels: object ids ZYX, integers; 0 is background, -1 is to be ignored. None if unknown.
        voxel_size_nm: edge lengths of a voxel in nanometres (z, y, x).
        source: identifies the content, for the reuse of results: files with sizes and dates, or
            a generator with its parameters. Derived from the content where it is not given.
        skeletons: of its neurons, to score against. None if unknown.

    Raises:
        NeurokitError: image and labels do not fit each other, or are no image and labels.
    """

    name: str
    image: ArrayLike = field(converter=three_axes)
    voxel_size_nm: tuple[float, float, float]
    labels: ArrayLike | None = field(default=None, converter=optional(three_axes))
    source: str = field(default="")
    skeletons: Skeletons | None = None

    def __attrs_post_init__(self) -> None:
        shape = self.image.shape
        if len(shape) != 3:
            remedy = ": save one channel of it" if len(shape) > 3 else ""
            raise NeurokitError(
                f"{self._of('image')} has shape {in_words(shape)}; "
                f"it must have the three axes z, y, x{remedy}"
            )
        if 0 in shape:
            raise NeurokitError(f"{self._of('image')} is empty: {in_words(shape)}")
        if self.image.dtype.kind not in "uif":
            raise NeurokitError(
                f"{self._of('image')} has type {self.image.dtype}; "
                f"it must be of integers or floating numbers"
            )
        if self.labels is None:
            return
        if self.labels.dtype.kind not in "ui":
            raise NeurokitError(
                f"{self._of('labels')} have type {self.labels.dtype}; they must be "
                f"integers, one id an object: convert them, rounding nothing"
            )
        if tuple(self.labels.shape) != tuple(shape):
            raise NeurokitError(self._difference())

    def _of(self, what: Literal["image", "labels"]) -> str:
        """One of the arrays as messages call it: with its file, where it lies in one."""
        place = place_of(getattr(self, what))
        return f"the {what} of '{self.name}'" + (f" ({place})" if place else "")

    def _difference(self) -> str:
        """What to say of an image and labels of different shapes."""
        assert self.labels is not None
        sides = []
        for array in (self.image, self.labels):
            place = place_of(array)
            sides.append(f"{place} is {in_words(array.shape)}" if place else in_words(array.shape))
        image, labels = tuple(self.image.shape), tuple(self.labels.shape)
        if labels == image[::-1]:
            remedy = (
                "the axes of one are reversed: save it again in the order z, y, x, "
                "with array.transpose(2, 1, 0)"
            )
        elif sorted(labels) == sorted(image):
            remedy = "the axes of one are in another order: save it again as z, y, x"
        else:
            remedy = "name the labels of this very image"
        return (
            f"image and labels of '{self.name}' differ in shape: {' and '.join(sides)} (z, y, x); "
            f"{remedy}"
        )

    @property
    def title(self) -> str:
        """The name, and the file of the image where it lies in one: how messages call it."""
        place = place_of(self.image)
        return f"'{self.name}'" + (f" ({place})" if place else "")

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
            if not np.isfinite([lows[-1], highs[-1]]).all():
                y, x = np.argwhere(~np.isfinite(section))[0]
                raise NeurokitError(
                    f"{self._of('image')} holds NaN or infinite values, the first at "
                    f"({z}, {y}, {x}): replace them, perhaps by 0, and save it again"
                )
        low, high = min(lows), max(highs)
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
