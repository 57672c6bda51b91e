"""The first picture: image, affinities, segmentation and truth of a run's test volume.

::

    neurokit run recipes/demo.toml
    python docs/pictures/overview.py outputs/demo/20260101-120000 docs/pictures/overview.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from neurokit import Prediction, open_array
from neurokit.results import latest_results
from pictures.style import caption, figure_of, overlay, panels, save

_NEAREST = ("z1", "y1", "x1")


def overview(
    image_YX: NDArray[np.number],
    affinities_CYX: NDArray[np.float32],
    segmentation_YX: NDArray[np.integer],
    truth_YX: NDArray[np.integer],
) -> Figure:
    """One section, four ways."""
    axes = panels(4)
    low, high = np.percentile(image_YX, (0.5, 99.5))
    axes[0].imshow(image_YX, cmap="gray", vmin=low, vmax=high)
    axes[1].imshow(np.clip(np.moveaxis(affinities_CYX, 0, -1), 0, 1))
    overlay(axes[2], image_YX, coloured_like(truth_YX, segmentation_YX))
    overlay(axes[3], image_YX, truth_YX)
    for panel, title in zip(axes, ("image", "affinities", "segmentation", "truth"), strict=True):
        caption(panel, title)
    return figure_of(axes[0])


def coloured_like(
    truth_YX: NDArray[np.integer], segmentation_YX: NDArray[np.integer]
) -> NDArray[np.int64]:
    """The segmentation with ids of the truth, so that the same neuron gets the same colour.

    From the largest overlap to the smallest, a segment gets the id of a neuron if both are still
    free; what is left of the segments gets ids that the truth does not have. Background stays 0.
    """
    both = np.stack([segmentation_YX.ravel(), truth_YX.ravel()], axis=1).astype(np.int64)
    pairs, counts = np.unique(both[(both > 0).all(axis=1)], axis=0, return_counts=True)
    taken: dict[int, int] = {}
    for segment, neuron in pairs[np.argsort(-counts, kind="stable")].tolist():
        if segment not in taken and neuron not in taken.values():
            taken[segment] = neuron
    ids = np.unique(segmentation_YX)
    fresh = int(truth_YX.max()) + 1
    names = [
        taken.get(segment, fresh + place) if segment else 0
        for place, segment in enumerate(ids.tolist())
    ]
    return np.array(names, np.int64)[np.searchsorted(ids, segmentation_YX)]


def overview_of(run: Path) -> Figure:
    """The middle section of the first volume that a run was tested on.

    Args:
        run: a run's folder, with results of a volume with labels.
    """
    results = latest_results(run)
    tested = results.volumes[0]
    volume = results.open_volumes()[tested.name]
    assert volume.labels is not None
    section = volume.shape[0] // 2
    prediction = Prediction.open(tested.prediction)
    segmentation = open_array(f"{tested.segmentation}::main")
    return overview(
        np.asarray(volume.image[section]),
        prediction.select(_NEAREST)[:, section],
        np.asarray(segmentation[section]),
        np.asarray(volume.labels[section]),
    )


if __name__ == "__main__":
    save(overview_of(Path(sys.argv[1])), Path(sys.argv[2]))
