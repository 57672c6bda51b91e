"""Samples: patches at random places, gathered to batches on the training device."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from math import prod

import torch
from attrs import frozen

from neurokit.samples.known import Known
from neurokit.samples.memory import free_memory
from neurokit.samples.places import Place, Size, window
from neurokit.samples.reading import read_ahead
from neurokit.samples.sources import Patch, Source, Streamed, sources_of
from neurokit.sampling import Batch, SampleRandom
from neurokit.volumes import Volume

# Batches read ahead from files, and the threads that do it: enough to bridge a slow read, and few
# enough that what waits takes little memory.
_AHEAD = 4
_THREADS = 4


@frozen
class _Cut:
    """A sample to be: the volume, and the corner of the patch counted from its first voxel."""

    source: Source
    corner: Size

    @property
    def is_streamed(self) -> bool:
        return isinstance(self.source, Streamed)


class Samples:
    """Patches drawn uniformly from all positions in all volumes.

    Volumes are mirrored outwards by `pad` (without repeating the edge), image and labels alike,
    so that tissue near a border is seen with the context that inference gives it.

    Where labels say of voxels that they are to be ignored (-1), a patch in which too little is
    known to learn from gives way to one of the same volume that is drawn around a block where
    something is.

    Volumes that fit are held on the device, the image as it is stored and labels in 16 or 32
    bits; the others are streamed: their patches are read from the files. Ids beyond 32 bits are
    renamed, for a streamed volume in each patch by itself; ids below 0 become -1.

    Args:
        volumes: with labels, of one voxel size, each at least as large as a patch when padded.
        patch_size, pad: in voxels (z, y, x).
        device: holds the volumes, and the batches cut from them.
        memory_gib: what the volumes held may take of the device, given to them in their order.
            None is half of what is free. Volumes in memory that are used as they lie take none.

    Raises:
        NeurokitError: the labels of a volume hold no object, or a file is damaged.
    """

    def __init__(
        self,
        volumes: Sequence[Volume],
        patch_size: Size,
        pad: Size,
        device: torch.device,
        memory_gib: float | None = None,
    ) -> None:
        self.patch_size = patch_size
        self.pad = pad
        self.voxel_size_nm = volumes[0].voxel_size_nm
        self._device = device
        memory = free_memory(device) / 2 if memory_gib is None else memory_gib * 2**30
        self._sources = sources_of(volumes, patch_size, device, memory)
        counts = [float(prod(self._positions(source))) for source in self._sources]
        self._shares = torch.tensor(counts, dtype=torch.float64).cumsum(0) / sum(counts)

    @property
    def streamed(self) -> tuple[str, ...]:
        """The names of the volumes that are read from files as training goes on."""
        return tuple(each.name for each in self._sources if isinstance(each, Streamed))

    @property
    def known(self) -> dict[str, Known | None]:
        """Where the labels of each volume are known, by its name; None where they all are."""
        return {each.name: each.known for each in self._sources}

    def batches(
        self, seed: int, requests: Iterable[tuple[int, Sequence[int]]]
    ) -> Generator[tuple[Batch, SampleRandom], None, None]:
        """The batch of each request, and the streams of its samples for what follows.

        Patches of streamed volumes are read by threads, a few batches ahead; those end when the
        iterator is exhausted, closed or dropped.

        Args:
            seed: of the training.
            requests: (step, indices of the samples in the global batch), each taken when it is
                needed; with streamed volumes up to four ahead.

        Raises:
            NeurokitError: part of a file is damaged, or the file is gone.
        """
        drawn = (
            self._drawn(SampleRandom(seed, step, indices, self._device))
            for step, indices in requests
        )
        ahead = _AHEAD if self.streamed else 0
        for (random, cuts), parts in read_ahead(drawn, self._reads, ahead=ahead, threads=_THREADS):
            read = iter(parts)
            patches = [next(read) if cut.is_streamed else self._patch(cut) for cut in cuts]
            yield self._gathered(cuts, patches), random

    def batch(self, random: SampleRandom) -> Batch:
        """One sample for each stream of `random`, read at once where it is streamed.

        Raises:
            NeurokitError: part of a file is damaged, or the file is gone.
        """
        _, cuts = self._drawn(random)
        return self._gathered(cuts, [self._patch(cut) for cut in cuts])

    def places(self, random: SampleRandom) -> list[Place]:
        """Where the samples of `random`, fresh streams, are cut."""
        _, cuts = self._drawn(random)
        return [Place(cut.source.name, cut.corner) for cut in cuts]

    def _drawn(self, random: SampleRandom) -> tuple[SampleRandom, list[_Cut]]:
        """The streams, four draws further on, and what these draws chose.

        Those of samples that are drawn a second time are four more draws further on.
        """
        cuts = [self._cut(row) for row in random.on_cpu().uniform(0.0, 1.0, 4).double()]
        for sample, cut in enumerate(cuts):
            known = cut.source.known
            if known is not None and not known.within(self._box(cut)):
                (draws,) = random.on_cpu().of([sample]).uniform(0.0, 1.0, 4).tolist()
                cuts[sample] = _Cut(cut.source, known.corner(draws, self.pad) or cut.corner)
        return random, cuts

    def _cut(self, draws: torch.Tensor) -> _Cut:
        chosen = int(torch.searchsorted(self._shares, draws[0], right=True))
        source = self._sources[min(chosen, len(self._sources) - 1)]
        corner = [
            min(int(draw * count), count - 1) - pad
            for draw, count, pad in zip(draws[1:], self._positions(source), self.pad, strict=True)
        ]
        return _Cut(source, (corner[0], corner[1], corner[2]))

    def _box(self, cut: _Cut) -> tuple[slice, slice, slice]:
        """The voxels of the volume that a sample is made of."""
        return window(cut.corner, self.patch_size, cut.source.shape).box

    def _positions(self, source: Source) -> list[int]:
        """How many corners a patch may have along each axis of the padded volume."""
        return [
            size + 2 * pad - edge + 1
            for size, pad, edge in zip(source.shape, self.pad, self.patch_size, strict=True)
        ]

    def _patch(self, cut: _Cut) -> Patch:
        return cut.source.patch(cut.corner, self.patch_size)

    def _reads(self, drawn: tuple[SampleRandom, list[_Cut]]) -> list[Callable[[], Patch]]:
        """What is to be read from files."""
        _, cuts = drawn
        return [partial(self._patch, cut) for cut in cuts if cut.is_streamed]

    def _gathered(self, cuts: Sequence[_Cut], patches: Sequence[Patch]) -> Batch:
        """The patches in one batch, grey values scaled as those of their volumes."""
        shape = (len(cuts), *self.patch_size)
        image_BZYX = torch.empty(shape, device=self._device)
        labels_BZYX = torch.empty(shape, dtype=torch.int32, device=self._device)
        for b, (cut, patch) in enumerate(zip(cuts, patches, strict=True)):
            labels_BZYX[b].copy_(patch.labels_ZYX, non_blocking=True)
            image_BZYX[b].copy_(patch.image_ZYX, non_blocking=True)
            image_BZYX[b].sub_(cut.source.low).div_(cut.source.scale)
        return Batch(image_BZYX[:, None], labels_BZYX, self.voxel_size_nm)
