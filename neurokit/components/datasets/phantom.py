"""Phantom: synthetic tissue that needs no download."""

from __future__ import annotations

from math import prod

from attrs import frozen

from neurokit import Dataset, NeurokitError, Volume, param
from neurokit.phantom import VERSION, Imaging, Tissue, make_phantom

_MOST_VOXELS = 2**28  # the tissue is grown in memory, at tens of bytes a voxel


@frozen(kw_only=True)
class Phantom(Dataset):
    """Synthetic neuropil with faultless labels, grown from a seed.

    Touching, branching neurites with mitochondria, vesicles and synapses, in sections that differ
    in contrast and are sometimes damaged. Geometry is in nanometres, so voxels may have any size;
    neurites should be several voxels wide. The same parameters give the same voxels.
    """

    shape: tuple[int, int, int] = param((64, 192, 192), help="voxels (z, y, x) of a volume", low=1)
    seed: int = param(0, help="other seeds give other tissue", low=0)
    count: int = param(1, help="volumes, each of other tissue", low=1, high=100)
    voxel_size_nm: tuple[float, float, float] = param(
        (30.0, 6.0, 6.0), help="edge lengths of a voxel in nanometres (z, y, x)", low=2, high=100
    )
    calibre_nm: tuple[float, float] = param(
        (100.0, 600.0), help="diameters of the thinnest and thickest neurites", low=40, high=2000
    )
    branches_per_um: float = param(
        0.5, help="branches of a neurite over a micrometre of its length", low=0, high=3
    )
    noise: float = param(
        0.07, help="standard deviation of the noise, as a share of black to white", low=0, high=0.5
    )
    contrast_variation: float = param(
        0.15, help="spread of contrast and brightness from section to section", low=0, high=0.5
    )
    damaged_sections: float = param(
        0.04, help="share of sections that are faint, blurred, folded or scratched", low=0, high=0.5
    )
    jitter_nm: float = param(
        4.0, help="standard deviation of a section's shift in y and x", low=0, high=50
    )

    def __attrs_post_init__(self) -> None:
        thinnest, thickest = self.calibre_nm
        if thinnest > thickest:
            raise NeurokitError(
                f"calibre_nm [{thinnest:g}, {thickest:g}] is no range: the thinnest comes first"
            )
        if prod(self.shape) > _MOST_VOXELS:
            raise NeurokitError(
                f"shape {list(self.shape)} has {prod(self.shape)} voxels, and a phantom at most "
                f"{_MOST_VOXELS}: choose smaller volumes, and more of them by count"
            )

    def volumes(self) -> list[Volume]:
        """The volumes, `phantom-<seed>-0` onwards, grown when this is called.

        Images are uint8, labels uint32: every voxel has one, 1..n, each one 6-connected component.
        """
        return [self._volume(index) for index in range(self.count)]

    def _volume(self, index: int) -> Volume:
        tissue = Tissue(
            self.shape, self.voxel_size_nm, self.calibre_nm, self.branches_per_um, self.jitter_nm
        )
        imaging = Imaging(self.noise, self.contrast_variation, self.damaged_sections)
        image, labels = make_phantom(tissue, imaging, (self.seed, index))
        return Volume(
            name=f"phantom-{self.seed}-{index}",
            image=image,
            voxel_size_nm=self.voxel_size_nm,
            labels=labels,
            source=f"phantom {VERSION} of ({self.seed}, {index}): {tissue} {imaging}",
        )
