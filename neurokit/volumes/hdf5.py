"""HDF5 files: datasets, opened for each read so that no handle crosses into another process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError, first_line
from neurokit.volumes.choices import no_array, only_array
from neurokit.volumes.indexing import Place
from neurokit.volumes.stored import StoredArray, source_of


@frozen(kw_only=True)
class Hdf5Array(StoredArray):
    """A dataset of an HDF5 file.

    Attributes:
        dataset: its name.
    """

    dataset: str

    def _read(self, index: tuple[Place, ...]) -> NDArray[Any]:
        try:
            with _opened(self.path) as file:
                return np.asarray(file[self.dataset][index], self.dtype)
        except (OSError, RuntimeError, KeyError) as error:
            raise self._damaged(error) from error

    def attributes(self) -> dict[str, Any]:
        try:
            with _opened(self.path) as file:
                return dict(file[self.dataset].attrs)
        except (OSError, RuntimeError, KeyError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> NeurokitError:
        return NeurokitError(
            f"{self.path}::{self.dataset} cannot be read: {first_line(error)}; "
            f"copy or write the file again"
        )


def open_hdf5(path: Path, inside: str) -> Hdf5Array:
    """The dataset `inside`, or the only one where none is named.

    Raises:
        NeurokitError: the file is not HDF5 or is damaged, or there is no such dataset.
    """
    if not h5py.is_hdf5(path):
        raise NeurokitError(f"{path} is not an HDF5 file, or its start is damaged")
    try:
        with _opened(path) as file:
            name = inside.strip("/") or only_array(path, _datasets(file))
            found = file.get(name)
            if not isinstance(found, h5py.Dataset):
                raise no_array(path, name, _datasets(file))
            return Hdf5Array(
                path=path.absolute(),
                shape=tuple(found.shape or ()),
                dtype=found.dtype.newbyteorder("="),
                source=source_of(path, name),
                dataset=name,
            )
    except (OSError, RuntimeError, KeyError) as error:
        state = "truncated" if "truncated" in str(error) else "damaged"
        raise NeurokitError(f"{path} is {state}: {first_line(error)}; copy it again") from error


def _opened(path: Path) -> h5py.File:
    # Locking fails on many network file systems, and readers need no lock.
    return h5py.File(path, "r", locking=False)


def _datasets(group: h5py.Group) -> list[str]:
    names: list[str] = []

    def note(name: str, entry: object) -> None:
        if isinstance(entry, h5py.Dataset):
            names.append(name)

    group.visititems(note)
    return names
