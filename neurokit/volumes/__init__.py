"""Volumes of image and labels, and the files that hold them."""

from neurokit.volumes.mirror import mirrored
from neurokit.volumes.sections import sections_of
from neurokit.volumes.stored import StoredArray, open_array
from neurokit.volumes.volume import ArrayLike, Volume
from neurokit.volumes.writing import require_space, write_array, writing_h5

__all__ = [
    "ArrayLike",
    "StoredArray",
    "Volume",
    "mirrored",
    "open_array",
    "require_space",
    "sections_of",
    "write_array",
    "writing_h5",
]
