"""A picture of mistakes and what each score makes of them."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neurokit import Volume
from neurokit.components.metrics import VOI, AdaptedRand
from neurokit_nisb.nerl import Nerl
from neurokit_nisb.traced import Traced
from pictures import tissue
from pictures.style import caption, figure_of, outline, panels, segments

Labels = NDArray[np.integer]


@cache
def truth() -> Volume:
    """The tissue, with skeletons traced along the middle of its neurons."""
    (traced,) = Traced(of=tissue.PHANTOM).volumes()
    return traced


@cache
def mistakes() -> dict[str, Labels]:
    """The truth, and what it becomes by one mistake each."""
    labels_ZYX = tissue.labels_ZYX()
    first, second = _largest_neighbours(labels_ZYX)
    middle = _middle(labels_ZYX == first)
    fresh = int(labels_ZYX.max()) + 3

    split_ZYX = labels_ZYX.copy()
    along_x = np.arange(labels_ZYX.shape[2]) >= middle[2]
    split_ZYX[(labels_ZYX == first) & along_x] = fresh

    merge_ZYX = labels_ZYX.copy()
    merge_ZYX[labels_ZYX == second] = first

    tip_ZYX, stray_ZYX = labels_ZYX.copy(), labels_ZYX.copy()
    tip_ZYX[_end(labels_ZYX == second)] = first
    stray_ZYX[(labels_ZYX == second) & _about_a_node(labels_ZYX.shape, second)] = first

    thin_ZYX = labels_ZYX.copy()
    thin_ZYX[_rim(labels_ZYX)] = 0
    return {
        "the truth": labels_ZYX,
        "one neuron split": split_ZYX,
        "two neurons merged": merge_ZYX,
        "a tip given to another": tip_ZYX,
        "a few voxels given to another": stray_ZYX,
        "borders left out": thin_ZYX,
    }


@cache
def table() -> dict[str, dict[str, float]]:
    """The scores of each mistake, by name."""
    metrics = (AdaptedRand(), VOI(), Nerl(tolerances=(20,)))
    return {
        name: {
            key: value
            for metric in metrics
            for key, value in metric.score(labels_ZYX, truth()).items()
        }
        for name, labels_ZYX in mistakes().items()
    }


def picture() -> Figure:
    """Each mistake, in the section in which it shows."""
    axes = panels(6, columns=3, height=6.7)
    for panel, (name, labels_ZYX) in zip(axes, mistakes().items(), strict=True):
        score = table()[name]
        section_YX = labels_ZYX[tissue.SECTION]
        segments(panel, section_YX)
        outline(panel, (section_YX != tissue.labels_ZYX()[tissue.SECTION]) & (section_YX > 0))
        caption(
            panel,
            name,
            f"adapted Rand {score['adapted_rand']:.3f}\n"
            f"NERL {score['nerl']:.2f}, tolerant {score['nerl[tolerance=20]']:.2f}\n"
            f"VOI split {score['voi_split']:.2f}, merge {score['voi_merge']:.2f}",
        )
    return figure_of(axes[0])


def markdown() -> str:
    """The table of mistakes and scores, for the page."""
    columns = {
        "adapted_rand": "adapted Rand",
        "adapted_rand_precision": "precision",
        "adapted_rand_recall": "recall",
        "voi_split": "VOI split",
        "voi_merge": "VOI merge",
        "nerl": "NERL",
        "nerl[tolerance=20]": "NERL, tolerance 20",
    }
    lines = [["mistake", *columns.values()], ["---"] + ["---:"] * len(columns)]
    lines += [[name, *(f"{score[key]:.3f}" for key in columns)] for name, score in table().items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _largest_neighbours(labels_ZYX: Labels) -> tuple[int, int]:
    """The two neurons that touch in the section shown and are largest there."""
    section_YX = labels_ZYX[tissue.SECTION]
    pairs = np.concatenate(
        [
            np.stack([section_YX[:-1].ravel(), section_YX[1:].ravel()], axis=1),
            np.stack([section_YX[:, :-1].ravel(), section_YX[:, 1:].ravel()], axis=1),
        ]
    )
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    sizes = np.bincount(section_YX.ravel())
    first, second = pairs[np.argmax(np.minimum(*sizes[pairs].T))]
    return int(first), int(second)


def _middle(inside_ZYX: NDArray[np.bool_]) -> NDArray[np.int64]:
    places = np.argwhere(inside_ZYX)
    middle: NDArray[np.int64] = np.median(places, axis=0).astype(np.int64)
    return middle


def _end(inside_ZYX: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The last fifteenth of a neuron along y."""
    y = np.argwhere(inside_ZYX)[:, 1]
    end_ZYX = inside_ZYX.copy()
    end_ZYX[:, : int(np.quantile(y, 14 / 15))] = False
    return end_ZYX


def _about_a_node(shape: tuple[int, ...], neuron: int) -> NDArray[np.bool_]:
    """A small ball around the node of a neuron's skeleton that is nearest to the section shown."""
    skeletons = truth().skeletons
    assert skeletons is not None
    nodes = skeletons.voxels[skeletons.ids == neuron]
    node = nodes[np.argmin(np.abs(nodes[:, 0] - tissue.SECTION))]
    away = [np.arange(size) - place for size, place in zip(shape, node, strict=True)]
    z, y, x = np.meshgrid(*away, indexing="ij", sparse=True)
    ball_ZYX: NDArray[np.bool_] = (3 * z) ** 2 + y**2 + x**2 <= 5**2
    return ball_ZYX


def _rim(labels_ZYX: Labels) -> NDArray[np.bool_]:
    """The voxels at a border within a section."""
    rim_ZYX = np.zeros(labels_ZYX.shape, bool)
    for axis in (1, 2):
        before, behind = (
            tuple(part if each == axis else slice(None) for each in range(3))
            for part in (slice(None, -1), slice(1, None))
        )
        differ = labels_ZYX[before] != labels_ZYX[behind]
        rim_ZYX[before] |= differ
        rim_ZYX[behind] |= differ
    return rim_ZYX


PICTURES = {"scores": picture}
