"""PNG files: one section each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from neurokit.errors import NeurokitError, first_line
from neurokit.volumes.indexing import Place
from neurokit.volumes.stored import StoredArray, source_of

# What Pillow calls grey values of 8 and 16 bits; which word the latter have depends on its version.
_TYPES = {"L": np.uint8, "I;16": np.uint16, "I;16B": np.uint16, "I": np.uint16}


@frozen(kw_only=True)
class PngArray(StoredArray):
    """A PNG file as one section, unpacked whole whenever a part of it is read."""

    def _read(self, index: tuple[Place, ...]) -> NDArray[Any]:
        try:
            with PngImageFile(self.path) as file:
                section_YX = np.asarray(file).astype(self.dtype)
        except Exception as error:  # a damaged file makes the reader fail in many ways
            raise _unreadable(Path(self.place), error) from error
        return np.array(section_YX[None][index])

    def try_out(self) -> None:
        """Unpack the section: its header does not show whether it is whole."""
        self[0, :1, :1]


def open_png(path: Path, inside: str) -> PngArray:
    """The section in a PNG file; only its header is read.

    Raises:
        NeurokitError: the file is no PNG, is damaged, or does not hold grey values.
    """
    if inside:
        raise NeurokitError(f"a png holds one image: write {path} without '::{inside}'")
    try:
        # Not by Image.open, which takes sections of many megapixels for an attack.
        with PngImageFile(path) as file:
            mode, (width, height) = file.mode, file.size
    except SyntaxError:
        raise NeurokitError(f"{path} is not a png file, or its start is damaged") from None
    except Exception as error:
        raise _unreadable(path, error) from error
    if mode not in _TYPES:
        raise NeurokitError(
            f"{path} holds no grey values or ids of 8 or 16 bits, but {_CONTENTS.get(mode, mode)}; "
            f"save it again in shades of grey"
        )
    return PngArray(
        path=path.absolute(),
        place=str(path),
        shape=(1, height, width),
        dtype=np.dtype(_TYPES[mode]),
        source=source_of(path),
    )


_CONTENTS = {
    "1": "black and white alone",
    "P": "colours of a palette",
    "RGB": "colours",
    "RGBA": "colours",
    "LA": "transparency",
}


def _unreadable(path: Path, error: Exception) -> NeurokitError:
    return NeurokitError(f"{path} cannot be read: {first_line(error)}; copy or write it again")
