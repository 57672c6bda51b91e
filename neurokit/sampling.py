"""Samples and their randomness: a batch, and the random numbers that belong to each sample.

Everything random about a training sample is a pure function of (seed, step, index in the global
batch). A run that is continued, or spread over more processes, therefore draws the same samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from attrs import frozen

_CPU = torch.device("cpu")


@frozen
class Batch:
    """Training samples before they are turned into targets.

    Attributes:
        image_BCZYX: float32, about 0 to 1.
        labels_BZYX: integers; 0 is background, -1 is to be ignored.
        voxel_size_nm: edge lengths of a voxel in nanometres (z, y, x).
    """

    image_BCZYX: torch.Tensor
    labels_BZYX: torch.Tensor
    voxel_size_nm: tuple[float, float, float]


class SampleRandom:
    """Random numbers for the samples of a batch, each from its own stream.

    Row b of whatever is drawn comes from sample b's stream alone, so it does not depend on which
    other samples share the batch. Numbers are drawn on the CPU, so that every device sees the
    same ones; only `noise` is drawn on the device itself.

    What decides which work is done is drawn from `on_cpu()`, so that a GPU is never asked for it;
    what only some samples need is drawn from `of(those)`.
    """

    def __init__(self, seed: int, step: int, indices: Sequence[int], device: torch.device) -> None:
        """Streams for the samples with these indices in the global batch of `step`."""
        self.device = device
        self._streams = [_stream(seed, step, index) for index in indices]

    def __len__(self) -> int:
        return len(self._streams)

    def on_cpu(self) -> SampleRandom:
        """The same streams, whose numbers stay on the CPU."""
        return self._with(self._streams, _CPU)

    def of(self, samples: Sequence[int]) -> SampleRandom:
        """The streams of some samples of the batch; those of the others do not move."""
        return self._with([self._streams[sample] for sample in samples], self.device)

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """Numbers in [low, high), shape (B, *shape)."""
        rows = [torch.rand(shape, generator=stream) for stream in self._streams]
        return self.to_device(low + (high - low) * torch.stack(rows))

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers, shape (B, *shape)."""
        rows = [torch.randn(shape, generator=stream) for stream in self._streams]
        return self.to_device(torch.stack(rows))

    def integers(self, low: int, high: int, *shape: int) -> torch.Tensor:
        """Whole numbers in [low, high), shape (B, *shape)."""
        rows = [torch.randint(low, high, shape, generator=stream) for stream in self._streams]
        return self.to_device(torch.stack(rows))

    def happens(self, probability: float) -> torch.Tensor:
        """Whether each sample is chosen, bool, shape (B,)."""
        return self.uniform(0.0, 1.0) < probability

    def noise(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers for every voxel, shape (B, *shape), drawn on the device.

        Each sample's come from a generator that its stream seeds. They are the same bits wherever
        they are drawn on the CPU; a GPU has other ones, which it repeats.
        """
        rows = []
        for stream in self._streams:
            seed = int(torch.randint(2**63 - 1, (), generator=stream))
            generator = torch.Generator(self.device).manual_seed(seed)
            rows.append(torch.randn(shape, generator=generator, device=self.device))
        return torch.stack(rows)

    def to_device(self, values: torch.Tensor) -> torch.Tensor:
        """Values computed on the CPU, sent to the batch's device without waiting for it."""
        if self.device.type == "cuda":
            return values.pin_memory().to(self.device, non_blocking=True)
        return values.to(self.device)

    def _with(self, streams: list[torch.Generator], device: torch.device) -> SampleRandom:
        other = object.__new__(SampleRandom)
        other.device, other._streams = device, streams
        return other


def _stream(seed: int, step: int, index: int) -> torch.Generator:
    """A generator whose seed is a hash, so that neighbouring samples are not correlated."""
    digest = hashlib.blake2b(f"{seed}/{step}/{index}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
