"""Checks of cores and memory: what the machine has, and what this process may use."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from neurokit.doctor.findings import Finding, fine, warning

_CGROUPS = Path("/sys/fs/cgroup")
_SHARED = Path("/dev/shm")
_GIB = 2**30
_LITTLE_MEMORY = 4 * _GIB
_LITTLE_SHARED = _GIB


def cores() -> Finding:
    """How many cores this process may use, of how many, and who says so."""
    from neurokit.graph import threads

    usable, all_cores = threads.cores(), os.cpu_count() or 1
    what = f"{usable} of {all_cores}"
    quota = _quota()
    if quota is not None:
        what += f", {quota:g} by the container's limit"
    asked = os.environ.get("SLURM_CPUS_PER_TASK")
    if asked:
        what += f", {asked} by SLURM"
    set_to = os.environ.get("OMP_NUM_THREADS")
    if set_to:
        what += f"; OMP_NUM_THREADS={set_to}"
    if "SLURM_JOB_ID" in os.environ and usable == 1 < all_cores:
        return warning(what, "ask for more, if there are: srun --cpus-per-task=8")
    if quota is not None and quota < usable:
        whole = max(1, int(quota))
        return warning(
            what, f"more threads than that only wait for each other; use system.threads={whole}"
        )
    return fine(what)


def _quota() -> float | None:
    """How many cores' time a control group allows, of version 2 or 1."""
    limit = _read(_CGROUPS / "cpu.max").split()
    if len(limit) != 2:
        limit = [
            _read(_CGROUPS / "cpu" / name).strip()
            for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        ]
    if not all(each.isdigit() for each in limit) or int(limit[1]) == 0:
        return None
    return int(limit[0]) / int(limit[1])


def memory() -> Finding:
    """How much memory there is, how much is left, and what limits it."""
    from neurokit.graph.memory import available_memory

    total, left = _total(), available_memory()
    if total is None or left is None:
        return fine("this system does not say")
    what = f"{left / _GIB:.1f} of {total / _GIB:.1f} GiB free"
    limits = [_read(_CGROUPS / name).strip() for name in _MEMORY_LIMITS]
    limit = min((int(each) for each in limits if each.isdigit()), default=total)
    if limit < total:
        what += f", {limit / _GIB:.1f} GiB allowed by the container's limit"
    if left < _LITTLE_MEMORY:
        return warning(
            what,
            "close other programs or ask for more; else keep train.volume_memory_gib and "
            "inferer.memory_gib small",
        )
    return fine(what)


_MEMORY_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")


def _total() -> int | None:
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return None


def shared_memory() -> Finding:
    """How much memory processes of several GPUs may share."""
    if not _SHARED.is_dir():
        return fine("this system has none of its own")
    usage = shutil.disk_usage(_SHARED)
    what = f"{usage.free / _GIB:.1f} of {usage.total / _GIB:.1f} GiB free in {_SHARED}"
    if usage.free < _LITTLE_SHARED and _gpu_count() > 1:
        return warning(
            what, "processes of several GPUs talk through it; start the container with --ipc=host"
        )
    return fine(what)


def _gpu_count() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
