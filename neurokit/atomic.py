"""Files that are whole or absent: written beside their place, flushed, and renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neurokit.errors import NeurokitError

_DENIED = (errno.EACCES, errno.EPERM)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; on success its file takes the place of `path`.

    Whatever goes wrong, also a kill, `path` keeps what it held before; where the process lives on,
    the temporary file is removed.

    Raises:
        NeurokitError: the folder cannot be written, or the disk is full.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _flush(partial)
        partial.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        # Where even this fails, the first error is the one to tell.
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError) -> NeurokitError:
    """What to say where a file cannot be written, with what to do against the cause."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    advice = "choose another place"
    if error.errno in _DENIED:
        advice = f"change the access rights or {advice}"
    elif error.errno in _FULL or not error.errno:  # libraries do not always pass the number on
        advice = f"free some space or {advice}"
    return NeurokitError(f"cannot write {path}: {reason}; {advice}")


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Put `content` at `path`, whole or not at all."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Put UTF-8 `text` at `path`, whole or not at all."""
    write_bytes(path, text.encode())


def _flush_folder(path: Path) -> None:
    """Have the operating system write the entries of a folder to the disk, where it can."""
    try:
        _flush(path)
    except OSError as error:
        # Some network file systems do this by themselves, and refuse to be asked for it.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise


def _flush(path: Path) -> None:
    """Have the operating system write a file, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
