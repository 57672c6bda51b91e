"""Writing arrays to HDF5 files that are whole or absent."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from neurokit.atomic import replacing


@contextmanager
def writing_h5(path: Path) -> Iterator[h5py.File]:
    """An empty HDF5 file to fill; it takes its place at `path` when all of it is on the disk.

    Whatever goes wrong inside, `path` keeps what it held before. A full disk shows at the end, or
    when the file is flushed: long work does that now and then, and calls
    `neurokit.require_space` first.

    Raises:
        NeurokitError: the file cannot be written.
    """
    with replacing(path) as partial, _Disk(partial, "w+") as disk:
        try:
            with _File(disk) as file:
                yield file
        finally:
            disk.require_intact()


def write_array(
    path: Path,
    array: NDArray[Any],
    dataset: str = "main",
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write one array to an HDF5 file, whole or not at all; integers are compressed.

    Args:
        path: the file; one that is there is replaced.
        array: of numbers.
        dataset: its name in the file.
        attributes: what to note with it, by name.

    Raises:
        NeurokitError: the file cannot be written.
    """
    shrinks = array.dtype.kind in "ui" and array.size and array.ndim
    how = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if shrinks else {}
    with writing_h5(path) as file:
        stored = file.create_dataset(dataset, data=np.asarray(array), **how)
        stored.attrs.update(attributes or {})


class _Disk(io.FileIO):
    """A file that never fails to be written, but remembers that it did.

    HDF5 cannot close a file whose last writes fail: it loses the error, and crashes when the
    interpreter exits. So failures are kept from it until it has closed.
    """

    failure: OSError | None = None

    def write(self, content: Any, /) -> int:
        rest = memoryview(content)
        size = rest.nbytes
        while rest.nbytes and self.failure is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.failure = error
        return size

    def truncate(self, size: int | None = None, /) -> int:
        if self.failure is None:
            try:
                return super().truncate(size)
            except OSError as error:
                self.failure = error
        return size or 0

    def require_intact(self) -> None:
        if self.failure is not None:
            raise self.failure


class _File(h5py.File):  # type: ignore[misc]
    """An HDF5 file on a `_Disk`, whose failures show when it is flushed."""

    def __init__(self, disk: _Disk) -> None:
        super().__init__(disk, "w")
        self._disk = disk

    def flush(self) -> None:
        super().flush()
        self._disk.require_intact()
