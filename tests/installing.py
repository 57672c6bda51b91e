"""Plugins of tests, as if they were installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from neurokit.registry import installed

PLUGINS = Path(__file__).parent / "plugins"


@contextmanager
def plugin_installed(
    name: str, entry_points: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """An environment, also of child processes, where `neurokit-<name>` 0.1.0 is installed.

    Args:
        name: of a folder of `tests/plugins`, which holds its modules.
        entry_points: as a distribution lists them.
        folder: gets the distribution's metadata.
        monkeypatch: undoes it all.
    """
    distribution = folder / "installed" / f"neurokit_{name}-0.1.0.dist-info"
    distribution.mkdir(parents=True)
    (distribution / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: neurokit-{name}\nVersion: 0.1.0\n"
    )
    (distribution / "entry_points.txt").write_text(entry_points)
    paths = [str(distribution.parent), str(PLUGINS / name)]
    for path in paths:
        monkeypatch.syspath_prepend(path)
    there = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [*paths, there])))
    # A run lists all that is installed, which takes longer than what tests train.
    monkeypatch.setattr("neurokit.run_folder.environment", dict)
    installed.cache_clear()
    try:
        yield
    finally:
        installed.cache_clear()
