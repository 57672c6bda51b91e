"""Sections in a file each: what a pattern such as `sections/*.tif` means."""

from __future__ import annotations

import hashlib
import re
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.volumes.axes import in_words
from neurokit.volumes.indexing import Place
from neurokit.volumes.png import open_png
from neurokit.volumes.stored import StoredArray, require_readable
from neurokit.volumes.tif import open_tif

SECTION_OPENERS = {".tif": open_tif, ".tiff": open_tif, ".png": open_png}


@frozen(kw_only=True)
class SectionFiles(StoredArray):
    """Files of one section each as one volume.

    Attributes:
        sections: each of shape 1, Y, X, in the order of the volume.
    """

    sections: tuple[StoredArray, ...]

    def _read(self, index: tuple[Place, ...]) -> NDArray[Any]:
        section, *within = index
        if isinstance(section, int):
            return self.sections[section][(0, *within)]
        chosen = self.sections[section]
        parts = [each[(0, *within)] for each in chosen]
        return np.stack(parts) if parts else np.empty(self.shape, self.dtype)[index]

    def try_out(self) -> None:
        """Read the first section: what it lacks, the others lack as well."""
        self.sections[0].try_out()


def is_pattern(place: str) -> bool:
    """Whether a place names many files by wildcards, rather than one file of this very name."""
    return has_magic(place) and not Path(place).exists()


def open_section_files(pattern: str) -> SectionFiles:
    """The files that a pattern matches, sorted as people count: z2 before z10.

    The header of each is read now, and its voxels when they are asked for.

    Raises:
        NeurokitError: there are none, or one of them is damaged, is of another type, shape or
            number of sections than one would expect.
    """
    paths = sorted(map(Path, glob(pattern)), key=_as_people_count)  # noqa: PTH207  # absolute, too
    if not paths:
        where = "" if Path(pattern).is_absolute() else f" in {Path.cwd()}"
        raise NeurokitError(f"no file matches {pattern}{where}; check the path")
    first, *others = sections = [_opened(path) for path in paths]
    for path, section in zip(paths[1:], others, strict=True):
        if (section.shape, section.dtype) != (first.shape, first.dtype):
            raise NeurokitError(
                f"{path} is {_described(section)}, and {paths[0]} is {_described(first)}; the "
                f"sections of {pattern} must be of one size and type: leave out what is none"
            )
    return SectionFiles(
        path=first.path.parent,
        place=pattern,
        shape=(len(sections), *first.shape[1:]),
        dtype=first.dtype,
        source=f"{Path(pattern).absolute()} {_digest(sections)}",
        sections=tuple(sections),
    )


def _opened(path: Path) -> StoredArray:
    opener = SECTION_OPENERS.get(path.suffix.lower())
    if opener is None:
        raise NeurokitError(
            f"{path} cannot be a section: those are {', '.join(SECTION_OPENERS)} files; choose "
            f"them by a pattern such as '{path.parent / '*.tif'}'"
        )
    require_readable(path)
    section = opener(path, "")
    if section.shape[0] != 1:
        raise NeurokitError(
            f"{path} holds {section.shape[0]} sections, and must hold one where each has a file "
            f"of its own; name the file alone"
        )
    return section


def _as_people_count(path: Path) -> tuple[list[str | int], str]:
    """Digits compare as numbers. Splitting yields text and digits in turn, so places agree."""
    parts: list[str | int] = list(re.split(r"(\d+)", str(path)))
    parts[1::2] = map(int, parts[1::2])
    return parts, str(path)


def _digest(sections: list[StoredArray]) -> str:
    """Changes with the name, size or date of any file."""
    lines = "\n".join(section.source for section in sections)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _described(section: StoredArray) -> str:
    return f"{in_words(section.shape[1:])} {section.dtype}"
