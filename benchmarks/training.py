"""How fast training is beside a plain PyTorch loop, on the same network, samples and machine.

    python benchmarks/training.py
    python benchmarks/training.py --device cuda --precision bfloat16 --patch 16 224 224 --batch 4

Three contenders, each in a process of its own, take turns: a loop around a DataLoader whose
workers cut, augment with MONAI and compute affinities in NumPy (the way of PyTorch Connectomics),
with the network's weights laid out as they are; the same with weights in channels_last_3d; and
neurokit's trainer. The second against the first is what the memory format brings, the third
against the second what the engine brings. All train SNEMI3D's RSUNet on phantom tissue with the
same loss, in the same precision, and clip gradients alike; the loop's optimizer is torch's AdamW
as it comes. Both sides flip, turn, warp, change contrast and brightness and add noise, each with
its own components of that name: MONAI's warp displaces by a fraction of a voxel, neurokit's also
turns, stretches and shears. Defects of sections are left out, as MONAI has none.

Each round begins with steps that are not timed: they use up what the workers prepared while
another contender had its turn. On a GPU it also says what share of neurokit's time the GPU
computes, and what part of the card's peak its network reaches. Needs MONAI:
`pip install --group benchmarks`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from math import prod
from multiprocessing import get_context
from multiprocessing.connection import Connection
from os import sched_getaffinity
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Literal

import click
import numpy as np
import torch
from attrs import frozen
from monai.data.utils import worker_init_fn
from monai.transforms.compose import Compose
from monai.transforms.intensity.dictionary import (
    RandAdjustContrastd,
    RandGaussianNoised,
    RandShiftIntensityd,
)
from monai.transforms.spatial.dictionary import Rand3DElasticd, RandFlipd, RandRotate90d
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.ndimage import maximum_filter1d, minimum_filter1d
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from neurokit import Volume, load_recipe
from neurokit.components.datasets.phantom import Phantom
from neurokit.components.losses import BalancedBCE
from neurokit.components.models.rsunet import RSUNet
from neurokit.components.targets import Affinity12
from neurokit.samples import Samples
from neurokit.trainer import Trainer

Size = tuple[int, int, int]
Contender = Literal["loop", "loop, channels last", "neurokit"]
CONTENDERS: tuple[Contender, ...] = ("loop", "loop, channels last", "neurokit")
RECIPE = Path(__file__).parents[1] / "recipes" / "snemi_aff12.toml"
CORES = len(sched_getaffinity(0))
PREFETCHED = 2  # batches that each worker of a DataLoader prepares

# Dense bfloat16 operations a second, in 10^12, from the makers' data sheets.
PEAKS = {
    "H100 PCIe": 756.0,
    "H100": 989.0,
    "H200": 989.0,
    "A100": 312.0,
    "L40S": 362.0,
    "RTX 4090": 165.0,
    "A10": 125.0,
}


@frozen
class Setting:
    """What all contenders have in common; sizes in voxels, axes z, y, x.

    Attributes:
        steps: timed, a round.
        data: the file with the volume that is trained on.
    """

    patch: Size
    batch: int
    steps: int
    device: str
    precision: Literal["float32", "bfloat16"]
    threads: int
    workers: int
    data: str

    def arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Image and labels of the volume, ZYX."""
        with np.load(self.data) as stored:
            return stored["image"], stored["labels"]


@click.command()
@click.option("--patch", type=int, nargs=3, default=(8, 64, 64), help="Voxels z y x.")
@click.option("--batch", type=click.IntRange(min=1), default=2, help="Samples a step.")
@click.option("--steps", type=click.IntRange(min=1), default=6, help="Timed steps a round.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, help="The median of so many.")
@click.option("--device", default="cpu", help="cpu, cuda or cuda:<number>.")
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32")
@click.option("--threads", type=click.IntRange(min=1), default=CORES, help="Of torch.")
@click.option("--workers", type=click.IntRange(min=1), default=CORES, help="Of the DataLoader.")
@click.option("--shape", type=int, nargs=3, default=(24, 192, 192), help="Voxels of the volume.")
@click.option("--peak", type=float, help="The GPU's bfloat16 peak, in 10^12 operations a second.")
def main(rounds: int, shape: Size, peak: float | None, **common: Any) -> None:
    """Time training by a plain loop and by neurokit, taking turns."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, console.status("growing tissue") as status:
        setting = Setting(**common, data=str(Path(folder) / "volume.npz"))
        (volume,) = Phantom(shape=shape, voxel_size_nm=(30, 6, 6)).volumes()
        assert volume.labels is not None
        labels = np.asarray(volume.labels[...], np.int32)
        np.savez(setting.data, image=np.asarray(volume.image[...]), labels=labels)
        pipes = {name: _started(name, setting) for name in CONTENDERS}
        seconds: dict[Contender, list[float]] = {name: [] for name in CONTENDERS}
        try:
            for turn in range(rounds + 1):  # the first warms up
                for name, pipe in pipes.items():
                    status.update(f"round {turn} of {rounds}: {name}" if turn else "warming up")
                    pipe.send("round")
                    took = pipe.recv()
                    if turn:
                        seconds[name].append(took)
            pipes["neurokit"].send("gpu")
            gpu = pipes["neurokit"].recv()
        finally:
            for pipe in pipes.values():
                pipe.close()
    console.print(_table(setting, seconds))
    if gpu:
        console.print(_about_gpu(gpu, setting.steps / median(seconds["neurokit"]), peak))


def _started(name: Contender, setting: Setting) -> Connection:
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    spawn.Process(target=_contend, args=(name, setting, theirs)).start()
    theirs.close()
    return ours


def _table(setting: Setting, seconds: Mapping[Contender, list[float]]) -> Table:
    table = Table(
        "contender",
        "seconds a step",
        "voxels per second",
        "times as fast as loop",
        "as loop, channels last",
        title=f"RSUNet, {setting.batch} patches of {_product(setting.patch)}, "
        f"{setting.precision} on {setting.device}",
        caption=f"median of {len(seconds['neurokit'])} rounds of {setting.steps} steps; "
        f"{setting.threads} threads, {setting.workers} workers of the loop; ratios are medians of "
        f"the rounds'",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    voxels = setting.batch * prod(setting.patch)
    for name in CONTENDERS:
        own = seconds[name]
        step = median(own) / setting.steps
        ratios = [
            median(theirs / mine for theirs, mine in zip(seconds[other], own, strict=True))
            for other in CONTENDERS[:2]
        ]
        table.add_row(
            name, f"{step:.3f}", f"{voxels / step:,.0f}", *(f"{ratio:.2f}" for ratio in ratios)
        )
    return table


def _about_gpu(gpu: Mapping[str, Any], steps_per_second: float, peak: float | None) -> str:
    """What neurokit makes of the card, in words."""
    achieved = gpu["operations"] * steps_per_second / 1e12
    known = peak or next((PEAKS[name] for name in PEAKS if name in gpu["name"]), None)
    share = f", {achieved / known:.1%} of its bfloat16 peak of {known:g}" if known else ""
    return (
        f"neurokit on {gpu['name']}: the GPU computes {gpu['busy']:.1%} of the time; the network "
        f"reaches {achieved:.1f} x 10^12 operations a second{share}"
    )


def _contend(name: Contender, setting: Setting, pipe: Connection) -> None:
    """One contender's process: does what it is asked for until nobody asks any more."""
    torch.set_num_threads(setting.threads)
    torch.manual_seed(0)
    trainer = None if name != "neurokit" else _trainer(setting)
    if trainer is not None:
        steps = _neurokit(setting, trainer)
    else:
        steps = _loop(setting, channels_last=name == "loop, channels last")
    while True:
        try:
            asked = pipe.recv()
        except EOFError:
            return
        if asked == "round":
            pipe.send(_round(setting, steps))
        elif trainer is not None:
            pipe.send(_gpu(setting, trainer, steps) if trainer.device.type == "cuda" else None)


def _round(setting: Setting, steps: Iterator[None]) -> float:
    """Seconds for the timed steps."""
    for _ in range(PREFETCHED * setting.workers):
        next(steps)
    _wait(setting)
    began = perf_counter()
    for _ in range(setting.steps):
        next(steps)
    _wait(setting)
    return perf_counter() - began


def _wait(setting: Setting) -> None:
    if setting.device != "cpu":
        torch.cuda.synchronize(setting.device)


def _trainer(setting: Setting) -> Trainer:
    names = ("flip", "rotate90", "warp", "contrast", "noise")
    augmentations = ", ".join(f"{{use='{name}'}}" for name in names)
    recipe = load_recipe(
        RECIPE,
        [
            "data.train={use='phantom'}",
            f"train.patch_size={list(setting.patch)}",
            f"train.batch_size={setting.batch}",
            f"train.augmentations=[{augmentations}]",
            f"system.device='{setting.device}'",
            f"system.precision='{setting.precision}'",
            f"system.threads={setting.threads}",
        ],
    )
    return Trainer.start(recipe)


def _neurokit(setting: Setting, trainer: Trainer) -> Iterator[None]:
    image_ZYX, labels_ZYX = setting.arrays()
    volume = Volume("phantom", image_ZYX, (30.0, 6.0, 6.0), labels_ZYX)
    samples = Samples([volume], setting.patch, (0, 0, 0), trainer.device)
    for _ in trainer.steps(samples):
        yield


class Patches(Dataset[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]):
    """Random patches of a volume in memory, augmented by MONAI, with affinities from NumPy."""

    def __init__(self, setting: Setting) -> None:
        self.image, self.labels = setting.arrays()
        self.patch = setting.patch
        both = ["image", "labels"]
        self.augment = Compose(
            [
                *(RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in range(3)),
                RandRotate90d(both, prob=0.5, max_k=3, spatial_axes=(1, 2)),
                Rand3DElasticd(
                    both,
                    sigma_range=(4, 8),
                    magnitude_range=(8, 16),
                    prob=0.7,
                    mode=("bilinear", "nearest"),
                    padding_mode="reflection",
                ),
                RandGaussianNoised(["image"], prob=0.3, std=0.05),
                RandShiftIntensityd(["image"], offsets=0.2, prob=0.7),
                RandAdjustContrastd(["image"], prob=0.7, gamma=(0.5, 1.5)),
            ]
        )

    def __len__(self) -> int:
        return 10**9

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Image, target and mask of a sample, float32, CZYX."""
        corner = [
            int(torch.randint(size - edge + 1, ()))
            for size, edge in zip(self.image.shape, self.patch, strict=True)
        ]
        cut = tuple(
            slice(start, start + edge) for start, edge in zip(corner, self.patch, strict=True)
        )
        image = self.image[cut].astype(np.float32)
        image = (image - image.min()) / max(image.max() - image.min(), 1)
        sample = self.augment({"image": image[None], "labels": self.labels[cut][None]})
        labels = np.asarray(sample["labels"][0]).astype(np.int32)
        target, mask = _affinities(_eroded(labels))
        return (
            torch.as_tensor(np.asarray(sample["image"], np.float32)),
            torch.from_numpy(target),
            torch.from_numpy(mask),
        )


def _eroded(labels_ZYX: NDArray[np.int32]) -> NDArray[np.int32]:
    """Contacts of objects widened by a voxel within sections."""
    objects = labels_ZYX > 0
    highest = np.where(objects, labels_ZYX, 0)
    lowest = np.where(objects, labels_ZYX, np.iinfo(np.int32).max)
    for axis in (1, 2):
        highest = maximum_filter1d(highest, 3, axis=axis, mode="mirror")
        lowest = minimum_filter1d(lowest, 3, axis=axis, mode="mirror")
    return np.where((highest > lowest) & objects, 0, labels_ZYX)


def _affinities(
    labels_ZYX: NDArray[np.int32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Twelve affinities and where they are known, CZYX."""
    channels = Affinity12().channels
    target = np.zeros((len(channels), *labels_ZYX.shape), np.float32)
    mask = np.zeros_like(target)
    for number, channel in enumerate(channels):
        assert channel.offset is not None
        here = tuple(slice(step, None) for step in channel.offset)
        there = tuple(slice(None, -step or None) for step in channel.offset)
        end, start = labels_ZYX[here], labels_ZYX[there]
        target[number][here] = (end == start) & (end > 0)
        mask[number][here] = (end != -1) & (start != -1)
    return target, mask


def _loop(setting: Setting, channels_last: bool) -> Iterator[None]:
    """The plain loop; an item is a step."""
    device = torch.device(setting.device)
    channels = Affinity12().channels
    network = RSUNet().build(1, channels).to(device).train()
    if channels_last:
        network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    objective = BalancedBCE().build(channels).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-4, weight_decay=0.01)
    loader = DataLoader(
        Patches(setting),
        setting.batch,
        num_workers=setting.workers,
        prefetch_factor=PREFETCHED,
        pin_memory=device.type == "cuda",
        worker_init_fn=worker_init_fn,
    )
    precision = getattr(torch, setting.precision)
    for image, target, mask in loader:
        image, target, mask = (each.to(device, non_blocking=True) for each in (image, target, mask))
        optimizer.zero_grad()
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            logits = network(image)
        loss, _ = objective(logits.float(), target, mask)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        yield


def _gpu(setting: Setting, trainer: Trainer, steps: Iterator[None]) -> dict[str, Any]:
    """The card's name, its busy share of some steps, and operations a step of the network."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profiler:
        began = perf_counter()
        for _ in range(setting.steps):
            next(steps)
        _wait(setting)
        wall = perf_counter() - began
    kernels = sorted(
        (event.time_range.start, event.time_range.end)
        for event in profiler.events()
        if event.device_type.name == "CUDA"
    )
    # The network alone, uncompiled: what is fused counts as well.
    image = torch.rand(setting.batch, 1, *setting.patch, device=trainer.device)
    with FlopCounterMode(display=False) as counter:
        trainer.network(image).sum().backward()
    return {
        "name": torch.cuda.get_device_name(trainer.device),
        "busy": _covered(kernels) * 1e-6 / wall,
        "operations": counter.get_total_flops(),
    }


def _covered(spans: list[tuple[float, float]]) -> float:
    """The length of the union of spans, which are sorted."""
    covered, reached = 0.0, float("-inf")
    for start, end in spans:
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered


def _product(shape: Size) -> str:
    return " x ".join(map(str, shape))


if __name__ == "__main__":
    main()
