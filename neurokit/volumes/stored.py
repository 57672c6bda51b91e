"""Arrays that stay in their files until they are read, and how they are opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.volumes.choices import unknown_type
from neurokit.volumes.indexing import Index, Place, full_index


@frozen(kw_only=True)
class StoredArray(ABC):
    """An array in a file. It holds no open file, so it may be pickled and shared by processes.

    Attributes:
        path: the file, or the folder of a zarr or of sections.
        place: the same as its user named it, for messages.
        shape: voxels along each axis.
        dtype: of what reading gives, in the byte order of the machine.
        source: identifies the content: the place, and size and date of what lies there.
    """

    path: Path
    place: str
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

    def try_out(self) -> None:  # noqa: B027
        """Read a little where that may fail in a way that opening the file did not show.

        Raises:
            NeurokitError: it cannot be read.
        """

    def attributes(self) -> dict[str, Any]:
        """What the file says of the array, by name; nothing where its format has no such place."""
        return {}


def open_array(spec: str) -> StoredArray:
    """The array in a file; it is checked now and read when it is indexed.

    Args:
        spec: `stack.tif` (many pages are axes z, y, x; one page is one section), `'z*.tif'` or
            `'z*.png'` (files of one section each, in the order of the numbers in their names),
            `file.h5::dataset`, or `folder.zarr::path/inside`. A file that holds a single array
            needs no `::`. Chunks that a zarr does not hold read as its fill value: zarr leaves
            out chunks of nothing else, so a lost chunk cannot be told from an empty one.

    Raises:
        NeurokitError: the file is missing, truncated, not of its type, or of an unknown one, or
            there is no such array in it.
    """
    from neurokit.volumes.section_files import is_pattern, open_section_files

    place, _, inside = spec.partition("::")
    if is_pattern(place):
        opened: StoredArray = open_section_files(place)
    else:
        opened = _opened(Path(place), inside)
    opened.try_out()
    return opened


def _opened(path: Path, inside: str) -> StoredArray:
    from neurokit.volumes import hdf5, section_files, zarr

    openers: dict[str, Callable[[Path, str], StoredArray]] = {
        **section_files.SECTION_OPENERS,
        ".h5": hdf5.open_hdf5,
        ".hdf5": hdf5.open_hdf5,
        ".hdf": hdf5.open_hdf5,
        ".zarr": zarr.open_zarr,
    }
    suffix = path.suffix.lower()
    if suffix not in openers:
        raise unknown_type(path, list(openers))
    require_readable(path, is_folder=suffix == ".zarr")
    return openers[suffix](path, inside)


def require_readable(path: Path, is_folder: bool = False) -> None:
    """Refuse a file, or a folder, that is not there or must not be read.

    Raises:
        NeurokitError: it cannot be read.
    """
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
