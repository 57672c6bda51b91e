"""How much memory inference takes, whatever the network's own share.

    python benchmarks/inference_memory.py
    python benchmarks/inference_memory.py --shape 100 512 512 --memory-gib 1

A network of one convolution predicts the twelve affinities of `aff12` for a volume that lies in a
file, with the pinned SNEMI window: once plainly, once with all 16 views of test-time augmentation.
Each runs in a process of its own; so does RSUNet's own forward pass over one batch of windows,
whose memory comes on top with the real network. Reported is the peak of its resident memory above
what it held before the call; that of the operating system's file cache is not part of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from neurokit import Volume, freed_memory_kept, open_array, write_array
from neurokit.components.inferers import SlidingWindow, TestTimeAugmentation
from neurokit.components.models.rsunet import RSUNet
from neurokit.components.targets import Affinity12
from neurokit.device import channels_last

Size = tuple[int, int, int]
WINDOW: Size = (16, 224, 224)


@click.command()
@click.option("--shape", type=int, nargs=3, default=(100, 1024, 1024), help="Voxels z y x.")
@click.option("--memory-gib", type=float, default=4.0, help="What the inferer is allowed.")
@click.option("--batch", type=click.IntRange(min=1), default=16, help="Windows at once, at most.")
def main(shape: Size, memory_gib: float, batch: int) -> None:
    """Measure the peak memory of inference, without and with test-time augmentation."""
    table = Table(
        "what runs",
        "peak GiB above start",
        "seconds",
        title=f"{' x '.join(map(str, shape))} voxels, 12 channels, memory_gib = {memory_gib:g}",
    )
    console = Console()
    with tempfile.TemporaryDirectory() as folder, console.status("") as status:
        image = Path(folder) / "image.h5"
        write_array(image, np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
        for augmented in (False, True):
            name = "inference, 16 views" if augmented else "inference"
            status.update(name)
            inferer = SlidingWindow(
                window=WINDOW,
                sw_batch_size=batch,
                pad=(8, 128, 128),
                memory_gib=memory_gib,
                test_time_augmentation=TestTimeAugmentation(enabled=augmented),
            )
            peak, seconds = _measured(_infer, inferer, image, Path(folder) / "prediction.h5")
            table.add_row(name, f"{peak:.2f}", f"{seconds:.0f}")
        name = f"RSUNet, {batch} windows at once"
        status.update(name)
        peak, seconds = _measured(_forward, batch)
        table.add_row(name, f"{peak:.2f}", f"{seconds:.0f}")
    console.print(table)


def _measured(work: Callable[..., None], *arguments: object) -> tuple[float, float]:
    """Peak memory in GiB and seconds of work in a new process."""
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    child = spawn.Process(target=work, args=(*arguments, theirs), daemon=True)
    child.start()
    theirs.close()  # so that a child that dies ends the wait
    peak, seconds = ours.recv()
    child.join()
    return peak, seconds


def _infer(inferer: SlidingWindow, image: Path, out: Path, pipe: Connection) -> None:
    channels = Affinity12().channels
    network = nn.Conv3d(1, len(channels), 3, padding=1)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    volume = Volume("random", open_array(str(image)), (30.0, 6.0, 6.0), source="benchmark")
    with torch.inference_mode():
        network(torch.zeros(1, 1, 8, 8, 8))  # loads the libraries that any network needs
    before, began = _resident_gib("VmRSS"), perf_counter()
    inferer.infer(network, channels, volume, out)
    pipe.send((_resident_gib("VmHWM") - before, perf_counter() - began))


def _forward(batch: int, pipe: Connection) -> None:
    network = channels_last(RSUNet().build(1, Affinity12().channels)).eval()
    with torch.inference_mode(), freed_memory_kept():
        network(torch.zeros(1, 1, 1, 16, 16))
        before, began = _resident_gib("VmRSS"), perf_counter()
        network(torch.zeros(batch, 1, *WINDOW))
        pipe.send((_resident_gib("VmHWM") - before, perf_counter() - began))


def _resident_gib(key: str) -> float:
    """An entry of /proc/self/status: VmRSS now, VmHWM at its highest."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 2**20
    raise RuntimeError(f"/proc/self/status has no {key}")


if __name__ == "__main__":
    main()
