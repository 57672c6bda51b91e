"""Peaks: the most memory that this process has had since it was last asked to forget."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType

_STATUS = Path("/proc/self/status")
_FORGET = Path("/proc/self/clear_refs")


def forget_peaks() -> None:
    """Begin anew, where the system can: elsewhere the peak is that of the process so far."""
    with suppress(OSError):
        _FORGET.write_text("5")
    cuda = _used_gpu()
    if cuda is not None:
        cuda.reset_peak_memory_stats()


def peak_memory() -> int | None:
    """Bytes of memory that were resident at once; None where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def peak_gpu_memory() -> int | None:
    """Bytes of tensors that lay on the GPU at once; None where none has been used."""
    cuda = _used_gpu()
    return None if cuda is None else int(cuda.max_memory_allocated())


def _used_gpu() -> ModuleType | None:
    """torch.cuda where something has run on it; nothing is imported or started for this."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    cuda: ModuleType = torch.cuda
    return cuda
