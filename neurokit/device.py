"""Where the network runs, in which precision, and compiled or not."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from neurokit.distributed import world
from neurokit.errors import NeurokitError, RecipeError, first_line
from neurokit.schema import System

log = logging.getLogger("neurokit")

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""The types that networks compute in, by name."""


def choose_device(system: System) -> torch.device:
    """The device of this process that `system` asks for.

    Raises:
        NeurokitError: it is not there.
    """
    if system.device == "cpu" or system.num_gpus == 0:
        return torch.device("cpu")
    visible = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if system.num_gpus != "all" and system.num_gpus > visible:
        raise NeurokitError(
            f"system.num_gpus is {system.num_gpus} and {visible} can be seen; "
            f"ask for fewer, or for 0 to run on the CPU"
        )
    if system.device == "auto":
        return torch.device("cuda", _own_gpu(visible)) if visible else torch.device("cpu")
    try:
        device = torch.device(system.device)
    except RuntimeError:
        device = torch.device("meta")
    if device.type != "cuda":
        raise RecipeError(
            [f"system.device is {system.device!r}; it must be auto, cpu, cuda or cuda:<number>"]
        )
    if (device.index or 0) >= visible:
        raise NeurokitError(
            f"system.device is '{system.device}' and {visible} GPUs can be seen; "
            f"try --device cpu, or check the driver with nvidia-smi"
        )
    return device if device.index is not None else torch.device("cuda", _own_gpu(visible))


def _own_gpu(visible: int) -> int:
    """The GPU of this process among those that it sees; schedulers may show each only its own."""
    place = world()
    if visible == 1:
        return 0
    if place.local_rank >= visible:
        raise NeurokitError(
            f"process {place.local_rank + 1} of this machine finds {visible} GPUs; "
            f"start one process a GPU"
        )
    return place.local_rank


def processes_wanted(system: System) -> int:
    """How many processes `system` asks this one to start; 1 where it is one of several already."""
    device = choose_device(system)
    if device.type == "cpu" or world().size > 1 or ":" in system.device:
        return 1
    return torch.cuda.device_count() if system.num_gpus == "all" else system.num_gpus


def choose_precision(
    system: System, device: torch.device, made_in: str | None = None
) -> torch.dtype:
    """The type in which convolutions are computed; weights and losses stay float32.

    Args:
        system: of the recipe.
        device: that computes.
        made_in: what a trained network computed in before, which "auto" then means, unless the
            device only emulates it; None of a new network, or where it is not known.
    """
    if system.precision != "auto":
        return PRECISIONS[system.precision]
    if made_in is not None and _is_native(PRECISIONS[made_in], device):
        return PRECISIONS[made_in]
    if device.type == "cuda":
        return torch.bfloat16 if _is_native(torch.bfloat16, device) else torch.float16
    return torch.bfloat16 if _bfloat16_wins_on_cpu() else torch.float32


def _is_native(precision: torch.dtype, device: torch.device) -> bool:
    """Whether a device computes in a type by itself: in others it is slow."""
    if precision == torch.float32:
        return True
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return native or precision == torch.float16
    return precision == torch.bfloat16 and torch.cpu._is_avx512_bf16_supported()


def precision_name(precision: torch.dtype) -> str:
    """A type as recipes and files call it."""
    return str(precision).removeprefix("torch.")


@cache
def _bfloat16_wins_on_cpu() -> bool:
    """Whether a convolution and its gradient take less time in bfloat16 on this CPU.

    A tenth less is asked for, so that the choice does not hang on noise.
    """
    if not _is_native(torch.bfloat16, torch.device("cpu")):
        return False
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 16, 8, 48, 48, generator=generator)
    weight = torch.rand(16, 16, 3, 3, 3, generator=generator, requires_grad=True)
    weight = weight.contiguous(memory_format=torch.channels_last_3d).detach().requires_grad_()

    def seconds(enabled: bool) -> float:
        started = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            total = nn.functional.conv3d(image, weight, padding=1).float().sum()
        torch.autograd.backward(total)
        return time.perf_counter() - started

    seconds(True), seconds(False)  # the first of each prepares its kernels
    half, full = (min(seconds(enabled) for _ in range(5)) for enabled in (True, False))
    return half < 0.9 * full


def use_threads(system: System) -> None:
    """Let torch use as many CPU threads as `system` asks for; processes share the cores."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    share = max(1, (available or 1) // world().local_size)
    torch.set_num_threads(system.threads or share)


class MixedPrecision(nn.Module):
    """A network that computes in `precision`, and answers in the precision of its weights.

    Args:
        network: keeps its weights, their names and their precision.
        precision: of convolutions and products.
        compiled: let torch.compile fuse its operations; where that fails, one line in the log says
            so, and the network runs as it is.
    """

    def __init__(
        self, network: nn.Module, precision: torch.dtype, *, compiled: bool = False
    ) -> None:
        super().__init__()
        self.network = network
        self.precision = precision
        self._compiled: Callable[[torch.Tensor], torch.Tensor] | None = None
        if compiled:
            log.info("compiling the network: its first answer may take minutes")
            self._compiled = torch.compile(network)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        weights = next(self.network.parameters(), image).dtype
        enabled = self.precision not in (torch.float32, weights)
        with torch.autocast(image.device.type, dtype=self.precision, enabled=enabled):
            return self._logits(image.to(weights)).to(weights)

    def _logits(self, image: torch.Tensor) -> torch.Tensor:
        if self._compiled is not None:
            try:
                return self._compiled(image)
            except Exception as error:
                if out_of_memory(error):
                    raise
                # A fault of the network's own shows again below.
                log.warning("torch.compile cannot be used, going on without: %s", first_line(error))
                self._compiled = None
        logits: torch.Tensor = self.network(image)
        return logits


def wants_compiling(system: System, device: torch.device) -> bool:
    """Whether networks are compiled: by default on GPUs, where it pays for the minute it takes."""
    return device.type == "cuda" if system.compile == "auto" else system.compile


def channels_last(network: nn.Module) -> nn.Module:
    """The network with its convolutions' weights in the layout that is fastest.

    The layout passes on to what the convolutions compute. Images keep theirs: of one channel in
    this layout, GroupNorm's gradient reads beyond its memory (torch 2.13, CPU).
    """
    for parameter in network.parameters():
        if parameter.ndim == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    return network


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whichever device."""
    signs = ("out of memory", "not enough memory", "DefaultCPUAllocator")
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)
