"""How long each stage of a run takes on the phantom, on the CPU.

    python benchmarks/stages.py --shape 32 256 256 --repeat 3

The network is not trained, so decoding and scoring get the true affinities with noise instead of
a prediction: about as many fragments and contacts as a good network leaves.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from statistics import median
from time import perf_counter

import click
import numpy as np
import torch
from attrs import frozen
from rich.console import Console
from rich.table import Table

from neurokit import Prediction, Volume, load_recipe
from neurokit.components.datasets.phantom import Phantom
from neurokit.components.decoders import Waterz
from neurokit.components.inferers import SlidingWindow
from neurokit.components.metrics import AdaptedRand
from neurokit.components.models.rsunet import RSUNet
from neurokit.components.targets import Affinity12
from neurokit.samples import Samples
from neurokit.trainer import Trainer

Size = tuple[int, int, int]
RECIPE = Path(__file__).parents[1] / "recipes" / "snemi_aff12.toml"


@frozen
class Stage:
    """Something to time, and how many voxels it treats."""

    name: str
    voxels: int
    work: Callable[[], object]

    def seconds(self, repeat: int) -> float:
        """The median duration."""
        durations = []
        for _ in range(repeat):
            began = perf_counter()
            self.work()
            durations.append(perf_counter() - began)
        return median(durations)


@click.command()
@click.option("--shape", type=int, nargs=3, default=(32, 256, 256), help="Voxels z y x.")
@click.option("--patch", type=int, nargs=3, default=(16, 128, 128), help="Patch and window, z y x.")
@click.option("--repeat", type=click.IntRange(min=1), default=3, help="The median of so many.")
def main(shape: Size, patch: Size, repeat: int) -> None:
    """Time generation, target, training step, inference, decoding and scoring."""
    multiple = RSUNet().size_multiple()
    if any(edge % step for edge, step in zip(patch, multiple, strict=True)):
        raise click.UsageError(f"--patch must be a multiple of {multiple}")
    if any(edge > size for edge, size in zip(patch, shape, strict=True)):
        raise click.UsageError("--patch must not be larger than --shape")
    table = Table(
        "stage",
        "seconds",
        "voxels per second",
        title=f"phantom of {_product(shape)}, patch {_product(patch)}, median of {repeat}",
        caption=f"{os.cpu_count()} cores",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    console = Console()
    with tempfile.TemporaryDirectory() as folder, console.status("") as status:
        for stage in _stages(shape, patch, Path(folder)):
            status.update(stage.name)
            seconds = stage.seconds(repeat)
            table.add_row(stage.name, f"{seconds:.3f}", f"{stage.voxels / seconds:,.0f}")
    console.print(table)


def _stages(shape: Size, patch: Size, folder: Path) -> list[Stage]:
    volume = _phantom(shape)
    labels_BZYX = torch.from_numpy(np.asarray(volume.labels)[None].astype(np.int64))
    target = Affinity12()
    trainer = _trainer(patch)
    steps = trainer.steps(Samples([volume], patch, (0, 0, 0), trainer.device))
    inferer = SlidingWindow(window=patch)
    noisy = _noisy_affinities(labels_BZYX, volume.voxel_size_nm)
    decoder, metric = Waterz(), AdaptedRand()
    segmentation_ZYX = decoder.decode(noisy)
    return [
        Stage("generation", prod(shape), lambda: _phantom(shape)),
        Stage("target", prod(shape), lambda: target.encode(labels_BZYX)),
        Stage("training step", prod(patch), lambda: next(steps)),
        Stage(
            "inference",
            prod(shape),
            lambda: _infer(trainer, inferer, volume, folder / "out.h5"),
        ),
        Stage("decoding", prod(shape), lambda: decoder.decode(noisy)),
        Stage("scoring", prod(shape), lambda: metric.score(segmentation_ZYX, volume)),
    ]


def _phantom(shape: Size) -> Volume:
    """The phantom, image and labels in memory."""
    (volume,) = Phantom(shape=shape).volumes()
    assert volume.labels is not None
    image, labels = np.asarray(volume.image[...]), np.asarray(volume.labels[...])
    return Volume(volume.name, image, volume.voxel_size_nm, labels, volume.source)


def _infer(trainer: Trainer, inferer: SlidingWindow, volume: Volume, out: Path) -> None:
    with trainer.predicting():
        inferer.infer(trainer.forward, trainer.recipe.target.channels, volume, out)


def _trainer(patch: Size) -> Trainer:
    """Of SNEMI3D's recipe on the CPU, one patch a step."""
    choices = ["data.train={use='phantom'}", f"train.patch_size={list(patch)}"]
    return Trainer.start(load_recipe(RECIPE, [*choices, "train.batch_size=1", "system.num_gpus=0"]))


def _noisy_affinities(
    labels_BZYX: torch.Tensor, voxel_size_nm: tuple[float, float, float]
) -> Prediction:
    target = Affinity12()
    true_CZYX = target.encode(labels_BZYX)[0][0].numpy()
    noise_CZYX = np.random.default_rng(0).normal(0, 0.15, true_CZYX.shape)
    values_CZYX = np.clip(0.1 + 0.8 * true_CZYX + noise_CZYX, 0, 1).astype(np.float32)
    return Prediction(values_CZYX, target.channels, voxel_size_nm)


def _product(shape: Size) -> str:
    return " x ".join(map(str, shape))


if __name__ == "__main__":
    main()
