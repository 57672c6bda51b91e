"""Targets: affinities of labels."""

from __future__ import annotations

import torch
from attrs import frozen

from neurokit import (
    Channel,
    NeurokitError,
    Target,
    affinity_channels,
    encode_affinities,
    erode_contacts,
    param,
)

Offset = tuple[int, int, int]


@frozen(kw_only=True)
class _Affinities(Target):
    """What the affinity targets share; they differ in their channels."""

    erosion: int = param(
        1, help="voxels by which contacts between objects are widened, within sections", low=0
    )

    def encode(self, labels_BZYX: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        offsets = [channel.offset for channel in self.channels if channel.offset is not None]
        return encode_affinities(erode_contacts(labels_BZYX, self.erosion), offsets)


@frozen(kw_only=True)
class Affinity(_Affinities):
    """Affinities at any offsets."""

    offsets: tuple[Offset, ...] = param(
        help="voxels (z, y, x) back to the other end of the edge, one a channel"
    )

    def __attrs_post_init__(self) -> None:
        if not self.offsets:
            raise NeurokitError("offsets names no channel")
        if (0, 0, 0) in self.offsets:
            raise NeurokitError("offset [0, 0, 0] joins a voxel to itself")
        if len(set(self.offsets)) < len(self.offsets):
            raise NeurokitError("offsets names a channel twice")

    @property
    def channels(self) -> tuple[Channel, ...]:
        return affinity_channels(self.offsets)


@frozen(kw_only=True)
class Affinity3(_Affinities):
    """Affinities to the three direct neighbours: z1, y1, x1."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        return affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1)])


@frozen(kw_only=True)
class Affinity12(_Affinities):
    """Twelve affinities for anisotropic tissue: x1 y1 z1 z2 z3 z4 x3 x9 x27 y3 y9 y27."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        return affinity_channels(
            [
                (0, 0, 1),
                (0, 1, 0),
                (1, 0, 0),
                (2, 0, 0),
                (3, 0, 0),
                (4, 0, 0),
                (0, 0, 3),
                (0, 0, 9),
                (0, 0, 27),
                (0, 3, 0),
                (0, 9, 0),
                (0, 27, 0),
            ]
        )
