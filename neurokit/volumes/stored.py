"""Arrays that stay in their files until they are read, and how they are opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.volumes.indexing import Index, Place, full_index


@frozen(kw_only=True)
class StoredArray(ABC):
    """An array in a file. It holds no open file, so it may be pickled and shared by processes.

    Attributes:
        path: the file, or the folder of a zarr.
        shape: voxels along each axis.
        dtype: of what reading gives, in the byte order of the machine.
        source: identifies the content: the place, and size and date of what lies there.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    source: str

    def __getitem__(self, index: Index) -> NDArray[Any]:
        """The part of the array that numbers, slices and `...` choose, read into memory.

        Raises:
            NeurokitError: this part of the file is damaged, or the file is gone.
            IndexError: the index is outside of the array, or is neither number, slice nor `...`.
        """
        return self._read(full_index(index, self.shape))

    @abstractmethod
    def _read(self, index: tuple[Place, ...]) -> NDArray[Any]:
        """The part that an index with one place for each axis chooses."""

    def attributes(self) -> dict[str, Any]:
        """What the file says of the array, by name; nothing where its format has no such place."""
        return {}


def open_array(spec: str) -> StoredArray:
    """The array in a file; it is checked now and read when it is indexed.

    Args:
        spec: `sections.tif` (many pages are axes z, y, x; one page is one section),
            `file.h5::dataset`, or `folder.zarr::path/inside`. A file that holds a single array
            needs no `::`. Chunks that a zarr does not hold read as its fill value: zarr leaves
            out chunks of nothing else, so a lost chunk cannot be told from an empty one.

    Raises:
        NeurokitError: the file is missing, truncated, not of its type, or of an unknown one, or
            there is no such array in it.
    """
    from neurokit.volumes import hdf5, tif, zarr

    place, _, inside = spec.partition("::")
    path = Path(place)
    openers = {
        ".tif": tif.open_tif,
        ".tiff": tif.open_tif,
        ".h5": hdf5.open_hdf5,
        ".hdf5": hdf5.open_hdf5,
        ".hdf": hdf5.open_hdf5,
        ".zarr": zarr.open_zarr,
    }
    if path.suffix.lower() not in openers:
        raise NeurokitError(
            f"unknown file type: {place}; the name must end in {', '.join(openers)}"
        )
    _require_readable(path, is_folder=path.suffix.lower() == ".zarr")
    return openers[path.suffix.lower()](path, inside)


def _require_readable(path: Path, is_folder: bool) -> None:
    try:
        if is_folder:
            next(path.iterdir(), None)
        else:
            path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.exists():
            raise NeurokitError(f"{path} is a file; a zarr is a folder") from error
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise NeurokitError(f"file not found: {path}{where}; check the path") from error
    except IsADirectoryError as error:
        raise NeurokitError(f"{path} is a folder; name a file") from error
    except PermissionError as error:
        raise NeurokitError(f"no permission to read {path}; change its access rights") from error
    except OSError as error:
        raise NeurokitError(f"{path} cannot be read: {error.strerror}") from error


def source_of(path: Path, inside: str = "") -> str:
    """Identifies a file's content by its place, size and date."""
    state = path.stat()
    return f"{path.resolve()}::{inside} {state.st_size} bytes {state.st_mtime_ns} ns"
