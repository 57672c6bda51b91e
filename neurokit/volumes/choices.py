"""What to say where a file holds several arrays, or not the one that is asked for."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from neurokit.errors import NeurokitError


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
