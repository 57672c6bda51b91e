"""Training samples: patches cut from labelled volumes that are held on the training device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.sampling import Batch, SampleRandom
from neurokit.volumes import Volume, mirrored

Size = tuple[int, int, int]


@frozen
class _Held:
    """A volume on the device: the image as it is stored, and labels as small integers."""

    image: torch.Tensor
    labels: torch.Tensor
    low: float
    scale: float
    padded: Size


class Samples:
    """Patches drawn uniformly from all positions in all volumes.

    Volumes are mirrored outwards by `pad` (without repeating the edge), image and labels alike,
    so that tissue near a border is seen with the context that inference gives it.

    Args:
        volumes: with labels, of one voxel size, each at least as large as a patch when padded.
        patch_size, pad: in voxels (z, y, x).
        device: holds the volumes, and the batches cut from them.
    """

    def __init__(
        self, volumes: Sequence[Volume], patch_size: Size, pad: Size, device: torch.device
    ) -> None:
        self.patch_size = patch_size
        self.pad = pad
        self.voxel_size_nm = volumes[0].voxel_size_nm
        self._held = [_hold(volume, pad, device) for volume in volumes]
        positions = [
            float(np.prod([n - p + 1 for n, p in zip(held.padded, patch_size, strict=True)]))
            for held in self._held
        ]
        self._shares = torch.tensor(positions, dtype=torch.float64).cumsum(0) / sum(positions)

    def batch(self, random: SampleRandom) -> Batch:
        """One sample for each stream of `random`."""
        draws = random.uniform(0.0, 1.0, 4).cpu().double()
        patches = [self._cut(row) for row in draws]
        images, labels = zip(*patches, strict=True)
        return Batch(torch.stack(images)[:, None], torch.stack(labels), self.voxel_size_nm)

    def _cut(self, draws: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = int(torch.searchsorted(self._shares, draws[0], right=True))
        held = self._held[min(chosen, len(self._held) - 1)]
        voxels = []
        for axis, (size, patch) in enumerate(zip(held.padded, self.patch_size, strict=True)):
            corner = min(int(draws[1 + axis] * (size - patch + 1)), size - patch)
            positions = np.arange(corner, corner + patch) - self.pad[axis]
            voxels.append(
                torch.from_numpy(mirrored(positions, held.image.shape[axis])).to(held.image.device)
            )
        z, y, x = voxels[0][:, None, None], voxels[1][None, :, None], voxels[2]
        return (held.image[z, y, x].float() - held.low) / held.scale, held.labels[z, y, x]


def _hold(volume: Volume, pad: Size, device: torch.device) -> _Held:
    assert volume.labels is not None
    labels = _small_labels(np.asarray(volume.labels[...]))
    if labels.max() <= 0:
        raise NeurokitError(
            f"the labels of the training volume '{volume.name}' hold no object, only background "
            f"(0) or what is to be ignored (-1)"
        )
    image = np.asarray(volume.image[...])
    low, high = volume.intensity_range
    if image.dtype != np.uint8:
        image = image.astype(np.float32)
    padded = tuple(n + 2 * p for n, p in zip(volume.shape, pad, strict=True))
    return _Held(
        torch.from_numpy(np.ascontiguousarray(image)).to(device),
        torch.from_numpy(labels).to(device),
        low,
        high - low if high > low else 1.0,
        (padded[0], padded[1], padded[2]),
    )


def _small_labels(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """The same objects with ids that fit 32 bits; 0 and -1 keep their meaning."""
    limits = np.iinfo(np.int32)
    if labels.size and (labels.max() > limits.max or labels.min() < limits.min):
        ids, inverse = np.unique(labels, return_inverse=True)
        first_object = int(np.searchsorted(ids, 1))
        small = np.arange(len(ids)) - first_object + 1
        small[:first_object] = np.maximum(ids[:first_object].astype(np.int64), -1)
        return small[inverse].reshape(labels.shape).astype(np.int32)
    return np.ascontiguousarray(labels, dtype=np.int32)
