"""`python -m neurokit_nisb.cubes FOLDER`: small cubes of synthetic tissue, laid out as NISB is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
import numpy as np
import zarr

from neurokit import NeurokitError, Volume, load_recipe, write_skeletons
from neurokit_nisb.tracing import trace

_RECIPE = "neurokit_nisb:nisb_demo.toml"
_SEEDS = {"train": 0, "val": 100, "test": 101}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--shape", type=(int, int, int), default=(48, 96, 96), help="voxels z y x of a cube")
@click.option("--format", "zarr_format", type=click.Choice(["2", "3"]), default="2", help="of zarr")
def main(folder: Path, shape: tuple[int, int, int], zarr_format: str) -> None:
    """Write FOLDER/base/train/seed0, val/seed100 and test/seed101, each of other tissue.

    The tissue is that of the recipe nisb_demo, of voxels of 20 x 9 x 9 nm. Skeletons are written as
    skeleton.npz.
    """
    try:
        for split, seed in _SEEDS.items():
            place = folder / "base" / split / f"seed{seed}"
            write_cube(place, grown(shape, seed), 2 if zarr_format == "2" else 3)
            click.echo(place)
    except NeurokitError as error:
        raise click.ClickException(str(error)) from error


def grown(shape: tuple[int, int, int], seed: int) -> Volume:
    """A volume of synthetic tissue, of the size of NISB's voxels.

    Raises:
        NeurokitError: a volume cannot have this shape.
    """
    settings = {"shape": list(shape), "seed": seed, "voxel_size_nm": [20, 9, 9]}
    overrides = [f"data.train.{key}={value}" for key, value in settings.items()]
    dataset = load_recipe(_RECIPE, overrides).data.train
    assert dataset is not None
    (volume,) = dataset.volumes()
    return volume


def write_cube(folder: Path, volume: Volume, zarr_format: Literal[2, 3] = 2) -> None:
    """Write a labelled volume to a folder as a cube of NISB, with skeletons of its labels.

    Raises:
        NeurokitError: the folder cannot be written.
    """
    assert volume.labels is not None
    image, labels = np.asarray(volume.image[...]), np.asarray(volume.labels[...])
    arrays = {"img": image.transpose()[..., None], "seg": labels.transpose()}
    try:
        group = zarr.open_group(folder / "data.zarr", mode="w", zarr_format=zarr_format)
        for name, array in arrays.items():
            chunks = tuple(min(64, size) for size in array.shape)
            stored = group.create_array(name, shape=array.shape, chunks=chunks, dtype=array.dtype)
            stored[...] = array
    except OSError as error:
        raise NeurokitError(f"cannot write {folder}: {error.strerror or error}") from error
    write_skeletons(folder / "skeleton.npz", trace(labels, volume.voxel_size_nm))


if __name__ == "__main__":
    main()
