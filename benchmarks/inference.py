"""How fast inference is beside MONAI's, on the same network, windows and machine.

    python benchmarks/inference.py
    python benchmarks/inference.py --device cuda --window 16 224 224 --shape 64 672 672

Three contenders, each in a process of its own, take turns: MONAI's `sliding_window_inference`
with the weights laid out as they are, the same with weights in channels_last_3d, and neurokit's
sliding window with those. How many times as fast the second is as the first is what the memory
format brings, the third as the second what the engine brings. All compute in the same precision
under `torch.inference_mode`, with the same windows and overlap; MONAI blends with its "gaussian"
weights, which fade like neurokit's "bump".

Timed is the way from an image in memory to a file with activated affinities; for MONAI also its
call alone, which leaves logits in memory and activates and writes nothing. The seconds that the
cores worked, over all threads, tell of a machine that others use, too. Needs MONAI:
`pip install --group benchmarks`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from math import prod
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Literal

import click
import h5py
import numpy as np
import torch
from attrs import frozen
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import nn

from neurokit import Volume
from neurokit.components.inferers import SlidingWindow
from neurokit.components.models.rsunet import RSUNet
from neurokit.components.targets import Affinity12
from neurokit.device import MixedPrecision

Size = tuple[int, int, int]
Times = tuple[float, float, float]
"""Seconds of a round, of the call within it, and that the cores worked."""
Contender = Literal["monai", "channels last", "neurokit"]
CONTENDERS: tuple[Contender, ...] = ("monai", "channels last", "neurokit")


@frozen
class Setting:
    """What all contenders have in common; sizes in voxels, axes z, y, x."""

    shape: Size
    window: Size
    overlap: float
    batch: int
    device: str
    precision: Literal["float32", "bfloat16"]
    threads: int

    def network(self, channels_last: bool) -> nn.Module:
        """The pinned RSUNet, the same for all, in evaluation mode."""
        torch.manual_seed(0)
        network = RSUNet().build(1, Affinity12().channels)
        if channels_last:
            network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        return MixedPrecision(network, getattr(torch, self.precision)).to(self.device).eval()

    def image_ZYX(self) -> NDArray[np.uint8]:
        """Random grey values."""
        return np.random.default_rng(0).integers(0, 256, self.shape, dtype=np.uint8)


@click.command()
@click.option("--shape", type=int, nargs=3, default=(16, 208, 208), help="Voxels z y x.")
@click.option("--window", type=int, nargs=3, default=(16, 128, 128), help="Voxels z y x.")
@click.option("--overlap", type=float, default=0.5, help="Share of a window.")
@click.option("--batch", type=click.IntRange(min=1), default=4, help="Windows at once.")
@click.option("--device", default="cpu", help="cpu, cuda or cuda:<number>.")
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32")
@click.option("--threads", type=click.IntRange(min=1), default=torch.get_num_threads())
@click.option("--rounds", type=click.IntRange(min=1), default=3, help="The median of so many.")
def main(rounds: int, **common: object) -> None:
    """Time inference by MONAI and by neurokit, taking turns."""
    setting = Setting(**common)  # type: ignore[arg-type]
    console = Console()
    spawn = get_context("spawn")
    pipes: dict[Contender, Connection] = {}
    for name in CONTENDERS:
        pipes[name], theirs = spawn.Pipe()
        spawn.Process(target=_contend, args=(name, setting, theirs), daemon=True).start()
    times: dict[Contender, list[Times]] = {name: [] for name in CONTENDERS}
    with console.status("warming up") as status:
        for turn in range(rounds + 1):  # the first warms up
            for name, pipe in pipes.items():
                status.update(f"round {turn} of {rounds}: {name}")
                pipe.send("go")
                seconds = pipe.recv()
                if turn:
                    times[name].append(seconds)
    for pipe in pipes.values():
        pipe.send(None)
    console.print(_table(setting, times))


def _table(setting: Setting, times: dict[Contender, list[Times]]) -> Table:
    table = Table(
        "contender",
        "seconds",
        "in the call",
        "of the cores",
        "voxels per second",
        "x monai",
        "x channels last",
        title=f"{_product(setting.shape)} voxels, window {_product(setting.window)}, overlap "
        f"{setting.overlap:g}, batch {setting.batch}, {setting.precision} on {setting.device}",
        caption=f"median of {len(times['neurokit'])}; {setting.threads} threads; ratios are "
        f"medians of the rounds'",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for name in CONTENDERS:
        whole = [seconds for seconds, _, _ in times[name]]
        ratios = [
            median(theirs / own for (theirs, _, _), own in zip(times[other], whole, strict=True))
            for other in CONTENDERS[:2]
        ]
        table.add_row(
            name,
            f"{median(whole):.2f}",
            f"{median(inside for _, inside, _ in times[name]):.2f}",
            f"{median(worked for _, _, worked in times[name]):.2f}",
            f"{prod(setting.shape) / median(whole):,.0f}",
            *(f"{ratio:.2f}" for ratio in ratios),
        )
    return table


def _contend(name: Contender, setting: Setting, pipe: Connection) -> None:
    """One contender's process: a round whenever asked, answered with seconds."""
    torch.set_num_threads(setting.threads)
    with tempfile.TemporaryDirectory() as folder:
        work = _neurokit if name == "neurokit" else _monai
        turn = work(setting, setting.network(name != "monai"), Path(folder) / "out.h5")
        while pipe.recv() is not None:
            began, worked = perf_counter(), process_time()
            inside = turn()
            pipe.send((perf_counter() - began, inside, process_time() - worked))


def _neurokit(setting: Setting, network: nn.Module, out: Path) -> Callable[[], float]:
    inferer = SlidingWindow(
        window=setting.window, overlap=setting.overlap, sw_batch_size=setting.batch
    )
    channels = Affinity12().channels
    volume = Volume("random", setting.image_ZYX(), (30.0, 6.0, 6.0), source="benchmark")

    def turn() -> float:
        began = perf_counter()
        inferer.infer(network, channels, volume, out)
        return perf_counter() - began

    return turn


def _monai(setting: Setting, network: nn.Module, out: Path) -> Callable[[], float]:
    image_ZYX = setting.image_ZYX()

    def turn() -> float:
        with torch.inference_mode():
            image = torch.from_numpy(image_ZYX).to(setting.device)[None, None].float() / 255
            began = perf_counter()
            logits = sliding_window_inference(
                image,
                setting.window,
                setting.batch,
                network,
                overlap=setting.overlap,
                mode="gaussian",
            )
            if image.is_cuda:
                torch.cuda.synchronize()
            inside = perf_counter() - began
            assert isinstance(logits, torch.Tensor)
            affinities_CZYX = torch.sigmoid(logits)[0].cpu().numpy()
        with h5py.File(out, "w") as file:
            file["main"] = affinities_CZYX
        return inside

    return turn


def _product(shape: Size) -> str:
    return " x ".join(map(str, shape))


if __name__ == "__main__":
    main()
