"""Tissue: a tested volume as it is shown, with the worst that is wrong with it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from neurokit.errors import NeurokitError, first_line
from neurokit.kinds import Metric
from neurokit.prediction import DATASET
from neurokit.reporting.mistakes import Mistake, Mistakes, find_mistakes
from neurokit.reporting.pictures import (
    Cutout,
    PlaneView,
    cutout,
    plane_views,
)
from neurokit.reporting.region import Region, scored_region
from neurokit.reporting.telling import headline, meeting
from neurokit.results import VolumeResults
from neurokit.viewing.address import address_of
from neurokit.volumes import StoredArray, Volume, open_array


@frozen
class MistakeView:
    """A mistake as it is shown.

    Attributes:
        mistake: what it is.
        headline: that, in words.
        meeting: what is at its place, in words.
        share: which part of the adapted Rand error it is.
        error: how much it adds to that.
        place_nm: its place in nanometres.
        cutout: its surroundings.
        address: of the place in the viewer.
        command: that starts the viewer there.
    """

    mistake: Mistake
    headline: str
    meeting: str
    share: float
    error: float
    place_nm: tuple[float, float, float]
    cutout: Cutout
    address: str
    command: str


@frozen
class VolumeView:
    """A tested volume.

    Attributes:
        name: of it.
        shape, voxel_size_nm: of it.
        fingerprint: of the data as it is now; None where that is gone.
        segments: how many there are.
        planes: pictures; empty where there are none.
        counts: of all mistakes; None where there are no labels, or where none were looked for.
        merges, splits: the worst.
        region: that alone is scored, and that mistakes were looked for in; None for all of it.
        missing: why something is not shown; empty where nothing is missing.
    """

    name: str
    shape: tuple[int, ...]
    voxel_size_nm: tuple[float, ...]
    fingerprint: str | None
    segments: int | None
    planes: list[PlaneView]
    counts: Mistakes | None
    merges: list[MistakeView]
    splits: list[MistakeView]
    region: Region | None
    missing: str


def volume_view(
    run: Path,
    results: VolumeResults,
    volume: Volume | None,
    missing: str,
    mistakes: int,
    alone: bool = True,
    metrics: Sequence[Metric] = (),
) -> VolumeView:
    """What is to be shown of a tested volume.

    Args:
        run: the folder of the run.
        results: what the test left of the volume.
        volume: the data; None where it is not looked at.
        missing: what is not shown then, and why.
        mistakes: how many merges and splits to find.
        alone: whether it is the only one that was tested.
        metrics: of the recipe; mistakes are looked for in what the first of them scores.
    """
    segmentation = open_array(f"{results.segmentation}::{DATASET}")
    attributes = segmentation.attributes()
    planes: list[PlaneView] = []
    found: Mistakes | None = None
    merges: list[MistakeView] = []
    splits: list[MistakeView] = []
    region: Region | None = None
    fingerprint = None
    if volume is not None:
        missing = ""
        try:
            fingerprint = volume.fingerprint
            planes = plane_views(volume, segmentation)
            if volume.labels is None:
                missing = "the volume has no labels to tell merges and splits by"
            elif mistakes:
                region = scored_region(metrics, volume)
                found = find_mistakes(
                    segmentation,
                    volume.labels,
                    volume.voxel_size_nm,
                    mistakes,
                    None if region is None else region.slices,
                )
                views = _Views(run, volume, segmentation, found, alone)
                merges = [views.of(each, True) for each in found.merges]
                splits = [views.of(each, False) for each in found.splits]
        except NeurokitError as error:
            missing = first_line(error)
    voxel_size = attributes.get("voxel_size_nm", () if volume is None else volume.voxel_size_nm)
    neurons = attributes.get("neurons")
    return VolumeView(
        results.name,
        tuple(segmentation.shape),
        tuple(float(each) for each in voxel_size),
        fingerprint,
        None if neurons is None else int(neurons),
        planes,
        found,
        merges,
        splits,
        region,
        missing,
    )


@frozen
class _Views:
    """Makes the views of a volume's mistakes."""

    run: Path
    volume: Volume
    segmentation: StoredArray
    found: Mistakes
    alone: bool

    def of(self, mistake: Mistake, is_merge: bool) -> MistakeView:
        z, y, x = (
            place * size
            for place, size in zip(mistake.place_ZYX, self.volume.voxel_size_nm, strict=True)
        )
        share = self.found.share(mistake.cost)
        return MistakeView(
            mistake,
            headline(mistake, is_merge),
            meeting(mistake, is_merge),
            share,
            share * self.found.adapted_rand,
            (z, y, x),
            cutout(mistake, is_merge, self.volume, self.segmentation),
            address_of(self.run.absolute().name, self.volume.name, mistake.place_ZYX),
            self._command(mistake),
        )

    def _command(self, mistake: Mistake) -> str:
        place = ",".join(map(str, mistake.place_ZYX))
        which = [] if self.alone else ["--volume", self.volume.name]
        return shlex.join(["neurokit", "view", str(self.run), *which, "--at", place])
