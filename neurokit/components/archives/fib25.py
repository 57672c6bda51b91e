"""FIB-25: isotropic tissue of the fly's medulla, labelled densely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import Archive, NeurokitError, RemoteFile, param, track, writing_h5

_VOXEL_SIZE_NM = (10.0, 10.0, 10.0)
_CHECKSUMS = {
    "grayscale_maps.h5": "ea031c98ee2de778a9a3a1e6d410df5de73e4ac28022df8e7255d84e3394cafa",
    "groundtruth.h5": "fd508e7aee1fe51ac9ae0460db4a841d275236f013c1f2552314b4f21b1010ea",
}


@frozen(kw_only=True)
class Fib25(Archive):
    """FIB-25: fly medulla, 10 nm isotropic, a cube of 250 x 250 x 250 voxels with dense labels.

    The sample `training_sample2` of FlyEM's examples for NeuroProof, as HDF5 files from the bucket
    of Google's flood-filling networks. Sections are split into `train.h5` and `validation.h5`, each
    with the datasets `raw` and `labels`. Labels are numbered anew from 1, after the supervoxels of
    the original are mapped to the bodies that they belong to.
    """

    licence: ClassVar[str] = "BSD 3-Clause, copyright 2013 HHMI (neuroproof_examples, LICENSE.txt)"
    citation: ClassVar[str] = (
        "Takemura et al. 2015, Synaptic circuits and their variations within different columns in "
        "the visual system of Drosophila, PNAS 112, doi 10.1073/pnas.1509820112"
    )
    page: ClassVar[str] = "https://github.com/janelia-flyem/neuroproof_examples"
    folder: ClassVar[str] = "datasets/FIB-25"
    size: ClassVar[str] = "at most 150 MB"
    contents: ClassVar[tuple[str, ...]] = ("train.h5", "validation.h5")
    unpacked_bytes: ClassVar[int] = 30_000_000
    commands: ClassVar[Mapping[str, str]] = {
        "train on one block, and segment and score the other": (
            "neurokit run neurokit:fib25_aff12.toml"
        ),
    }

    train_sections: tuple[int, int] = param(
        (0, 150), help="the first section of train.h5, and the one after its last", low=0, high=250
    )
    validation_sections: tuple[int, int] = param(
        (150, 180),
        help="the same of validation.h5; neurokit's own scores are of these",
        low=0,
        high=250,
    )
    bucket: str = param(
        "https://storage.googleapis.com/ffn-flyem-fib25",
        help="where it is downloaded from; a copy elsewhere does, as the checksums are known",
    )

    def __attrs_post_init__(self) -> None:
        for name in ("train_sections", "validation_sections"):
            start, stop = getattr(self, name)
            if start >= stop:
                raise NeurokitError(f"{name} [{start}, {stop}] are none")

    def files(self) -> tuple[RemoteFile, ...]:
        """Grey values and labels."""
        return tuple(
            RemoteFile(
                url=f"{self.bucket}/training_sample2/{name}",
                path=name,
                checksum=f"sha256:{checksum}",
            )
            for name, checksum in _CHECKSUMS.items()
        )

    def unpack(self, downloaded: Sequence[Path], folder: Path) -> None:
        """Write the chosen sections with their labels."""
        raw_ZYX = _read(downloaded[0], "raw")
        labels_ZYX = _bodies(downloaded[1])
        if raw_ZYX.shape != labels_ZYX.shape:
            raise NeurokitError(
                f"the grey values of FIB-25 have shape {raw_ZYX.shape}, and its labels "
                f"{labels_ZYX.shape}; they must be the same"
            )
        parts = {"train.h5": self.train_sections, "validation.h5": self.validation_sections}
        for name, (start, stop) in track(parts.items(), "blocks", len(parts)):
            if stop > len(raw_ZYX):
                raise NeurokitError(
                    f"sections {start} to {stop} are asked for, and FIB-25 has {len(raw_ZYX)}"
                )
            with writing_h5(folder / name) as file:
                _add(file, "raw", raw_ZYX[start:stop])
                _add(file, "labels", labels_ZYX[start:stop])


def _add(file: h5py.File, name: str, array_ZYX: NDArray[Any]) -> None:
    stored = file.create_dataset(
        name, data=array_ZYX, compression="gzip", compression_opts=1, shuffle=True
    )
    stored.attrs["resolution_nm"] = _VOXEL_SIZE_NM


def _bodies(path: Path) -> NDArray[np.integer]:
    """Labels ZYX: supervoxels mapped to bodies, which are numbered from 1; 0 stays background."""
    supervoxels_ZYX = _read(path, "stack")
    ids, places = np.unique(supervoxels_ZYX, return_inverse=True)
    body_of = dict(_mapping(path).tolist())
    bodies = np.array([body_of.get(id_, id_) for id_ in ids.tolist()], np.uint64)
    bodies[ids == 0] = 0
    known, numbers = np.unique(np.append(np.uint64(0), bodies), return_inverse=True)
    dtype = np.uint16 if len(known) <= np.iinfo(np.uint16).max else np.uint32
    # The first number is that of the 0 put before them, so that 0 stays 0 where there is none.
    return np.asarray(numbers[1:].astype(dtype)[places].reshape(supervoxels_ZYX.shape))


def _mapping(path: Path) -> NDArray[Any]:
    """Pairs of supervoxel and body; none where the file has none."""
    with h5py.File(path) as file:
        if "transforms" not in file:
            return np.empty((0, 2), np.uint64)
        pairs: NDArray[Any] = np.asarray(file["transforms"])
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise NeurokitError(f"transforms of {path} has shape {pairs.shape}; it must be pairs")
    return pairs


def _read(path: Path, name: str) -> NDArray[Any]:
    try:
        with h5py.File(path) as file:
            array: NDArray[Any] = np.asarray(file[name])
    except (OSError, KeyError) as error:
        raise NeurokitError(f"{path} is damaged, or holds no dataset '{name}'") from error
    if array.ndim != 3:
        raise NeurokitError(f"{name} of {path} has shape {array.shape}; it must have 3 axes")
    return array
