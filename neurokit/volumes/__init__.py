"""Volumes of image and labels, and the files that hold them."""

from neurokit.volumes.mirror import mirrored
from neurokit.volumes.sections import sections_of
from neurokit.volumes.skeletons import Skeletons, read_skeletons, write_skeletons
from neurokit.volumes.stored import StoredArray, open_array
from neurokit.volumes.volume import ArrayLike, Volume
from neurokit.volumes.writing import write_array, writing_h5

__all__ = [
    "ArrayLike",
    "Skeletons",
    "StoredArray",
    "Volume",
    "mirrored",
    "open_array",
    "read_skeletons",
    "sections_of",
    "write_array",
    "write_skeletons",
    "writing_h5",
]
