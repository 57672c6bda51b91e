"""Processes of their own, for what is to be timed without traces of anything before it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen
class Cost:
    """What some work took.

    Attributes:
        seconds: from its beginning to its end.
        worked: seconds that the cores worked, over all threads.
        before: bytes of resident memory before it.
        highest: the same at the most, meanwhile.
    """

    seconds: float
    worked: float
    before: int
    highest: int

    @property
    def peak(self) -> int:
        """Bytes of resident memory at the most, above those before it."""
        return self.highest - self.before


def own_process() -> ProcessPoolExecutor:
    """A new process that does what is submitted to it, one thing after another."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def measured(work: Callable[[], T]) -> tuple[T, Cost]:
    """What work gives, and what it took.

    The peak is exact if what the process freed before was given back to the system, as in a new
    process.
    """
    gc.collect()
    # From now on VmHWM is the peak since now (proc(5)).
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident_bytes("VmRSS")
    began, worked = perf_counter(), process_time()
    result = work()
    seconds, worked = perf_counter() - began, process_time() - worked
    return result, Cost(seconds, worked, before, _resident_bytes("VmHWM"))


def _resident_bytes(key: str) -> int:
    """Memory of this process: VmRSS now, VmHWM at its highest."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) << 10
    raise RuntimeError(f"/proc/self/status has no {key}")
