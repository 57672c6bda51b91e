"""Compiled functions: loops over voxels, fragments and edges, by Numba."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

# Its settings are made when it is imported, where type checkers do not see them.
config: Any = numba.config


def compiled(function: F) -> F:
    """The function, compiled at its first call for each combination of argument types.

    It runs without the interpreter's lock, so that threads run it side by side. The machine code is
    kept on disk for the next process, where a folder for that can be written.
    """
    folder = cache_folder()
    if folder is None:
        return cast(F, numba.njit(nogil=True)(function))
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        return cast(F, numba.njit(nogil=True, cache=True)(function))
    finally:
        config.CACHE_DIR = before


@cache
def cache_folder() -> Path | None:
    """Where machine code is kept; None where nothing can be written.

    Numba renews the code of a function when its own file has changed, but code holds that of the
    functions it calls, too: another state of this package gets another folder.
    """
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    # A setting of Numba's, where the user has one, is respected.
    root = config.CACHE_DIR or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(root) / "neurokit" / f"compiled-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
