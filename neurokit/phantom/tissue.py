"""Tissue: a phantom from the skeletons of its neurites to its image and labels."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.phantom.connectivity import made_whole
from neurokit.phantom.imaging import Imaging, imaged
from neurokit.phantom.noise import grain, wave_noise
from neurokit.phantom.organelles import Cells, mitochondria, vesicles
from neurokit.phantom.partition import Grid, partition, shares
from neurokit.phantom.sections import Block, cut
from neurokit.phantom.skeletons import grow

_PITCH_NM = 16.0


@frozen
class Tissue:
    """What tissue a phantom is made of.

    Attributes:
        shape: voxels (z, y, x).
        voxel_size_nm: edge lengths of a voxel (z, y, x).
        calibre_nm: diameters of the thinnest and the thickest neurites.
        branches_per_um: branches that a neurite gives off over a micrometre of its length.
        jitter_nm: standard deviation of each section's shift in y and in x.
    """

    shape: tuple[int, int, int]
    voxel_size_nm: tuple[float, float, float]
    calibre_nm: tuple[float, float]
    branches_per_um: float
    jitter_nm: float


def make_phantom(
    tissue: Tissue, imaging: Imaging, seed: tuple[int, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Image and labels ZYX of a phantom; the same arguments give the same voxels.

    Every voxel carries a label, 1..n, and every label is one 6-connected component.
    """
    growth, place, texture, microscope = (
        np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(4)
    )
    block = _block(tissue, growth, texture)
    labels, clean = _sections(tissue, block, place)
    clean += 0.035 * grain(texture, tissue.shape, tissue.voxel_size_nm, 14)
    clean += 0.025 * grain(texture, tissue.shape, tissue.voxel_size_nm, 5)
    _, y, x = tissue.voxel_size_nm
    return imaged(microscope, clean, (y, x), imaging), made_whole(labels)


def _block(tissue: Tissue, growth: np.random.Generator, texture: np.random.Generator) -> Block:
    """The tissue as fields on a grid, with nothing yet of sections or a microscope."""
    extent = np.array(tissue.shape) * np.array(tissue.voxel_size_nm)
    skeletons = grow(growth, extent, tissue.calibre_nm, tissue.branches_per_um)
    pitch = max(_PITCH_NM, min(tissue.voxel_size_nm))
    grid = Grid.around(extent, pitch, 4 * tissue.jitter_nm + 2 * pitch)
    cells = Cells.of(grid, partition(growth, skeletons, grid))
    bodies = mitochondria(growth, skeletons, cells)
    return Block(
        grid=grid,
        shares=shares(cells.labels_ZYX, sigma=_PITCH_NM / pitch),
        cytoplasm=texture.normal(0.7, 0.055, cells.labels_ZYX.max() + 1).astype(np.float32),
        mitochondria_nm=bodies,
        cristae=wave_noise(texture, grid.shape, pitch, 90),
        reticulum=wave_noise(texture, grid.shape, pitch, 280),
        patches=wave_noise(texture, grid.shape, pitch, 350),
        synapses=wave_noise(texture, grid.shape, pitch, 450),
        vesicles_nm=vesicles(growth, skeletons, cells, bodies),
    )


def _sections(
    tissue: Tissue, block: Block, place: np.random.Generator
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Labels and clean brightness of all sections, each a little out of place."""
    labels = np.empty(tissue.shape, np.uint32)
    clean = np.empty(tissue.shape, np.float32)
    z_nm, y_nm, x_nm = (
        (np.arange(count) + 0.5) * edge
        for count, edge in zip(tissue.shape, tissue.voxel_size_nm, strict=True)
    )
    for z, centre in enumerate(z_nm):
        down, across = tissue.jitter_nm * np.clip(place.standard_normal(2), -3, 3)
        labels[z], clean[z] = cut(
            block, centre, tissue.voxel_size_nm[0], y_nm + down, x_nm + across
        )
    return labels, clean
