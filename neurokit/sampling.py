"""Samples and their randomness: a batch, and the random numbers that belong to each sample.

Everything random about a training sample is a pure function of (seed, step, index in the global
batch). A run that is continued, or spread over more processes, therefore draws the same samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from attrs import frozen


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
    same ones.
    """

    def __init__(self, seed: int, step: int, indices: Sequence[int], device: torch.device) -> None:
        """Streams for the samples with these indices in the global batch of `step`."""
        self.device = device
        self._streams = [_stream(seed, step, index) for index in indices]

    def __len__(self) -> int:
        return len(self._streams)

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """Numbers in [low, high), shape (B, *shape)."""
        rows = [torch.rand(shape, generator=stream) for stream in self._streams]
        return low + (high - low) * torch.stack(rows).to(self.device)

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers, shape (B, *shape)."""
        rows = [torch.randn(shape, generator=stream) for stream in self._streams]
        return torch.stack(rows).to(self.device)

    def integers(self, low: int, high: int, *shape: int) -> torch.Tensor:
        """Whole numbers in [low, high), shape (B, *shape)."""
        rows = [torch.randint(low, high, shape, generator=stream) for stream in self._streams]
        return torch.stack(rows).to(self.device)

    def happens(self, probability: float) -> torch.Tensor:
        """Whether each sample is chosen, bool, shape (B,)."""
        return self.uniform(0.0, 1.0) < probability


def _stream(seed: int, step: int, index: int) -> torch.Generator:
    """A generator whose seed is a hash, so that neighbouring samples are not correlated."""
    digest = hashlib.blake2b(f"{seed}/{step}/{index}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
