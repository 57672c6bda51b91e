"""Keeping: what was dear to compute, in memory and on disk, for the next time.

A search decodes one prediction a thousand times. Inside of `keeping`, fragments, graphs and merge
trees are computed once: what is asked for by a key that is kept is not made again. Keys name what a
result was made from and how, so that nothing stale is ever found.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from neurokit.atomic import replacing
from neurokit.errors import NeurokitError

Table = TypeVar("Table")
Arrays = dict[str, NDArray[Any]]

_NOTHING = np.empty(0, "V1")
"""In place of None: a field that is not there at all was lost."""

_RESERVE_BYTES = 1 << 30
_MEMORY_SHARE = 4
"""Of the limit on disk, one part in so many is kept in memory, too."""


class _Store:
    """Results by key; the least recently used go first."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._in_memory: OrderedDict[str, Any] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._version = version("neurokit")

    def get(self, kind: type[Table], key: str, make: Callable[[], Table]) -> Table:
        """What is kept under a key, else what `make` gives, which is kept from now on."""
        name = hashlib.sha256(f"{self._version} {kind.__qualname__} {key}".encode())
        path = self._folder / f"{name.hexdigest()[:32]}.npz"
        found = self._in_memory.get(path.name)
        if found is None:
            found = _read(kind, path)
            if found is None:
                found = make()
                self._write(path, found)
            self._sizes[path.name] = _bytes(found)
        self._in_memory[path.name] = found
        self._in_memory.move_to_end(path.name)
        while sum(self._sizes.values()) > self._limit // _MEMORY_SHARE and len(self._sizes) > 1:
            oldest, _ = self._in_memory.popitem(last=False)
            del self._sizes[oldest]
        with suppress(OSError):
            os.utime(path)
        return cast(Table, found)

    def _write(self, path: Path, table: Any) -> None:
        """Put a result on disk, if there is room; without, only time is lost."""
        size = _bytes(table)
        if size > self._limit:
            return
        with suppress(NeurokitError, OSError):
            self._make_room(self._limit - size)
            self._folder.mkdir(parents=True, exist_ok=True)
            disk = shutil.disk_usage(self._folder)
            if disk.free - size < min(_RESERVE_BYTES, disk.total // 10):
                return  # the rest of the disk is for results
            with replacing(path) as partial, partial.open("wb") as file:
                np.savez(file, allow_pickle=False, **_arrays(table))

    def _make_room(self, limit: int) -> None:
        """Remove the files used longest ago, until those left take no more than the limit."""
        files = []
        for file in self._folder.glob("*"):  # a killed process may have left half a file, too
            with suppress(FileNotFoundError):  # another process makes room, too
                files.append((file.stat().st_mtime_ns, file.stat().st_size, file))
        total = sum(size for _, size, _ in files)
        for _, size, file in sorted(files, key=lambda each: each[0]):
            if total <= limit:
                break
            file.unlink(missing_ok=True)
            total -= size


_store: ContextVar[_Store | None] = ContextVar("kept_results", default=None)


@contextmanager
def keeping(folder: Path, limit_bytes: int) -> Iterator[None]:
    """Keep what is computed inside, beside what other processes keep in the same folder.

    Args:
        folder: of the files; made if it is not there.
        limit_bytes: that the files may take; a quarter of it, memory.
    """
    token = _store.set(_Store(folder, limit_bytes))
    try:
        yield
    finally:
        _store.reset(token)


def is_keeping() -> bool:
    """Whether what is computed now is kept."""
    return _store.get() is not None


def kept(kind: type[Table], key: str | None, make: Callable[[], Table]) -> Table:
    """What `make` gives, from an earlier time where it is kept under `key`.

    Args:
        kind: an attrs class whose fields are arrays, numbers, strings, other such classes, or None.
        key: names what the result was made from, and how; None where that is not known.
        make: computes it.
    """
    store = _store.get()
    return make() if store is None or key is None else store.get(kind, key, make)


def _read(kind: type[Table], path: Path) -> Table | None:
    """The result in a file; None if that is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return _from_arrays(kind, arrays)
    except Exception:  # a damaged archive makes zipfile and NumPy raise nearly anything
        return None


def _arrays(table: Any) -> Arrays:
    """The fields of an attrs object as arrays: those of an inner one as `outer.inner`."""
    found: Arrays = {}
    for field in attrs.fields(type(table)):
        value = getattr(table, field.name)
        if attrs.has(type(value)):
            found |= {f"{field.name}.{name}": inner for name, inner in _arrays(value).items()}
        else:
            found[field.name] = _NOTHING if value is None else np.asarray(value)
    return found


def _from_arrays(kind: type[Table], arrays: Arrays) -> Table:
    """The object that `_arrays` gave these for."""
    fields: dict[str, Any] = {}
    for field in attrs.fields(attrs.resolve_types(kind)):  # type: ignore[type-var, arg-type]
        inner = {
            name.removeprefix(f"{field.name}."): value
            for name, value in arrays.items()
            if name.startswith(f"{field.name}.")
        }
        if inner:
            fields[field.name] = _from_arrays(_attrs_class_of(field.type), inner)
        else:
            value = arrays[field.name]
            found = None if value.dtype == _NOTHING.dtype else value
            fields[field.name] = value.item() if value.ndim == 0 else found
    return kind(**fields)


def _attrs_class_of(annotation: Any) -> type[Any]:
    """The attrs class in `Class` or `Class | None`."""
    (found,) = (each for each in getattr(annotation, "__args__", (annotation,)) if attrs.has(each))
    return cast(type[Any], found)


def _bytes(table: Any) -> int:
    return sum(array.nbytes for array in _arrays(table).values())
