"""SNEMI3D: the challenge that neuron segmentations of serial sections are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from attrs import frozen

from neurokit import Archive, RemoteFile, param

_RECIPE = "neurokit run neurokit:snemi_aff12.toml"
_UNSCORED = (
    '{use="files",image="datasets/SNEMI/test-input.tif",voxel_size_nm=[30,6,6]}'  # without labels
)


@frozen(kw_only=True)
class Snemi3d(Archive):
    """SNEMI3D: mouse cortex, serial sections of 30 x 6 x 6 nm, 100 labelled and 100 to segment.

    `train-input.tif`, `train-labels.tif` and `test-input.tif`, of 100 x 1024 x 1024 voxels each,
    from the archive `snemi.zip` of the challenge's authors.
    """

    licence: ClassVar[str] = "CC BY 4.0"
    citation: ClassVar[str] = (
        "Kasthuri et al. 2015, Saturated reconstruction of a volume of neocortex, Cell 162, doi "
        "10.1016/j.cell.2015.06.054; the data: doi 10.5281/zenodo.7142003"
    )
    page: ClassVar[str] = "https://zenodo.org/records/7142003"
    folder: ClassVar[str] = "datasets/SNEMI"
    size: ClassVar[str] = "195 MB"
    contents: ClassVar[tuple[str, ...]] = (
        "train-input.tif",
        "train-labels.tif",
        "test-input.tif",
    )
    unpacked_bytes: ClassVar[int] = 6 * 100 * 1024 * 1024
    lacks: ClassVar[str] = (
        "The labels of the test volume are not public: a run gets no score on it. What can be had "
        "is a score on sections of the training volume that were not trained on."
    )
    commands: ClassVar[Mapping[str, str]] = {
        "train on all sections, and segment the test volume, unscored": (
            f"{_RECIPE} 'data.test={_UNSCORED}'"
        ),
        "train on 80 sections, and segment and score the other 20": (
            f"{_RECIPE} 'data.train.sections=[0,80]' 'data.test.sections=[80,100]' "
            "data.test.image=datasets/SNEMI/train-input.tif "
            "data.test.labels=datasets/SNEMI/train-labels.tif"
        ),
    }

    url: str = param(
        "https://zenodo.org/records/7142003/files/snemi.zip?download=1",
        help="where it is downloaded from; a copy elsewhere does, as its checksum is known",
    )

    def files(self) -> tuple[RemoteFile, ...]:
        """The one zip archive."""
        checksum = "md5:3d25a7025f66698f33c7850ace885939"
        return (RemoteFile(url=self.url, path="snemi.zip", checksum=checksum),)
