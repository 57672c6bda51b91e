"""What a dataset must hold to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from neurokit.kinds import Dataset
from neurokit.testing.findings import Stages, doing
from neurokit.testing.surroundings import Surroundings
from neurokit.volumes import ArrayLike, Volume


def _opened(dataset: Dataset, _: Surroundings) -> Iterator[str]:
    volumes = _volumes(dataset)
    if not isinstance(volumes, list) or not all(isinstance(each, Volume) for each in volumes):
        yield f"volumes must give a list of neurokit.Volume, not {volumes!r}"
        return
    if not volumes:
        yield "volumes gives none"
    names = [volume.name for volume in volumes]
    if len(set(names)) < len(names):
        yield f"two volumes share a name: {', '.join(names)}"
    for name in names:
        if not name or name.startswith(".") or "/" in name or not name.isprintable():
            yield f"the volume's name {name!r} does not do as the name of a file"
    for volume in volumes:
        if not (len(volume.voxel_size_nm) == 3 and min(volume.voxel_size_nm) > 0):
            yield f"the voxel_size_nm of '{volume.name}' is {volume.voxel_size_nm}"


def _read(dataset: Dataset, _: Surroundings) -> Iterator[str]:
    for volume in _volumes(dataset):
        with doing(f"reading the grey values of '{volume.name}'"):
            volume.intensity_range  # noqa: B018 - it is read for what it raises
        yield from _indexed(f"the image of '{volume.name}'", volume.image)
        if volume.labels is not None:
            yield from _indexed(f"the labels of '{volume.name}'", volume.labels)
        with doing(f"the fingerprint of '{volume.name}'"):
            volume.fingerprint  # noqa: B018 - it is read for what it raises


def _indexed(what: str, array: ArrayLike) -> Iterator[str]:
    """Whether parts of an array are those of the whole, as what reads patches needs."""
    with doing(f"reading {what}"):
        whole = np.array(array[...])
    if whole.dtype != array.dtype or whole.shape != tuple(array.shape):
        yield (
            f"{what} says it is {array.dtype} of {tuple(array.shape)}, and is {whole.dtype} of "
            f"{whole.shape}"
        )
        return
    z, y, x = (size // 2 for size in whole.shape)
    parts: dict[str, Any] = {
        "[0]": 0,
        f"[{z}]": z,
        f"[{z}:{z + 2}, {y}:{y + 3}, 0:{x + 1}]": np.s_[z : z + 2, y : y + 3, 0 : x + 1],
    }
    for words, index in parts.items():
        with doing(f"reading {words} of {what}"):
            part = np.asarray(array[index])
        if not np.array_equal(part, whole[index], equal_nan=True):
            yield f"{words} of {what} is not that part of the whole"


def _repeatable(dataset: Dataset, _: Surroundings) -> Iterator[str]:
    first, again = _volumes(dataset), _volumes(dataset)
    if [each.name for each in first] != [each.name for each in again]:
        yield "volumes gives other volumes, or another order, the second time"
        return
    for volume, other in zip(first, again, strict=True):
        if not np.array_equal(volume.image[...], other.image[...], equal_nan=True):
            yield f"the image of '{volume.name}' is another the second time"
        elif volume.fingerprint != other.fingerprint:
            yield f"the fingerprint of '{volume.name}' is another the second time"


STAGES: Stages = ((_opened,), (_read, _repeatable))


def _volumes(dataset: Dataset) -> list[Volume]:
    with doing("volumes"):
        return dataset.volumes()
