"""The sweep of windows over a volume, from its image to finished pieces of the prediction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import product
from math import ceil, prod

import torch
from attrs import frozen

from neurokit import Channel, Volume
from neurokit.components.inferers.blending import Axes, Layer, RollingBlend
from neurokit.components.inferers.blocks import Block, Plan
from neurokit.components.inferers.ensemble import Ensemble
from neurokit.components.inferers.slabs import Places, SlabReader, ahead, received
from neurokit.components.inferers.storage import Storage
from neurokit.components.inferers.writer import Writer


@frozen(kw_only=True)
class Sweep:
    """Runs a network over windows, block by block and within a block from section to section.

    While the network works, one thread reads the next slab of the image and another writes what
    is finished.
    """

    network: Ensemble
    channels: tuple[Channel, ...]
    volume: Volume
    axes: Axes
    layers: list[Layer]
    storage: Storage
    plan: Plan
    device: torch.device

    @property
    def total(self) -> int:
        """How many windows will be computed."""
        return sum(prod(map(len, self._windows(block))) for block in self.plan.blocks)

    def run(self, writer: Writer) -> Iterator[None]:
        """Hand the whole prediction to the writer; yields after each window."""
        reader = SlabReader(self.volume, self.device)
        slabs = [
            self._coordinates(block, i)
            for block in self.plan.blocks
            for i in self._windows(block)[0]
        ]
        with closing(ahead(slabs, reader.read)) as coming:
            for block in self.plan.blocks:
                yield from self._run_block(block, coming, writer)

    def _run_block(
        self, block: Block, slabs: Iterator[torch.Tensor], writer: Writer
    ) -> Iterator[None]:
        blend = RollingBlend(
            self.axes, block, self.channels, self.layers, self.storage, writer, self.device
        )
        sections, rows, columns = self._windows(block)
        places = list(product(rows, columns))
        size = _batch_size(len(places), self.plan.batch)
        for i in sections:
            slab_ZYX = received(next(slabs))
            for first in range(0, len(places), size):
                yield from self._run_batch(slab_ZYX, i, places[first : first + size], blend)
        blend.finish()

    def _run_batch(
        self, slab_ZYX: torch.Tensor, i: int, places: list[tuple[int, int]], blend: RollingBlend
    ) -> Iterator[None]:
        _, y, x = self.axes
        top, left = self._corner(blend.block)
        windows = [
            slab_ZYX[
                None,
                :,
                y.starts[j] - top : y.starts[j] - top + y.window,
                x.starts[k] - left : x.starts[k] - left + x.window,
            ]
            for j, k in places
        ]
        logits_BCZYX = self.network(torch.stack(windows))
        for (j, k), logits_CZYX in zip(places, logits_BCZYX, strict=True):
            blend.add((i, j, k), logits_CZYX)
            yield

    def _windows(self, block: Block) -> tuple[range, range, range]:
        """The windows along z, y and x that touch a block."""
        z, y, x = self.axes
        return (
            z.touching(0, z.size),
            y.touching(block.y.start, block.y.stop),
            x.touching(block.x.start, block.x.stop),
        )

    def _corner(self, block: Block) -> tuple[int, int]:
        """Where in the padded image, along y and x, the first windows of a block begin."""
        _, y, x = self.axes
        _, rows, columns = self._windows(block)
        return y.starts[rows[0]], x.starts[columns[0]]

    def _coordinates(self, block: Block, i: int) -> tuple[Places, Places, Places]:
        """The voxels of the image along z, y and x that the windows of a block show."""
        z, y, x = self.axes
        _, rows, columns = self._windows(block)
        return (
            z.source[z.covered(i)],
            y.source[y.starts[rows[0]] : y.covered(rows[-1]).stop],
            x.source[x.starts[columns[0]] : x.covered(columns[-1]).stop],
        )


def _batch_size(windows: int, most: int) -> int:
    """How many windows run together, so that all batches are equal or nearly so.

    A small last batch costs more for each of its windows, and another size makes a compiled
    network compile again.
    """
    for size in range(min(windows, most), most // 2, -1):
        if windows % size == 0:
            return size
    return ceil(windows / ceil(windows / most))
