"""Keeping freed memory at hand, so that networks on the CPU need not ask for it again."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD = -1
_MMAP_MAX = -4

# Not empty while memory is kept: a network that is tried during its training asks for it again.
_keeping: list[str] = []


@contextmanager
def freed_memory_kept(device: str = "cpu") -> Iterator[None]:
    """Inside, freed memory stays with the process instead of going back to the operating system.

    Activations are large, and the C library maps every large array anew and unmaps it when it is
    freed; the system then clears each page before it is used again, which takes up to a fifth of
    the time of a network on the CPU. The memory goes back at the end. Where the C library is not
    glibc, or the network is not on the CPU, nothing happens.

    Args:
        device: the kind of device that the network is on.
    """
    if device != "cpu" or _keeping:
        yield
        return
    library = ctypes.CDLL(None)
    set_option: Callable[[int, int], int] | None = getattr(library, "mallopt", None)
    give_back: Callable[[int], int] | None = getattr(library, "malloc_trim", None)
    if set_option is None or give_back is None:
        yield
        return
    _keeping.append(device)
    set_option(_MMAP_MAX, 0)
    set_option(_TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        # The values that glibc starts with, and that it moves to as large arrays come and go.
        set_option(_MMAP_MAX, 65536)
        set_option(_TRIM_THRESHOLD, 64 * 2**20)
        give_back(0)
        _keeping.clear()
