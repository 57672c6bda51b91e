"""Files: a volume of the user's own."""

from __future__ import annotations

from pathlib import Path

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


@frozen(kw_only=True)
class Files(Dataset):
    """An image and its labels from tif, HDF5 or zarr files."""

    image: str = param(help="the image: file.tif, file.h5::dataset or folder.zarr::path")
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
    hint: str = param("", help="lines shown where a file is missing: where to get it")

    def __attrs_post_init__(self) -> None:
        if self.sections is not None and self.sections[0] >= self.sections[1]:
            start, stop = self.sections
            raise NeurokitError(
                f"sections [{start}, {stop}) are none: the first must come before the end"
            )

    def volumes(self) -> list[Volume]:
        """The one volume, named after the image's file, or its folder if that says more."""
        image, source = self._opened("image", self.image)
        labels = None
        if self.labels:
            labels, source_of_labels = self._opened("labels", self.labels)
            source += f" {source_of_labels}"
        skeletons = None
        if self.skeletons:
            if self.sections is not None:
                raise NeurokitError(
                    "skeletons are of the whole volume, and sections chooses some; give one of them"
                )
            skeletons = read_skeletons(Path(self.skeletons))
        return [Volume(_name(self.image), image, self.voxel_size_nm, labels, source, skeletons)]

    def _opened(self, what: str, spec: str) -> tuple[ArrayLike, str]:
        """The chosen sections of a file, and what identifies their content."""
        try:
            stored = open_array(spec)
            if self.sections is None:
                return stored, stored.source
            return sections_of(stored, *self.sections), f"{stored.source} {self.sections}"
        except NeurokitError as error:
            missing = not Path(spec.partition("::")[0]).exists()
            hint = f"\n{self.hint.strip()}" if self.hint and missing else ""
            raise NeurokitError(f"{what} {error}{hint}") from error


def _name(spec: str) -> str:
    path = Path(spec.partition("::")[0]).absolute()
    says_nothing = path.stem.lower() in _NAMES_OF_ANYTHING
    return path.parent.name or path.stem if says_nothing else path.stem
