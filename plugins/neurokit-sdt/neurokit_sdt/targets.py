"""Targets: affinities and the skeleton-aware distance transform."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from neurokit import (
    Channel,
    Target,
    affinity_channels,
    encode_affinities,
    erode_contacts,
    param,
)
from neurokit_sdt.packing import numbered, pack, unpack
from neurokit_sdt.transform import VoxelSize, skeleton_distance

SDT = Channel("sdt", "tanh")
_OFFSETS = [
    offset for reach in (1, 5, 9) for offset in ((reach, 0, 0), (0, reach, 0), (0, 0, reach))
]


@frozen(kw_only=True)
class _SignedDistance(Target):
    """What the targets with a distance share; they differ in their affinities.

    The distance of a voxel depends on the whole of its object, so that it cannot be computed from
    a patch. `prepare` does it once for each volume, and hides the result in the labels
    (see `neurokit_sdt.packing`): whatever is done to labels, by augmentations too, is done to the
    distances. The nearest voxel is taken where tissue is warped or scaled, which serves a ratio of
    two distances well: they grow and shrink together.
    """

    alpha: float = param(
        0.8,
        help="power of the distance: below 1, values rise steeply at the border",
        above=0,
        high=10,
    )
    erosion: int = param(
        1, help="voxels by which contacts between objects are widened, within sections", low=0
    )
    background: float = param(-1.0, help="value outside of objects", low=-1, high=0)

    @property
    def channels(self) -> tuple[Channel, ...]:
        return (*self._affinities(), SDT)

    @abstractmethod
    def _affinities(self) -> tuple[Channel, ...]:
        """The channels before the distance."""

    def prepare(
        self, labels_ZYX: NDArray[np.integer], voxel_size_nm: VoxelSize
    ) -> NDArray[np.integer]:
        """The labels with contacts widened, and the distance of each voxel packed into them.

        Args:
            labels_ZYX: ids of objects; 0 is background, below 0 is to be ignored.
            voxel_size_nm: edge lengths of a voxel in nanometres (z, y, x).

        Returns:
            int32 ZYX, what `encode` takes: `id * 256 + distance * 255`; 0 and -1 stay.

        Raises:
            NeurokitError: there are more than 2**23 - 1 objects.
        """
        ids_ZYX = numbered(labels_ZYX)
        for ids_YX in ids_ZYX:  # one section at a time, to save memory
            section_BZYX = torch.from_numpy(ids_YX)[None, None]
            section_BZYX.copy_(erode_contacts(section_BZYX, self.erosion))
        return pack(ids_ZYX, skeleton_distance(ids_ZYX, voxel_size_nm, self.alpha))

    def encode(self, labels_BZYX: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Target and mask of labels that `prepare` made; the distance is known but where -1 is."""
        ids_BZYX, values_BZYX = unpack(labels_BZYX)
        offsets = [channel.offset for channel in self.channels if channel.offset is not None]
        target_BCZYX, mask_BCZYX = encode_affinities(ids_BZYX, offsets)
        distance_BZYX = torch.where(ids_BZYX > 0, values_BZYX, self.background)
        known_BZYX = (ids_BZYX != -1).float()
        return (
            torch.cat([target_BCZYX, distance_BZYX[:, None]], dim=1),
            torch.cat([mask_BCZYX, known_BZYX[:, None]], dim=1),
        )


@frozen(kw_only=True)
class Aff9SDT(_SignedDistance):
    """Nine affinities (1, 5 and 9 voxels along z, y, x) and the skeleton-aware distance.

    The channels are z1 y1 x1 z5 y5 x5 z9 y9 x9 and `sdt`: the affinities as in every target, and
    (d_b / (d_b + d_s)) ** alpha of the distances to border and skeleton, which is 1 on the
    skeleton of an object and falls to nearly 0 at its border (Lin et al., arXiv 2310.05262).
    """

    def _affinities(self) -> tuple[Channel, ...]:
        return affinity_channels(_OFFSETS)


@frozen(kw_only=True)
class SkeletonSDT(_SignedDistance):
    """The skeleton-aware distance alone: 1 on an object's skeleton, nearly 0 at its border.

    Its channel is `sdt`, (d_b / (d_b + d_s)) ** alpha of the distances to border and skeleton (Lin
    et al., arXiv 2310.05262).
    """

    def _affinities(self) -> tuple[Channel, ...]:
        return ()
