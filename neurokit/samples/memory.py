"""How much memory training volumes may take."""

from __future__ import annotations

import os
from pathlib import Path

import torch

_GROUP = Path("/sys/fs/cgroup")


def free_memory(device: torch.device) -> int:
    """Bytes that are free: on the GPU, or of the machine and what a container leaves of it."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return min(_of_the_machine(), _of_the_container())


def _of_the_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        (available,) = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
        return int(available) * 1024
    except (OSError, ValueError):
        # Where the system does not tell, half of what there is.
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _of_the_container() -> int:
    """What the control group (version 2) allows beyond what is used and cannot be dropped."""
    try:
        limit = int((_GROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_GROUP / "memory.current").read_text(encoding="ascii"))
        lines = (_GROUP / "memory.stat").read_text(encoding="ascii").splitlines()
        (cached,) = (int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    except (OSError, ValueError):
        return 2**63 - 1
    return max(0, limit - used + cached)
