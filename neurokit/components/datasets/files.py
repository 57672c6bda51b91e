"""Files: a volume of the user's own."""

from __future__ import annotations

from glob import glob
from pathlib import Path

import numpy as np
from attrs import frozen

from neurokit import (
    ArrayLike,
    Dataset,
    NeurokitError,
    Volume,
    open_array,
    param,
    read_skeletons,
    sections_of,
)

_NAMES_OF_ANYTHING = {"img", "image", "images", "raw", "em", "main", "data", "volume"}
_NAMES_OF_FOLDERS = _NAMES_OF_ANYTHING | {"sections", "slices", "tif", "tiff", "png"}


@frozen(kw_only=True)
class Files(Dataset):
    """An image and its labels from tif, png, HDF5 or zarr files."""

    image: str = param(
        help="the image: file.tif, file.h5::dataset or folder.zarr::path; sections/*.tif is a file "
        "for each section"
    )
    labels: str | None = param(
        None, help='labels of the image\'s shape; "" unsets what is inherited'
    )
    voxel_size_nm: tuple[float, float, float] = param(
        help="edge lengths of a voxel in nanometres (z, y, x)", above=0
    )
    skeletons: str | None = param(
        None,
        help="skeletons to score against, as `neurokit.write_skeletons` writes them (.npz)",
    )
    sections: tuple[int, int] | None = param(
        None, help="first section used and the one after the last; all where it is left out", low=0
    )
    hint: str = param(
        "",
        help="lines shown where a file is missing: where to get it; not inherited with other files",
    )

    def __attrs_post_init__(self) -> None:
        if self.sections is not None and self.sections[0] >= self.sections[1]:
            start, stop = self.sections
            raise NeurokitError(
                f"sections [{start}, {stop}) are none: the first must come before the end"
            )

    def volumes(self) -> list[Volume]:
        """The one volume, named after the image's file, or its folder if that says more.

        Results are stored under the name, so it stays the same wherever neurokit is started.
        """
        name, image, source = self._opened("image", self.image)
        labels = None
        if self.labels:
            _, labels, source_of_labels = self._opened("labels", self.labels)
            source += f" {source_of_labels}"
        skeletons = None
        if self.skeletons:
            if self.sections is not None:
                raise NeurokitError(
                    "skeletons are of the whole volume, and sections chooses some; give one of them"
                )
            skeletons = read_skeletons(Path(self.skeletons))
        volume = Volume(name, image, self.voxel_size_nm, labels, source, skeletons)
        if volume.labels is not None and _look_swapped(volume.image, volume.labels):
            raise NeurokitError(
                f"the image {self.image} looks like labels, and the labels {self.labels} like an "
                f"image; swap the two"
            )
        return [volume]

    def _opened(self, what: str, spec: str) -> tuple[str, ArrayLike, str]:
        """A name for a file, its chosen sections, and what identifies their content."""
        try:
            stored = open_array(spec)
            name = _name(stored.path)
            if self.sections is None:
                return name, stored, stored.source
            chosen = sections_of(stored, *self.sections)
            return name, chosen, f"{stored.source} {self.sections}"
        except NeurokitError as error:
            place = spec.partition("::")[0]
            missing = not (Path(place).exists() or glob(place))  # noqa: PTH207  # absolute, too
            hint = f"\n{self.hint.strip()}" if self.hint and missing else ""
            raise NeurokitError(f"{what} {error}{hint}") from error


def _name(path: Path) -> str:
    """After a file, or the folder of sections; where its name says nothing, what that lies in."""
    of_sections = path.is_dir() and path.suffix.lower() != ".zarr"
    name = path.name if of_sections else path.stem
    says_nothing = _NAMES_OF_FOLDERS if of_sections else _NAMES_OF_ANYTHING
    return path.parent.name or name if name.lower() in says_nothing else name


def _look_swapped(image: ArrayLike, labels: ArrayLike) -> bool:
    """Whether, in the middle, the image is of even patches and the labels change all the time."""
    z, y, x = image.shape
    middle = (
        slice(z // 2, z // 2 + 1),  # one section, as some files unpack each of them whole
        slice(max(0, y // 2 - 128), y // 2 + 128),
        slice(max(0, x // 2 - 128), x // 2 + 128),
    )
    image_ZYX, labels_ZYX = np.asarray(image[middle]), np.asarray(labels[middle])
    if x < 2 or (image_ZYX == image_ZYX[0, 0, 0]).all():
        return False
    of_image, of_labels = (
        float((part[..., 1:] == part[..., :-1]).mean()) for part in (image_ZYX, labels_ZYX)
    )
    return of_image > 0.7 and of_labels < 0.4
