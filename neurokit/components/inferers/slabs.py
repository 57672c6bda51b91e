"""Slabs of the padded image, read ahead of the network's work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from neurokit import Volume

Places = NDArray[np.intp]
T = TypeVar("T")


class SlabReader:
    """Reads grey values at the product of coordinates onto a device, in a thread of its own.

    On a GPU the thread copies from pinned memory in a stream of its own and waits for that, so
    that neither reading nor copying holds up the network.
    """

    def __init__(self, volume: Volume, device: torch.device) -> None:
        self.volume = volume
        self.device = device
        self.on_gpu = device.type == "cuda"
        self.stream: torch.cuda.Stream | None = None
        if self.on_gpu:
            self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def read(self, coordinates: tuple[Places, Places, Places]) -> torch.Tensor:
        """Scaled grey values ZYX, on the device.

        Of the image, only the box around the coordinates is read.
        """
        lowest = [int(places.min()) for places in coordinates]
        box = tuple(
            slice(low, int(places.max()) + 1)
            for low, places in zip(lowest, coordinates, strict=True)
        )
        raw = np.asarray(self.volume.image[box])
        z, y, x = (places - low for low, places in zip(lowest, coordinates, strict=True))
        slab = torch.empty((len(z), len(y), len(x)), pin_memory=self.on_gpu)
        filled = slab.numpy()
        for place, section in enumerate(z):  # so that only one is held twice
            filled[place] = self.volume.scaled(raw[section])[np.ix_(y, x)]
        return self._copied(slab)

    def _copied(self, slab_ZYX: torch.Tensor) -> torch.Tensor:
        if self.stream is None:
            return slab_ZYX
        with torch.cuda.stream(self.stream):
            copied = slab_ZYX.to(self.device, non_blocking=True)
        self.stream.synchronize()
        return copied


def received(slab_ZYX: torch.Tensor) -> torch.Tensor:
    """A slab, from now on in use by the current stream of its GPU, if it is on one.

    Its memory belongs to the reader's stream, which must not have it back before that.
    """
    if slab_ZYX.device.type == "cuda":
        slab_ZYX.record_stream(torch.cuda.current_stream(slab_ZYX.device))
    return slab_ZYX


def ahead(
    items: Sequence[T], work: Callable[[T], torch.Tensor]
) -> Generator[torch.Tensor, None, None]:
    """The results of `work` in order; while one is used, a thread makes the next."""
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(work, item) for item in items[:1])
        for item in items[1:]:
            result = coming.popleft().result()
            coming.append(thread.submit(work, item))
            yield result
        while coming:
            yield coming.popleft().result()
