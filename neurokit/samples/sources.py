"""Where patches come from: volumes held on the training device, and volumes read from files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from neurokit.samples.ids import slabs, small_ids, small_volume
from neurokit.samples.known import Known, known_of
from neurokit.samples.objects import has_object, no_object
from neurokit.samples.places import Size, window
from neurokit.volumes import ArrayLike, Volume

# Grey values of other types are held and sent as float32.
_KEPT = tuple(map(np.dtype, (np.uint8, np.int8, np.uint16, np.int16, np.float16, np.float32)))


@frozen
class Patch:
    """A part of a volume.

    Attributes:
        image_ZYX: grey values as they are stored.
        labels_ZYX: int16 or int32.
    """

    image_ZYX: torch.Tensor
    labels_ZYX: torch.Tensor


@frozen(kw_only=True)
class Source(ABC):
    """A labelled volume that patches are cut from.

    Attributes:
        name, shape: of the volume.
        low, scale: grey value g becomes (g - low) / scale.
        known: where its labels are known; None where they are everywhere.
    """

    name: str
    shape: Size
    low: float
    scale: float
    known: Known | None

    @abstractmethod
    def patch(self, corner: Size, size: Size) -> Patch:
        """The patch of `size` at `corner`, counted from the first voxel of the mirrored volume."""


@frozen(kw_only=True)
class Held(Source):
    """A volume on the training device: the image as it is stored, and labels as small integers."""

    image: torch.Tensor
    labels: torch.Tensor

    def patch(self, corner: Size, size: Size) -> Patch:
        """The patch, on the device; a view of the volume where nothing is mirrored."""
        cut = window(corner, size, self.shape)
        image, labels = self.image[cut.box], self.labels[cut.box]
        for axis, order in enumerate(cut.order):
            if order is not None:
                image = _selected(image, axis, order)
                labels = _selected(labels, axis, order)
        return Patch(image, labels)


@frozen(kw_only=True)
class Streamed(Source):
    """A volume in a file, of which each patch is read when it is asked for; in any thread.

    Patches are in memory, where a GPU can fetch them without the CPU waiting. HDF5 lets one thread
    read at a time, and unpacks gzip on it: chunks that are not compressed are read far faster.
    """

    image: ArrayLike
    labels: ArrayLike
    device: torch.device

    def patch(self, corner: Size, size: Size) -> Patch:
        """The patch, read now.

        Raises:
            NeurokitError: this part of a file is damaged, or the file is gone.
        """
        cut = window(corner, size, self.shape)
        image = np.asarray(self.image[cut.box], _kept_type(self.image))
        labels = small_ids(np.asarray(self.labels[cut.box]))
        # In NumPy, as torch would start a team of threads in each reading thread.
        for axis, order in enumerate(cut.order):
            if order is not None:
                image, labels = image.take(order, axis), labels.take(order, axis)
        return Patch(_fetchable(image, self.device), _fetchable(labels, self.device))


def sources_of(
    volumes: Sequence[Volume], patch_size: Size, device: torch.device, memory: float
) -> list[Source]:
    """Each volume held on the device while all that are fit into `memory` bytes, else streamed.

    Raises:
        NeurokitError: labels hold no object, or part of a file is damaged.
    """
    sources: list[Source] = []
    for volume in volumes:
        taken = _bytes_to_hold(volume, device)
        if taken <= memory:
            memory -= taken
            sources.append(hold(volume, patch_size, device))
        else:
            sources.append(stream(volume, patch_size, device))
    return sources


def hold(volume: Volume, patch_size: Size, device: torch.device) -> Held:
    """The volume on the device; without a copy where it lies in its memory as it is needed.

    Raises:
        NeurokitError: the labels hold no object, or part of a file is damaged.
    """
    assert volume.labels is not None
    labels = small_volume(volume.labels)
    if labels.max() <= 0:
        raise no_object(volume, "training")
    return Held(
        name=volume.name,
        shape=volume.shape,
        **_scaling(volume),
        known=known_of(labels, patch_size),
        image=_held_image(volume.image, device),
        labels=torch.from_numpy(_owned(labels)).to(device),
    )


def stream(volume: Volume, patch_size: Size, device: torch.device) -> Streamed:
    """The volume where it is.

    Labels whose type has numbers below 0 are read once, to know where they are known; others up to
    the first object. An image of another type than uint8 is read once for its extremes.

    Raises:
        NeurokitError: the labels hold no object, or part of a file is damaged.
    """
    labels = volume.labels
    assert labels is not None
    if not has_object(labels):
        raise no_object(volume, "training")
    return Streamed(
        name=volume.name,
        shape=volume.shape,
        **_scaling(volume),
        known=known_of(labels, patch_size),
        image=volume.image,
        labels=labels,
        device=device,
    )


def _scaling(volume: Volume) -> dict[str, float]:
    low, high = volume.intensity_range
    return {"low": low, "scale": high - low if high > low else 1.0}


def _held_image(image: ArrayLike, device: torch.device) -> torch.Tensor:
    kept = _kept_type(image)
    if isinstance(image, np.ndarray) and image.dtype == kept:
        return torch.from_numpy(_owned(image)).to(device)
    held = torch.empty(image.shape, dtype=torch.from_numpy(np.empty(0, kept)).dtype, device=device)
    for slab in slabs(image):
        held[slab] = torch.from_numpy(_owned(np.asarray(image[slab], kept))).to(device)
    return held


def _bytes_to_hold(volume: Volume, device: torch.device) -> int:
    """At most so many bytes does `hold` take on the device."""
    image, labels = volume.image, volume.labels
    assert labels is not None
    fits_16_bits = np.can_cast(labels.dtype, np.int16)
    of_image = 0 if _lies_ready(image, device, _KEPT) else _kept_type(image).itemsize
    ready = (np.dtype(np.int16), np.dtype(np.int32))
    of_labels = 0 if _lies_ready(labels, device, ready) else 2 if fits_16_bits else 4
    return prod(volume.shape) * (of_image + of_labels)


def _lies_ready(array: ArrayLike, device: torch.device, types: tuple[np.dtype[Any], ...]) -> bool:
    """Whether a tensor on the device can share the memory of the array."""
    return (
        device.type == "cpu"
        and isinstance(array, np.ndarray)
        and array.dtype in types
        and array.flags.c_contiguous
        and array.flags.writeable
    )


def _owned(array: NDArray[Any]) -> NDArray[Any]:
    """The array as tensors need it: in one piece, and writable, though nobody writes to it."""
    return np.require(array, requirements=["C", "W"])


def _fetchable(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """A tensor in memory that the device fetches by itself."""
    tensor = torch.from_numpy(_owned(array))
    if device.type != "cuda":
        return tensor
    with torch.cuda.device(device):  # reading threads start out on the first GPU
        return tensor.pin_memory()


def _selected(volume: torch.Tensor, axis: int, order: NDArray[np.intp]) -> torch.Tensor:
    """The entries of one axis, in a new order."""
    voxels = _fetchable(order, volume.device).to(volume.device, non_blocking=True)
    if volume.dtype == torch.uint16:  # which not every torch can select from
        return volume.view(torch.int16).index_select(axis, voxels).view(torch.uint16)
    return volume.index_select(axis, voxels)


def _kept_type(image: ArrayLike) -> np.dtype[Any]:
    """The type in which the grey values of an image are held and sent."""
    native = image.dtype.newbyteorder("=")
    return native if native in _KEPT else np.dtype(np.float32)
