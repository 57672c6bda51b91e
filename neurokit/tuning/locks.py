"""Locks: processes that work on one study take turns, and notice when another is gone.

A lock is held on an open file and ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from neurokit.errors import NeurokitError
from neurokit.stopping import stop_if_asked

_SECONDS_BETWEEN_TRIES = 0.02


@contextmanager
def taking_turns(path: Path, *, stops: bool = False) -> Iterator[None]:
    """Be the only process inside; wait for the others.

    Args:
        path: of a file that all of them name; it is made if it is not there, and stays.
        stops: heed signals while waiting, where that may be long.

    Raises:
        NeurokitError: the file cannot be made.
        StopRequested: a signal asked to stop while this process waited.
    """
    descriptor = _opened(path)
    try:
        while not _locked(descriptor, path):
            if stops:
                stop_if_asked()
            time.sleep(_SECONDS_BETWEEN_TRIES)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def present(folder: Path) -> Iterator[str]:
    """A name under which others can tell, by `is_present`, that this process is still there."""
    name = uuid4().hex[:12]
    descriptor = _opened(folder / name)
    try:
        _locked(descriptor, folder / name)
        yield name
    finally:
        (folder / name).unlink(missing_ok=True)
        os.close(descriptor)


def is_present(folder: Path, name: str) -> bool:
    """Whether the process that goes by a name is still there."""
    try:
        descriptor = os.open(folder / name, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        gone = _locked(descriptor, folder / name)
    finally:
        os.close(descriptor)
    if gone:
        (folder / name).unlink(missing_ok=True)
    return not gone


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except (FileExistsError, NotADirectoryError) as error:
        raise NeurokitError(
            f"cannot write {path}: {path.parent} is no folder; move what lies there elsewhere"
        ) from error
    except OSError as error:
        raise NeurokitError(f"cannot write {path}: {error.strerror}") from error


def _locked(descriptor: int, path: Path) -> bool:
    """Whether this process has the lock now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise NeurokitError(f"cannot lock {path}: {error.strerror}") from error
    return True
