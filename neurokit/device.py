"""Where the network runs, and in which precision."""

from __future__ import annotations

import os

import torch

from neurokit.errors import NeurokitError
from neurokit.schema import System


def choose_device(system: System) -> torch.device:
    """The device that `system` asks for.

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
        return torch.device("cuda" if visible else "cpu")
    try:
        device = torch.device(system.device)
    except RuntimeError:
        device = torch.device("meta")
    if device.type != "cuda":
        raise NeurokitError(
            f"system.device is {system.device!r}; it must be auto, cpu, cuda or cuda:<number>"
        )
    if (device.index or 0) >= visible:
        raise NeurokitError(
            f"system.device is '{system.device}' and {visible} GPUs can be seen; "
            f"try --device cpu, or check the driver with nvidia-smi"
        )
    return device


def choose_precision(system: System, device: torch.device) -> torch.dtype:
    """The type in which convolutions are computed; weights and losses stay float32."""
    if system.precision != "auto":
        return torch.bfloat16 if system.precision == "bfloat16" else torch.float32
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # Without these instructions the CPU emulates bfloat16, slower than float32.
        native = torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if native else torch.float32


def use_threads(system: System) -> None:
    """Let torch use as many CPU threads as `system` asks for."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(system.threads or available or 1)


class MixedPrecision(torch.nn.Module):
    """A network that computes in `precision` and answers in float32."""

    def __init__(self, network: torch.nn.Module, precision: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self.precision = precision

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        enabled = self.precision != torch.float32
        with torch.autocast(image.device.type, dtype=torch.bfloat16, enabled=enabled):
            logits: torch.Tensor = self.network(image)
        return logits.float()
