"""The preparation stage: what a target computes once of all the labels of a volume."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from neurokit.distributed import agreed
from neurokit.errors import NeurokitError
from neurokit.kinds import Target
from neurokit.occupied import in_turn
from neurokit.recipe import fingerprint, to_table
from neurokit.registry import installed
from neurokit.run_folder import Run
from neurokit.stages.reuse import stored_fingerprint
from neurokit.volumes import Volume, open_array, write_array

log = logging.getLogger("neurokit")


def prepare(run: Run, volumes: Sequence[Volume]) -> list[Volume]:
    """The volumes, with what `Target.prepare` makes of their labels in place of these.

    Results lie in `prepared/` beside the run, for other runs of the recipe, too.

    Raises:
        NeurokitError: the target cannot do it, or what it gives cannot stand for labels.
    """
    target = run.recipe.target
    if not volumes or type(target).prepare is Target.prepare:
        return list(volumes)
    name = installed().name_of(type(target))
    origin = installed().find("target", name).origin
    with run.stage("prepare") as stage:
        stage.reused = True
        found = []
        for volume in volumes:
            key = fingerprint(origin, to_table(target), volume.fingerprint)
            file = run.folder.parent / "prepared" / f"{volume.name}-{key}.h5"
            if run.leads:
                with in_turn(file):  # runs of one recipe may start at once
                    stage.reused &= not _write(file, key, target, volume)
            # The other processes read what this one has written, after it has.
            agreed(True)
            found.append(evolve(volume, labels=open_array(f"{file}::main")))
    return found


def _write(file: Path, key: str, target: Target, volume: Volume) -> bool:
    """Have the file hold the prepared labels; whether anything was to be done."""
    if stored_fingerprint(file) == key:
        return False
    assert volume.labels is not None
    log.info("preparing the labels of '%s'", volume.name)
    labels_ZYX = np.asarray(volume.labels[...])
    prepared_ZYX = target.prepare(labels_ZYX, volume.voxel_size_nm)
    if prepared_ZYX is None:
        prepared_ZYX = labels_ZYX
    _require_labels(prepared_ZYX, target, volume)
    write_array(file, prepared_ZYX, attributes={"fingerprint": key})
    return True


def _require_labels(prepared_ZYX: NDArray[np.integer], target: Target, volume: Volume) -> None:
    who = f"the target {type(target).__name__} made of the labels of '{volume.name}'"
    if prepared_ZYX.shape != volume.shape or prepared_ZYX.dtype.kind not in "ui":
        raise NeurokitError(
            f"{who} an array of shape {prepared_ZYX.shape} and type {prepared_ZYX.dtype}, which "
            f"must be of shape {volume.shape} and integers"
        )
    if prepared_ZYX.max() >= 2**31:
        raise NeurokitError(f"{who} the number {prepared_ZYX.max()}, which must be below 2**31")
