"""Places that one process at a time may write to, such as the folder of a run.

A lock is held on an open file, and ends with the process that holds it, however that ends. On file
systems that know no locks nobody is kept out, and where nothing can be written, whoever writes
there says so.
"""

from __future__ import annotations

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neurokit.errors import NeurokitError
from neurokit.stopping import stop_if_asked

_SECONDS_BETWEEN_TRIES = 0.1
_TRIES = 100
"""Before it is given up that a file is the one that was opened, as on some file systems."""

_LONGEST = 200
"""Of what a file says of the process that holds it."""


@contextmanager
def occupying(folder: Path, doing: str) -> Iterator[None]:
    """Be the only process that does something in a folder.

    Args:
        folder: is there; meanwhile it holds a hidden file.
        doing: "trained" or "tested", as a message says it.

    Raises:
        NeurokitError: another process does it, which the message names.
    """
    path = folder / f".{doing}.lock"
    try:
        descriptor = _locked(path)
    except BlockingIOError:
        raise NeurokitError(
            f"{folder} is being {doing} by {_holder(path)}; wait until that has ended, or stop it"
        ) from None
    with _held(path, descriptor):
        yield


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Be the only process that writes a file; wait for the others.

    Args:
        path: of the file; meanwhile a hidden one lies beside it.

    Raises:
        StopRequested: a signal asked to stop while this process waited.
    """
    lock = path.with_name(f".{path.name}.lock")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            descriptor = _locked(lock)
            break
        except BlockingIOError:
            stop_if_asked()
            time.sleep(_SECONDS_BETWEEN_TRIES)
    with _held(lock, descriptor):
        yield


def _locked(path: Path) -> int | None:
    """The open file, which this process holds now; None where there are no locks.

    Raises:
        BlockingIOError: another process holds it.
    """
    for _ in range(_TRIES):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError:
            os.close(descriptor)
            return None
        # Who held it has removed it after it was opened here, and the next may be another file.
        os.close(descriptor)
    return None


@contextmanager
def _held(path: Path, descriptor: int | None) -> Iterator[None]:
    """Say in a locked file who holds it; in the end, remove it and let it go."""
    if descriptor is None:
        yield
        return
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    holder = f"process {os.getpid()} of {platform.node() or 'this machine'} since {since}"
    try:
        with suppress(OSError):  # a full disk
            os.ftruncate(descriptor, 0)
            os.write(descriptor, holder.encode())
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _holder(path: Path) -> str:
    """What the process that holds a file says of itself."""
    with suppress(OSError):
        said = path.read_text(encoding="utf-8", errors="replace")[:_LONGEST]
        if said and said.isprintable():
            return said
    return "another process"
