"""Checks of torch and of the device that networks run on."""

from __future__ import annotations

import os
import re
import shutil
import warnings
from pathlib import Path

from neurokit.doctor.findings import Finding, broken, fine, warning
from neurokit.errors import NeurokitError, first_line

_DRIVER = Path("/proc/driver/nvidia/version")
_GPUS_HIDDEN = ("", "-1")


def torch() -> Finding:
    """Which torch this is, what it was built for, and whether that is there."""
    import torch as package

    cuda, rocm = package.version.cuda, getattr(package.version, "hip", None)
    if package.cuda.is_available():
        built = f"for ROCm {rocm}" if rocm else f"for CUDA {cuda}"
        return fine(f"{package.__version__}, {built}, and finds it")
    driver = _driver()
    if cuda is None and rocm is None:
        what = f"{package.__version__}, built for the CPU"
        if driver is None:
            return fine(what)
        return warning(
            f"{what}, and there is an NVIDIA driver, {driver}",
            "to use the GPU, install a build of torch for CUDA: see pytorch.org/get-started",
        )
    what = f"{package.__version__}, built for {'ROCm ' + rocm if rocm else f'CUDA {cuda}'}"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in _GPUS_HIDDEN:
        return warning(
            f"{what}; GPUs are hidden by CUDA_VISIBLE_DEVICES='{hidden}'",
            "unset CUDA_VISIBLE_DEVICES to use them",
        )
    if driver is None:
        return warning(
            f"{what}, and finds no driver",
            "if this machine has a GPU, install its driver, or ask the scheduler for a GPU; if it "
            "has none, all is well: the CPU is used",
        )
    return warning(
        f"{what}, and cannot use the driver {driver}: {_why_no_cuda()}",
        "update the driver, or install a torch that was built for an older CUDA",
    )


def _driver() -> str | None:
    """The version of NVIDIA's driver; None where there is none."""
    try:
        text = _DRIVER.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    match = re.search(r"\d+\.\d+(?:\.\d+)?", text)
    return match[0] if match else "of unknown version"


def _why_no_cuda() -> str:
    import torch as package

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            package.zeros(1, device="cuda")
    except Exception as error:  # torch raises RuntimeError, AssertionError and others
        return first_line(error)
    return "it names no GPU"


def gpus() -> Finding:
    """Which GPUs there are, and whether this torch has code for them."""
    import torch as package

    if not package.cuda.is_available():
        if package.backends.mps.is_available():
            return fine("that of the Mac (MPS), which neurokit does not use; the CPU is used")
        return fine("none; the CPU is used")
    described, unfit = [], []
    known = {each for each in package.cuda.get_arch_list() if each.startswith("sm_")}
    oldest = min((_capability(each) for each in known), default=(0, 0))
    for index in range(package.cuda.device_count()):
        properties = package.cuda.get_device_properties(index)
        free, total = package.cuda.mem_get_info(index)
        described.append(
            f"{properties.name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free, "
            f"compute capability {properties.major}.{properties.minor}"
        )
        if (properties.major, properties.minor) < oldest:
            unfit.append(properties.name)
    driver = _driver()
    what = "; ".join(described) + (f"; driver {driver}" if driver else "")
    if unfit:
        return broken(
            f"{what}; this torch has no code for {', '.join(unfit)}",
            "install an older torch, or run on the CPU with --device cpu",
        )
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        return warning(
            f"{what}; there is no C compiler, so networks run without torch.compile, slower",
            "install gcc, or load its module",
        )
    return fine(what)


def _capability(architecture: str) -> tuple[int, int]:
    """Of sm_90a, 9 and 0."""
    digits = re.sub(r"\D", "", architecture)
    return int(digits[:-1]), int(digits[-1])


def precision() -> Finding:
    """Where networks run, and in which precision, if a recipe says nothing."""
    from neurokit.device import choose_device, choose_precision
    from neurokit.schema import System

    try:
        device = choose_device(System())
    except NeurokitError as error:
        return warning(str(error), "name a device with --device")
    chosen = str(choose_precision(System(), device)).removeprefix("torch.")
    return fine(f"{chosen} on {'the CPU' if device.type == 'cpu' else device}")


def convolution() -> Finding:
    """Whether a small convolution comes out as counted by hand, on the device."""
    import numpy as np
    import torch as package

    from neurokit.device import choose_device
    from neurokit.schema import System

    device = choose_device(System())
    image_ZYX = np.arange(4 * 5 * 6).reshape(4, 5, 6) % 7
    windows = np.lib.stride_tricks.sliding_window_view(image_ZYX, (3, 3, 3))
    expected_ZYX = windows.sum((3, 4, 5))
    image = package.tensor(image_ZYX, dtype=package.float32, device=device)[None, None]
    kernel = package.ones(1, 1, 3, 3, 3, device=device)
    found_ZYX = package.nn.functional.conv3d(image, kernel)[0, 0].cpu().numpy()
    # Small whole numbers are exact in every precision that a device may choose.
    if np.array_equal(found_ZYX, expected_ZYX):
        return fine(f"right on {'the CPU' if device.type == 'cpu' else device}")
    return broken(
        f"a convolution on {device} is off by up to {np.abs(found_ZYX - expected_ZYX).max():g}",
        "restart the machine, then try another version of torch; until then use --device cpu",
    )
