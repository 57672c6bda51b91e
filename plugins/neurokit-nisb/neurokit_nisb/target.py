"""The target of BANIS: affinities to near and to far neighbours."""

from __future__ import annotations

import cc3d
import numpy as np
import torch
from attrs import evolve, frozen

from neurokit import (
    Channel,
    Target,
    affinity_channels,
    encode_affinities,
    erode_contacts,
    param,
)

_OFFSETS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (10, 0, 0), (0, 10, 0), (0, 0, 10))
_LOGIT_SCALE = 0.2


@frozen(kw_only=True)
class Affinity6(Target):
    """Six affinities, over 1 and 10 voxels along each axis: z1 y1 x1 z10 y10 x10.

    Predictions are sigmoid(0.2 logit), as in BANIS: so they keep apart what a plain sigmoid would
    round to 1 when it is stored in 8 or 16 bits, and the decoder's threshold can choose among it.
    """

    components: bool = param(
        True,
        help="split objects into what hangs together (by six neighbours) within the patch, so that "
        "nothing is joined by what the network cannot see",
    )
    erosion: int = param(
        0, help="voxels by which contacts between objects are widened, within sections", low=0
    )

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(evolve(each, scale=_LOGIT_SCALE) for each in affinity_channels(_OFFSETS))

    def encode(self, labels_BZYX: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.components:
            labels_BZYX = _components(labels_BZYX)
        return encode_affinities(erode_contacts(labels_BZYX, self.erosion), _OFFSETS)


def _components(labels_BZYX: torch.Tensor) -> torch.Tensor:
    """Each six-connected component of an object under a number of its own; 0 and -1 stay."""
    split = [_split(labels_ZYX) for labels_ZYX in labels_BZYX.cpu()]
    return torch.stack(split).to(labels_BZYX.device, non_blocking=True)


def _split(labels_ZYX: torch.Tensor) -> torch.Tensor:
    labels = labels_ZYX.numpy()
    # To cc3d, 0 is background, and -1 a label like any other.
    numbers = cc3d.connected_components(labels, connectivity=6, out_dtype=np.uint32)
    return torch.from_numpy(np.where(labels > 0, numbers.astype(np.int32), labels.clip(max=0)))
