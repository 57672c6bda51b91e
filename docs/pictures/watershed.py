"""Pictures of watershed and agglomeration: from affinities to segments, by the threshold."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neurokit.components.decoders import Waterz
from neurokit.components.metrics import VOI, AdaptedRand
from pictures import tissue
from pictures.style import ACCENT, INK, caption, figure_of, grey, panels, segments

THRESHOLDS = (0.05, 0.2, 0.5, 0.85)
_FINE = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)


@cache
def decoded(threshold: float) -> NDArray[np.integer]:
    """The segmentation of the doubtful affinities."""
    decoder = Waterz(
        threshold=threshold, merge_function="aff75_his256", aff_threshold=(0.02, 0.999)
    )
    return decoder.decode(tissue.prediction())


@cache
def scores(threshold: float) -> dict[str, float]:
    """Adapted Rand and VOI of that segmentation."""
    found = [metric.score(decoded(threshold), tissue.volume()) for metric in (AdaptedRand(), VOI())]
    return found[0] | found[1]


def thresholds() -> Figure:
    """Affinities, fragments, and what they are joined to at several thresholds."""
    axes = panels(6, columns=3, height=6.4)
    grey(axes[0], tissue.prediction().values[2, tissue.SECTION], 0, 1)
    caption(axes[0], "predicted affinity x1", "dark: a membrane, or a doubt\n")
    segments(axes[1], decoded(0.0)[tissue.SECTION], lines=False)
    caption(axes[1], f"fragments: {decoded(0.0).max():,} in the volume", "threshold 0 joins none\n")
    for panel, threshold in zip(axes[2:], THRESHOLDS, strict=True):
        labels_ZYX, score = decoded(threshold), scores(threshold)
        segments(panel, labels_ZYX[tissue.SECTION])
        caption(
            panel,
            f"threshold {threshold}: {labels_ZYX.max():,} segments",
            f"adapted Rand {score['adapted_rand']:.2f}\n"
            f"VOI split {score['voi_split']:.2f}, merge {score['voi_merge']:.2f}",
        )
    return figure_of(axes[0])


def curve() -> Figure:
    """Scores over the threshold."""
    (axes,) = panels(1, height=2.8)
    axes.set_axis_on()
    all_scores = [scores(threshold) for threshold in _FINE]
    lines = {
        "adapted_rand": ("adapted Rand error", INK, "-", 2.0),
        "voi_split": ("VOI split (bits)", ACCENT, "--", 1.2),
        "voi_merge": ("VOI merge (bits)", ACCENT, "-", 1.2),
    }
    for key, (label, colour, style, width) in lines.items():
        values = [each[key] for each in all_scores]
        axes.plot(_FINE, values, style, color=colour, lw=width, label=label)
    axes.set_xlabel("threshold", fontsize=9, color=INK)
    axes.set_ylim(0, 2)
    axes.set_xlim(min(_FINE), max(_FINE))
    axes.tick_params(labelsize=8, colors=INK)
    axes.legend(fontsize=8, frameon=False, labelcolor=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure_of(axes)


PICTURES = {"thresholds": thresholds, "curve": curve}
