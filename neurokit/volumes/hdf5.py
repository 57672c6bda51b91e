"""HDF5 files: datasets, opened for each read so that no handle crosses into another process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
                place=f"{path}::{name}",
                shape=tuple(found.shape or ()),
                dtype=found.dtype.newbyteorder("="),
                source=source_of(path, name),
                dataset=name,
            )
    except (OSError, RuntimeError, KeyError) as error:
        state = "truncated" if "truncated" in str(error) else "damaged"
        raise NeurokitError(f"{path} is {state}: {first_line(error)}; copy it again") from error


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        # Locking fails on many network file systems, and readers need no lock.
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        if "already open for write" in str(error):
            raise _being_written(path) from error
        if "locking flag" not in str(error):
            raise
        # This process has the file open already, and HDF5 wants it opened alike.
        file = h5py.File(path, "r")
    with file:
        if file.mode != "r":
            raise _being_written(path)
        yield file


def _being_written(path: Path) -> NeurokitError:
    return NeurokitError(
        f"{path} is open elsewhere for writing; close it, or, if what wrote it was killed, run "
        f"h5clear -s {path}"
    )


def _datasets(group: h5py.Group) -> list[str]:
    names: list[str] = []

    def note(name: str, entry: object) -> None:
        if isinstance(entry, h5py.Dataset):
            names.append(name)

    group.visititems(note)
    return names
