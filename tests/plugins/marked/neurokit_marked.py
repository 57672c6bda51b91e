"""A target that needs to see the whole volume, and a metric that needs skeletons."""

from typing import ClassVar, Literal

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from neurokit import Channel, Metric, Target, Volume, param


@frozen(kw_only=True)
class Size(Target):
    """Whether an object is larger than a patch, which no patch can tell."""

    voxels: int = param(4096, help="that a large object has more than", low=0)
    faulty: bool = param(False, help="forget the sections")

    @property
    def channels(self) -> tuple[Channel, ...]:
        return (Channel("z1"), Channel("y1"), Channel("x1"))

    def prepare(
        self, labels_ZYX: NDArray[np.integer], voxel_size_nm: tuple[float, float, float]
    ) -> NDArray[np.integer]:
        """2 in large objects, and 1 in others."""
        counts = np.bincount(np.maximum(labels_ZYX, 0).ravel())
        large_ZYX = counts[np.maximum(labels_ZYX, 0)] > self.voxels
        marked_ZYX = np.where(labels_ZYX > 0, 1 + large_ZYX, labels_ZYX)
        return marked_ZYX[0] if self.faulty else marked_ZYX

    def encode(self, labels_BZYX: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert -1 <= labels_BZYX.min() <= labels_BZYX.max() <= 2
        target = (labels_BZYX == 2).float()[:, None].expand(-1, 3, -1, -1, -1)
        return target, (labels_BZYX >= 0).float()[:, None].expand_as(target)


@frozen(kw_only=True)
class Nodes(Metric):
    """The share of skeleton nodes that lie in a segment."""

    headline: ClassVar[str] = "nodes"
    higher_is_better: ClassVar[bool] = True
    truth: ClassVar[Literal["labels", "skeletons"]] = "skeletons"

    def score(self, segmentation: NDArray[np.integer], truth: Volume) -> dict[str, float]:
        assert truth.skeletons is not None
        return {"nodes": float((segmentation[tuple(truth.skeletons.voxels.T)] > 0).mean())}
