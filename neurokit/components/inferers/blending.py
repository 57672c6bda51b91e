"""The weighted mean of overlapping windows, section by section."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from attrs import frozen

from neurokit import Channel
from neurokit.components.inferers.blocks import Block
from neurokit.components.inferers.grid import Axis, Blend, Size
from neurokit.components.inferers.storage import Storage, stored
from neurokit.components.inferers.writer import Writer

Offset = tuple[int, int, int]
Axes = tuple[Axis, Axis, Axis]


@frozen
class Layer:
    """Neighbouring channels of which every window knows the same voxels.

    Attributes:
        channels: where they stand.
        shares: along z, y and x, the share of each window at each of its voxels.
        known: along z, y and x, whether any window knows a voxel of the image; None if all do.
    """

    channels: slice
    shares: tuple[list[torch.Tensor], ...]
    known: tuple[torch.Tensor, ...] | None


def make_layers(
    axes: Axes, shifts: Sequence[Offset], blend: Blend, device: torch.device
) -> list[Layer]:
    """The layers of channels of which windows know what lies `shift` after another voxel."""
    layers, first = [], 0
    for shift, group in groupby(shifts):
        channels = slice(first, first + len(list(group)))
        along = list(zip(axes, shift, strict=True))
        shares = tuple(
            [torch.from_numpy(share).to(device) for share in axis.shares(blend, step)]
            for axis, step in along
        )
        known = tuple(torch.from_numpy(axis.known(step)).to(device) for axis, step in along)
        layers.append(Layer(channels, shares, known if any(shift) else None))
        first = channels.stop
    return layers


class RollingBlend:
    """The blend of one block, kept only for sections that windows to come can still reach.

    It is float32, whatever the network computes in. Finished sections are activated and handed to
    the writer.
    """

    def __init__(
        self,
        axes: Axes,
        block: Block,
        channels: Sequence[Channel],
        layers: Sequence[Layer],
        storage: Storage,
        writer: Writer,
        device: torch.device,
    ) -> None:
        z, _, _ = axes
        self.axes = axes
        self.block = block
        self.channels = channels
        self.layers = layers
        self.storage = storage
        self.writer = writer
        rows, columns = (each.stop - each.start for each in (block.y, block.x))
        self.held = torch.zeros((len(channels), z.window, rows, columns), device=device)
        self.held_from = z.starts[z.touching(0, z.size)[0]]

    def add(self, place: Size, logits_CZYX: torch.Tensor) -> None:
        """Blend in one window, given by its number along each axis; z never goes back."""
        z, y, x = self.axes
        i, j, k = place
        if z.starts[i] > self.held_from:
            self._move_to(z.starts[i])
        of_window_y, of_block_y = _common(y, j, self.block.y)
        of_window_x, of_block_x = _common(x, k, self.block.x)
        for layer in self.layers:
            share_z, share_y, share_x = (
                shares[index] for shares, index in zip(layer.shares, place, strict=True)
            )
            shares_YX = share_y[of_window_y, None] * share_x[of_window_x]
            self.held[layer.channels, :, of_block_y, of_block_x].addcmul_(
                logits_CZYX[layer.channels, :, of_window_y, of_window_x],
                share_z[:, None, None] * shares_YX,
            )

    def finish(self) -> None:
        """Hand over what is still held."""
        self._write(self.held.shape[1])

    def _move_to(self, start: int) -> None:
        """Hand over the planes before `start`, move the others to the front, clear the rest."""
        finished = start - self.held_from
        self._write(finished)
        kept = self.held.shape[1] - finished
        for plane in range(kept):  # one by one, since source and destination overlap
            self.held[:, plane] = self.held[:, plane + finished]
        self.held[:, kept:] = 0
        self.held_from = start

    def _write(self, planes: int) -> None:
        """Hand over those of the first planes held that lie in the image."""
        z, _, _ = self.axes
        first = max(self.held_from, z.before)
        end = min(self.held_from + planes, z.before + z.size)
        if first >= end:
            return
        held = slice(first - self.held_from, end - self.held_from)
        sections = slice(first - z.before, end - z.before)
        for layer in self.layers:
            for index in range(layer.channels.start, layer.channels.stop):
                values_ZYX = stored(self.held[index, held], self.channels[index], self.storage)
                if layer.known is not None:
                    values_ZYX.masked_fill_(~self._known(layer.known, sections), 0)
                last = index == len(self.channels) - 1
                place = (index, sections, self.block.y, self.block.x)
                self.writer.put(place, values_ZYX, flush=last)

    def _known(self, known: tuple[torch.Tensor, ...], sections: slice) -> torch.Tensor:
        """Whether any window knows the voxels ZYX of the block in these sections."""
        z, y, x = known
        known_YX = y[self.block.y, None] & x[self.block.x]
        return z[sections, None, None] & known_YX


def _common(axis: Axis, index: int, part: slice) -> tuple[slice, slice]:
    """What a window and a part of the image share, in voxels of either."""
    start = axis.starts[index] - axis.before
    begin, end = max(start, part.start), min(start + axis.window, part.stop)
    return slice(begin - start, end - start), slice(begin - part.start, end - part.start)
