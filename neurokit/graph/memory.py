"""Memory: how much of it is left, asked before work that would need more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def available_memory() -> int | None:
    """Bytes that the process can still take, within the machine's and the container's limit.

    None where the system does not say.
    """
    known = [bytes_ for bytes_ in (_machine_memory(), *_container_memory()) if bytes_ is not None]
    return min(known, default=None)


def _machine_memory() -> int | None:
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _container_memory() -> Iterator[int | None]:
    """What control groups leave, of version 2 and of version 1."""
    root = Path("/sys/fs/cgroup")
    yield _left(root / "memory.max", root / "memory.current", root / "memory.stat")
    group = root / "memory"
    yield _left(
        group / "memory.limit_in_bytes", group / "memory.usage_in_bytes", group / "memory.stat"
    )


def _left(limit: Path, usage: Path, statistics: Path) -> int | None:
    limit_text, usage_text = _read(limit).strip(), _read(usage).strip()
    if not (limit_text.isdigit() and usage_text.isdigit()):
        return None
    # Cached file pages count as used but are given up on demand.
    cached = 0
    for line in _read(statistics).splitlines():
        if line.startswith(("inactive_file ", "total_inactive_file ")):
            cached = max(cached, int(line.split()[1]))
    return max(0, int(limit_text) - int(usage_text) + cached)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
