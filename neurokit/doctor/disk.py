"""Checks of the disk that runs are written to: the working directory's."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from neurokit.doctor.findings import Finding, broken, fine, warning

_GIB, _MIB = 2**30, 2**20
_LITTLE_SPACE = 10 * _GIB
_WRITTEN = 128 * _MIB
_SECONDS = 10.0
_SLOW = 50 * _MIB


def outputs() -> Finding:
    """Whether runs can be written where they are by default."""
    folder = Path("outputs")
    if folder.exists() and not folder.is_dir():
        return broken(
            f"{folder.absolute()} is a file",
            "move it away, or choose another place for runs with --outputs",
        )
    place = folder if folder.is_dir() else Path()
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return broken(
            f"{place.absolute()} cannot be written: {error.strerror}",
            "work in another folder, or choose another place for runs with --outputs",
        )
    return fine(f"{folder.absolute()} can be written")


def space() -> Finding:
    """How much space is left."""
    usage = shutil.disk_usage(Path())
    what = f"{usage.free / _GIB:.1f} of {usage.total / _GIB:.1f} GiB free"
    if usage.free < _LITTLE_SPACE:
        return warning(
            what,
            "free some: predictions take 4 bytes a voxel and channel; inferer.storage='uint8' "
            "takes one",
        )
    return fine(what)


def speed() -> Finding:
    """How fast a file is written and read back; it is removed again."""
    if shutil.disk_usage(Path()).free < 2 * _WRITTEN:
        return warning("not measured: the disk is full", "free some space")
    block = os.urandom(_MIB)  # what compresses well would flatter some file systems
    with tempfile.TemporaryFile(dir=Path()) as file:
        descriptor = file.fileno()
        started = time.monotonic()
        written = 0
        while written < _WRITTEN and time.monotonic() - started < _SECONDS:
            written += os.write(descriptor, block)
        os.fsync(descriptor)
        writing = written / max(time.monotonic() - started, 1e-6)
        # Else it would be read from memory; not every system can be asked.
        with suppress(AttributeError, OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.lseek(descriptor, 0, os.SEEK_SET)
        started = time.monotonic()
        while os.read(descriptor, _MIB) and time.monotonic() - started < _SECONDS:
            pass
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        reading = position / max(time.monotonic() - started, 1e-6)
    what = f"writes {writing / _MIB:.0f} MiB/s, reads {reading / _MIB:.0f} MiB/s, in {Path.cwd()}"
    if min(writing, reading) < _SLOW:
        return warning(what, "copy volumes to a faster disk, and write runs there with --outputs")
    return fine(what)


def hdf5_locking() -> Finding:
    """Whether HDF5 can lock files here; many network file systems cannot."""
    import h5py

    with tempfile.TemporaryDirectory(dir=Path(), prefix=".neurokit-doctor-") as folder:
        path = Path(folder) / "locked.h5"
        try:
            h5py.File(path, "w", locking=True).close()
        except OSError as error:
            return warning(
                f"this file system refuses it: {error}",
                "neurokit reads and writes without; for other programs, set "
                "HDF5_USE_FILE_LOCKING=FALSE",
            )
    return fine("works")
