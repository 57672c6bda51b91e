"""Weights by name: files `weights/NAME.safetensors` of neurokit and of plugins."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from neurokit.errors import NeurokitError
from neurokit.shipped import packages, shipped_weights, weights_folders
from neurokit.weights.file import SUFFIX


def located(name: str) -> tuple[str, Path]:
    """The full name and the file of weights.

    Args:
        name: `package:name` of any package, or the bare name of what `shipped_weights` finds.

    Raises:
        NeurokitError: there are none of this name, or several packages ship some.
    """
    package, _, bare = name.rpartition(":")
    for folder in weights_folders(package) if package else ():
        if (file := folder / f"{bare}{SUFFIX}").is_file():
            return name, file
    known = shipped_weights()
    matches = [full for full in known if full.rpartition(":")[2] == bare and not package]
    if len(matches) == 1:
        return matches[0], known[matches[0]]
    if matches:
        raise NeurokitError(f"several packages ship weights '{bare}'; use {' or '.join(matches)}")
    near = get_close_matches(bare, [full.rpartition(":")[2] for full in known], n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise NeurokitError(
        f"there are no weights '{name}'; {hint}installed: {', '.join(known) or 'none'}; a file is "
        f"named with its suffix"
    )


def name_of(file: Path) -> str:
    """What a file of weights is loaded by: `package:name` in a package, else its own name."""
    for package in packages():
        if file.parent.resolve() in [folder.resolve() for folder in weights_folders(package)]:
            return f"{package}:{file.stem}"
    return file.name
