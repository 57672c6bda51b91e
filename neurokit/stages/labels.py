"""What the log says of labels that are not known everywhere."""

from __future__ import annotations

import logging

import numpy as np

from neurokit.run_folder import Run
from neurokit.samples import Known, Samples

log = logging.getLogger("neurokit")

_LITTLE = 0.01


def tell_of_known(run: Run, samples: Samples, part: str) -> None:
    """Say of volumes that are not known everywhere how much is known, and warn where it is little.

    Args:
        run: that uses them.
        samples: of the volumes.
        part: of the data: training or validation.
    """
    for name, known in samples.known.items():
        if known is None:
            continue
        said = f"{_percent(known.share)} of the voxels of the {part} volume '{name}' are known"
        if known.share < _LITTLE:
            run.warn(f"labels: only {said}; all samples of it are cut around these")
        else:
            log.info("labels: %s", said)


def warn_of_unlearnt(run: Run, samples: Samples) -> None:
    """Warn of affinities between sections that cannot be learnt, as their ends are never known.

    Args:
        run: whose target has them.
        samples: that are trained on.
    """
    unlearnt = [
        channel.name
        for channel in run.recipe.target.channels
        if channel.offset is not None
        and not any(
            _has_sections_apart(known, channel.offset[0]) for known in samples.known.values()
        )
    ]
    if unlearnt:
        run.warn(
            f"labels: the network cannot learn {', '.join(unlearnt)}: no training volume has known "
            f"sections so far apart; label sections that follow each other"
        )


def _has_sections_apart(known: Known | None, distance: int) -> bool:
    """Whether a volume has two sections so far apart of which something is known."""
    if known is None:
        return True
    ahead = known.sections[abs(distance) :]
    return bool(np.any(ahead & known.sections[: len(ahead)]))


def _percent(share: float) -> str:
    """A share below 1 in words, with two digits or three."""
    percent = 100 * share
    return f"{percent:.2g} %" if percent < 10 else f"{min(percent, 99.9):.3g} %"
