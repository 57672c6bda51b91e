"""Region: the block of a volume that its score is of, and in which mistakes are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen

from neurokit.kinds import Metric
from neurokit.scores import has_truth, score_suffixes
from neurokit.volumes import ArrayLike, Volume
from neurokit.volumes.indexing import Index, full_index

Slices = tuple[slice, slice, slice]


@frozen
class Region:
    """A part of a volume that alone is scored.

    Attributes:
        slices: with start and stop along each axis.
        headline: the score that is of this part.
    """

    slices: Slices
    headline: str

    @property
    def words(self) -> str:
        """Its ranges, as NumPy writes them."""
        ranges = zip("zyx", self.slices, strict=True)
        return ", ".join(f"{axis} {each.start}:{each.stop}" for axis, each in ranges)


def scored_region(metrics: Sequence[Metric], volume: Volume) -> Region | None:
    """What the first metric that can score a volume scores of it; None where that is all.

    Raises:
        NeurokitError: the metric cannot score such a volume.
    """
    names = zip(metrics, score_suffixes(metrics), strict=True)
    for metric, suffix in names:
        if has_truth(volume, metric):
            slices = metric.region(volume)
            whole = tuple(slice(0, size) for size in volume.shape)
            return None if slices == whole else Region(slices, f"{metric.headline}{suffix}")
    return None


@frozen
class Block:
    """A block of a volume, as a volume of its own; nothing is read before it is indexed.

    Attributes:
        array: the whole volume ZYX.
        slices: with start and stop along each axis.
    """

    array: ArrayLike
    slices: Slices

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(each.stop - each.start for each in self.slices)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    def __getitem__(self, index: Index) -> Any:
        inside = full_index(index, self.shape)
        return self.array[
            tuple(
                slice(each.start + within.start, each.start + within.stop, within.step)
                if isinstance(within, slice)
                else each.start + within
                for each, within in zip(self.slices, inside, strict=True)
            )
        ]
