"""Inferers: running a network over a whole volume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Literal, get_args

import h5py
import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import nn

from neurokit import (
    Channel,
    Inferer,
    NeurokitError,
    Prediction,
    Volume,
    create_prediction,
    mirrored,
    param,
    require_space,
    track,
    writing_h5,
)

Blend = Literal["bump", "constant"]
Size = tuple[int, int, int]


@frozen(kw_only=True)
class SlidingWindow(Inferer):
    """Overlapping windows, their logits blended with weights that fade towards the edges.

    Windows stand `round(window * (1 - overlap))` voxels apart along each axis, the last one
    against the end of the volume. Where they overlap, the weighted mean of their logits is taken
    in float32 and then activated. The `bump` weight along an axis of n voxels is
    exp(-1 / (1 - u^2)) with u = 2 (i + 1) / (n + 1) - 1 at voxel i, and the weight of a voxel is
    the product over the axes, as in PyTorch Connectomics.

    Before that the image is mirrored outwards by `pad` on both sides of each axis, without
    repeating its edge, and by more where it would still be smaller than the window. The
    prediction keeps exactly the voxels of the image, whatever its channels. PyTorch Connectomics
    arrives at the same voxels in two steps: of an image padded by [8, 128, 128] it crops
    [7, 8, 127, 128, 127, 128], before and after along each axis, and the one voxel too many in
    front of each axis goes when affinities of offset 1 are cropped.

    Memory is bounded by sections, not by the volume: the image is read, and the prediction
    blended, for no more than the depth of a window at once.
    """

    window: Size = param(help="voxels (z, y, x) that the network sees at once", low=1)
    overlap: float = param(
        0.5, help="share of a window that the next one covers too, below 1", low=0
    )
    sw_batch_size: int = param(4, help="windows that run through the network together", low=1)
    pad: Size = param(
        (0, 0, 0), help="voxels (z, y, x) mirrored around the image, then removed", low=0
    )
    blend: Blend = param(
        "bump", help="weights of a window: fading, or the same everywhere", choices=get_args(Blend)
    )

    def __attrs_post_init__(self) -> None:
        if not self.overlap < 1:
            raise NeurokitError(f"overlap must be below 1, not {self.overlap}")

    def input_size(self) -> Size:
        return self.window

    def infer(
        self, module: nn.Module, channels: Sequence[Channel], volume: Volume, out: Path
    ) -> Prediction:
        """The activated prediction, float32, of the volume's image.

        The work is done on the device of the module's parameters.

        Raises:
            NeurokitError: the module's output does not fit its input and the channels, memory
                runs out, or the file cannot be written; `out` is then as it was before.
        """
        device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
        z, y, x = (
            _Axis(size, window, pad, self.overlap, self.blend)
            for size, window, pad in zip(volume.shape, self.window, self.pad, strict=True)
        )
        total = prod(len(axis.starts) for axis in (z, y, x))
        require_space(out.parent, 4 * len(channels) * prod(volume.shape))
        with writing_h5(out) as file, _out_of_memory_explained(), torch.inference_mode():
            dataset = create_prediction(file, channels, volume.shape, volume.voxel_size_nm)
            blended = _RollingBlend((z, y, x), channels, dataset, device)
            windows = self._windows(module, len(channels), volume, (z, y, x), device)
            for place, logits_CZYX in track(windows, "windows", total):
                blended.add(place, logits_CZYX)
            blended.finish()
        return Prediction.open(out)

    def _windows(
        self,
        module: nn.Module,
        num_channels: int,
        volume: Volume,
        axes: tuple[_Axis, _Axis, _Axis],
        device: torch.device,
    ) -> Iterator[tuple[Size, torch.Tensor]]:
        """The logits of every window and which one it is along z, y and x, in the order of z."""
        z, y, x = axes
        places = [(j, k) for j in range(len(y.starts)) for k in range(len(x.starts))]
        for i in range(len(z.starts)):
            slab = torch.from_numpy(_read(volume, z.source[z.covered(i)], y.source, x.source))
            slab = slab.to(device)
            for first in range(0, len(places), self.sw_batch_size):
                batch = places[first : first + self.sw_batch_size]
                image = torch.stack([slab[None, :, y.covered(j), x.covered(k)] for j, k in batch])
                logits = module(image)
                _check_output(logits, (len(batch), num_channels, *self.window))
                for (j, k), logits_CZYX in zip(batch, logits.float(), strict=True):
                    yield (i, j, k), logits_CZYX


class _Axis:
    """One axis of the padded image, and the windows along it.

    Attributes:
        size: voxels of the image.
        window: voxels of a window.
        before: mirrored voxels in front of the image.
        source: for each voxel of the padded image, the one of the image that it repeats.
        starts: where the windows begin, ascending, in the padded image.
        shares: the part that each window has in the result at each of its voxels. At every voxel
            of the padded image, the shares of the windows that cover it sum to 1.
    """

    def __init__(self, size: int, window: int, pad: int, overlap: float, blend: Blend) -> None:
        missing = max(0, window - (size + 2 * pad))
        self.size = size
        self.window = window
        self.before = pad + missing // 2
        after = pad + missing - missing // 2
        self.source = mirrored(np.arange(-self.before, size + after), size)
        stride = max(1, round(window * (1 - overlap)))
        last = len(self.source) - window
        self.starts = [*range(0, last, stride), last]
        self.shares = self._shares(_log_weights(window, blend))

    def covered(self, index: int) -> slice:
        """The voxels of the padded image under a window."""
        return slice(self.starts[index], self.starts[index] + self.window)

    def _shares(self, log_weights: NDArray[np.float64]) -> list[NDArray[np.float32]]:
        # The grid is a product of axes, so each axis can be normalised by itself. In logarithms,
        # weights that would underflow at the edge of a window still have the right proportions.
        log_total = np.full(len(self.source), -np.inf)
        covered = [self.covered(index) for index in range(len(self.starts))]
        for voxels in covered:
            log_total[voxels] = np.logaddexp(log_total[voxels], log_weights)
        return [np.exp(log_weights - log_total[voxels]).astype(np.float32) for voxels in covered]


def _log_weights(window: int, blend: Blend) -> NDArray[np.float64]:
    """The logarithms of a window's weights along one axis."""
    if blend == "constant":
        return np.zeros(window)
    u = 2 * np.arange(1, window + 1) / (window + 1) - 1
    return -1 / (1 - u**2)


def _read(
    volume: Volume, z: NDArray[np.intp], y: NDArray[np.intp], x: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Scaled grey values at the product of the coordinates; reads only sections between them."""
    first = int(z.min())
    sections = volume.scaled(volume.image[first : int(z.max()) + 1])
    return sections[np.ix_(z - first, y, x)]


class _RollingBlend:
    """The weighted mean of windows, kept only where windows to come can still reach it."""

    def __init__(
        self,
        axes: tuple[_Axis, _Axis, _Axis],
        channels: Sequence[Channel],
        dataset: h5py.Dataset,
        device: torch.device,
    ) -> None:
        z, y, x = axes
        self.axes = axes
        self.channels = channels
        self.dataset = dataset
        self.shares = [[torch.from_numpy(part).to(device) for part in axis.shares] for axis in axes]
        self.held = torch.zeros(
            (len(channels), z.window, len(y.source), len(x.source)), device=device
        )
        self.held_from = 0

    def add(self, place: Size, logits_CZYX: torch.Tensor) -> None:
        """Blend in one window, given by its number along each axis; z never goes back."""
        z, y, x = self.axes
        i, j, k = place
        if z.starts[i] > self.held_from:
            self._move_to(z.starts[i])
        shares_z, shares_y, shares_x = (
            shares[index] for shares, index in zip(self.shares, place, strict=True)
        )
        shares_ZYX = shares_z[:, None, None] * shares_y[:, None] * shares_x
        self.held[:, :, y.covered(j), x.covered(k)].addcmul_(logits_CZYX, shares_ZYX)

    def finish(self) -> None:
        """Write what is still held."""
        self._write(self.held.shape[1])

    def _move_to(self, start: int) -> None:
        """Write the planes before `start`, move the others to the front, and clear the rest."""
        finished = start - self.held_from
        self._write(finished)
        kept = self.held.shape[1] - finished
        for plane in range(kept):  # one by one, since source and destination overlap
            self.held[:, plane] = self.held[:, plane + finished]
        self.held[:, kept:] = 0
        self.held_from = start

    def _write(self, planes: int) -> None:
        """Activate and write those of the first planes held that lie in the image."""
        z, y, x = self.axes
        first = max(self.held_from, z.before)
        end = min(self.held_from + planes, z.before + z.size)
        if first >= end:
            return
        logits_CZYX = self.held[
            :,
            first - self.held_from : end - self.held_from,
            y.before : y.before + y.size,
            x.before : x.before + x.size,
        ]
        values = _activated(logits_CZYX, self.channels).cpu().numpy()
        self.dataset[:, first - z.before : end - z.before] = values
        self.dataset.file.flush()  # so that a full disk ends the work now


def _activated(logits_CZYX: torch.Tensor, channels: Sequence[Channel]) -> torch.Tensor:
    functions: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "none": torch.clone,
    }
    return torch.stack(
        [
            functions[channel.activation](plane)
            for channel, plane in zip(channels, logits_CZYX, strict=True)
        ]
    )


def _check_output(logits: torch.Tensor, expected: tuple[int, ...]) -> None:
    if logits.shape != expected:
        raise NeurokitError(
            f"the network's output has the shape {_product(logits.shape)} where "
            f"{_product(expected)} (batch, channels, z, y, x) was expected; "
            f"check that model and checkpoint belong to this target and fit inferer.window"
        )


def _product(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


@contextmanager
def _out_of_memory_explained() -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        signs = ("out of memory", "not enough memory", "DefaultCPUAllocator")
        known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not known and not any(sign in str(error) for sign in signs):
            raise
        raise NeurokitError(
            "memory ran out during inference; lower inferer.sw_batch_size or inferer.window"
        ) from error
