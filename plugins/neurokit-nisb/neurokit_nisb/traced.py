"""Traced: volumes of another dataset, with skeletons."""

from __future__ import annotations

import numpy as np
from attrs import evolve, frozen

from neurokit import Dataset, NeurokitError, Volume, param
from neurokit_nisb.tracing import trace


@frozen(kw_only=True)
class Traced(Dataset):
    """The volumes of another dataset, with skeletons traced along the middle of their labels.

    So the scores of NISB can be had where there are only labels. The whole of a volume's labels is
    held in memory for it.
    """

    of: Dataset = param(help="the dataset; its volumes must have labels")

    def volumes(self) -> list[Volume]:
        """The volumes, under their names.

        Raises:
            NeurokitError: those of the dataset, or one of its volumes has no labels.
        """
        return [_traced(volume) for volume in self.of.volumes()]


def _traced(volume: Volume) -> Volume:
    if volume.labels is None:
        raise NeurokitError(f"'{volume.name}' has no labels to trace skeletons in")
    labels_ZYX = np.asarray(volume.labels[...])
    return evolve(volume, skeletons=trace(labels_ZYX, volume.voxel_size_nm))
