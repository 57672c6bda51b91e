"""Faults of the stack: sections that lie beside their place, and sections that are not there.

Labels go where their tissue goes. What comes into view is unknown: the image shows mirrored tissue
there, so that no black border gives the fault away, and its labels are -1, to be ignored.
"""

from __future__ import annotations

import torch
from attrs import frozen

from neurokit import Augmentation, Batch, SampleRandom, param
from neurokit.components.augmentations.resampling import mirrored_places
from neurokit.components.augmentations.single import Draws, Sample, change_each

_IGNORED = -1


@frozen(kw_only=True)
class Misalignment(Augmentation):
    """Shifts one section (a slip), or all sections from one on, within the plane.

    Labels follow the tissue; those of what comes into view are ignored. Lee et al. 2017. A slip
    needs three sections and a shift of several two; samples of one section stay as they are.
    """

    probability: float = param(1.0, help="chance of a sample to be changed", low=0, high=1)
    displacement_nm: float = param(
        100.0, help="greatest shift along y and along x, either way", above=0
    )
    slip_probability: float = param(
        0.5, help="chance of one section alone to be shifted", low=0, high=1
    )

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch, the chosen samples misaligned by whole voxels."""
        return change_each(batch, random, self.probability, self._misalign)

    def _misalign(self, sample: Sample, draws: Draws) -> None:
        if sample.sections < 2:
            return
        shift_y, shift_x = (
            round(draws.number(-self.displacement_nm, self.displacement_nm) / length_nm)
            for length_nm in sample.voxel_size_nm[1:]
        )
        if sample.sections > 2 and draws.happens(self.slip_probability):
            first = draws.whole(1, sample.sections - 2)
            moved = slice(first, first + 1)
        else:
            moved = slice(draws.whole(1, sample.sections - 1), sample.sections)
        _shift(sample.image_CZYX[:, moved], sample.labels_ZYX[moved], shift_y, shift_x)


@frozen(kw_only=True)
class LostSection(Augmentation):
    """Takes sections out of a sample; those after them move up and close the gap.

    Labels follow the tissue; those of the sections that come into view at the end are ignored.
    Samples of fewer than three sections stay as they are.
    """

    probability: float = param(1.0, help="chance of a sample to be changed", low=0, high=1)
    most: int = param(1, help="most sections that are lost, one after the other", low=1)

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The batch, the chosen samples without some of their sections."""
        return change_each(batch, random, self.probability, self._lose)

    def _lose(self, sample: Sample, draws: Draws) -> None:
        last = sample.sections - 1
        if last < 2:
            return
        lost = draws.whole(1, min(self.most, last - 1))
        first = draws.whole(1, last - lost)
        image, labels = sample.image_CZYX, sample.labels_ZYX
        behind = image[:, last - lost : last].flip(1)
        ignored = torch.full_like(labels[:lost], _IGNORED)
        image[:, first:] = torch.cat([image[:, first + lost :], behind], 1)
        labels[first:] = torch.cat([labels[first + lost :], ignored])


def _shift(image_CZYX: torch.Tensor, labels_ZYX: torch.Tensor, y: int, x: int) -> None:
    """Move sections by y rows down and x columns to the right, in place."""
    rows = torch.arange(labels_ZYX.shape[1], device=labels_ZYX.device)[:, None] - y
    columns = torch.arange(labels_ZYX.shape[2], device=labels_ZYX.device) - x
    from_rows = mirrored_places(rows, labels_ZYX.shape[1])
    from_columns = mirrored_places(columns, labels_ZYX.shape[2])
    known = (rows == from_rows) & (columns == from_columns)
    image_CZYX.copy_(image_CZYX[..., from_rows, from_columns])
    labels_ZYX.copy_(labels_ZYX[:, from_rows, from_columns].where(known, _IGNORED))
