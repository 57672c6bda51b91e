"""Phantoms: synthetic tissue, with an image like electron microscopy and labels without a fault."""

from neurokit.phantom.imaging import Imaging
from neurokit.phantom.tissue import Tissue, make_phantom

VERSION = 1
"""Raised whenever the same parameters give other voxels than before."""

__all__ = ["VERSION", "Imaging", "Tissue", "make_phantom"]
