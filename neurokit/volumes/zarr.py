"""Zarr folders, format 2 or 3, read through the zarr library, which is loaded on first use."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError, first_line
from neurokit.volumes.choices import no_array, only_array
from neurokit.volumes.indexing import Place
from neurokit.volumes.stored import StoredArray


@frozen(kw_only=True)
class ZarrArray(StoredArray):
    """An array in a zarr folder.

    Attributes:
        inside: its path within the folder, empty where the folder is the array.
    """

    inside: str

    def _read(self, index: tuple[Place, ...]) -> NDArray[Any]:
        try:
            return np.asarray(self._opened()[index], self.dtype)
        except Exception as error:  # each codec has errors of its own
            raise NeurokitError(
                f"{self.path}::{self.inside} cannot be read: {first_line(error)}; copy it again"
            ) from error

    def attributes(self) -> dict[str, Any]:
        attributes: dict[str, Any] = self._opened().attrs.asdict()
        return attributes

    def _opened(self) -> Any:
        import zarr

        return zarr.open_array(self.path / self.inside, mode="r")


def open_zarr(path: Path, inside: str) -> ZarrArray:
    """The array at `inside`, or the only one where none is named.

    Raises:
        NeurokitError: the folder is no zarr or is damaged, or there is no such array.
    """
    import zarr

    name = inside.strip("/")
    try:
        found: Any = zarr.open(path, mode="r")
        if isinstance(found, zarr.Group):
            arrays = {
                place: member
                for place, member in found.members(max_depth=None)
                if isinstance(member, zarr.Array)
            }
            name = name or only_array(path, sorted(arrays))
            if name not in arrays:
                raise no_array(path, name, sorted(arrays))
            found = arrays[name]
        elif name:
            raise NeurokitError(f"{path} is one array: write it without '::{name}'")
    except NeurokitError:
        raise
    except zarr.errors.NodeNotFoundError:
        raise NeurokitError(f"{path} is not a zarr: it has no metadata") from None
    except Exception as error:  # damaged metadata makes the library fail in many ways
        raise NeurokitError(f"{path} is damaged: {first_line(error)}; copy it again") from error
    return ZarrArray(
        path=path.absolute(),
        place=f"{path}::{name}" if name else str(path),
        shape=tuple(found.shape),
        dtype=np.dtype(found.dtype).newbyteorder("="),
        source=f"{path.resolve()}::{name} {_digest(path / name)}",
        inside=name,
    )


def _digest(folder: Path) -> str:
    """Changes with the name, size or date of any file in the folder."""
    digest = hashlib.sha256()
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            file = Path(place, name)
            state = file.stat()
            line = f"{file.relative_to(folder)} {state.st_size} {state.st_mtime_ns}\n"
            digest.update(line.encode())
    return digest.hexdigest()[:16]
