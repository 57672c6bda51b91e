"""What to say where a name does not tell which array of which file is meant."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from neurokit.errors import NeurokitError

_CONTAINERS = (".h5", ".hdf5", ".hdf", ".zarr")
_SECTIONS = (".tif", ".tiff", ".png")
_ZARR_METADATA = ("zarr.json", ".zarray", ".zgroup")


def unknown_type(path: Path, suffixes: list[str]) -> NeurokitError:
    """What to say of a name whose end is none of the suffixes that are known."""
    for parent in path.parents:
        if parent.suffix.lower() in _CONTAINERS:
            inside = path.relative_to(parent).as_posix()
            return NeurokitError(f"{path} is a place in {parent}: did you mean {parent}::{inside}?")
    if path.is_dir():
        return NeurokitError(f"{path} is a folder; {_in_folder(path)}")
    return NeurokitError(f"unknown file type: {path}; the name must end in {', '.join(suffixes)}")


def _in_folder(folder: Path) -> str:
    """What is to be named in place of a folder."""
    paths = list(folder.glob("*"))  # which are none where they must not be looked at
    if any(path.name in _ZARR_METADATA for path in paths):
        return f"it is a zarr: rename it to {folder.name}.zarr"
    suffixes = sorted(path.suffix for path in paths if path.suffix.lower() in _SECTIONS)
    if suffixes:
        most = max(suffixes, key=suffixes.count)
        return f"if its files are the sections of a volume, write '{folder / f'*{most}'}'"
    return "name a file in it"


def only_array(path: Path, names: list[str]) -> str:
    """The single array of a file.

    Raises:
        NeurokitError: there is none, or several to choose from.
    """
    if not names:
        raise NeurokitError(f"{path} holds no array")
    if len(names) > 1:
        raise NeurokitError(f"{path} holds several arrays; choose one of {_choices(path, names)}")
    return names[0]


def no_array(path: Path, name: str, names: list[str]) -> NeurokitError:
    """What to say of an array that is not there, or that is a group of arrays."""
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {path}::{near[0]}?" if near else f"it holds {_choices(path, names)}"
    return NeurokitError(f"{path} holds no array '{name}'; {hint}")


def _choices(path: Path, names: list[str]) -> str:
    return ", ".join(f"{path.name}::{name}" for name in sorted(names)) or "no array at all"
