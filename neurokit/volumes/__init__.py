"""Volumes of image and labels, and the files that hold them."""

from neurokit.volumes.stored import StoredArray, open_array
from neurokit.volumes.volume import ArrayLike, Volume

__all__ = ["ArrayLike", "StoredArray", "Volume", "open_array"]
