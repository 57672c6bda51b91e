"""The steps of neurokit's engine, from affinities to a segmentation, each measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from processes import Cost, measured

from neurokit.graph.affinities import Affinities
from neurokit.graph.agglomeration import merge_tree
from neurokit.graph.building import region_graph
from neurokit.graph.fragments import Fragments
from neurokit.graph.merge_tree import MergeTree
from neurokit.graph.partition import compact, set_sizes
from neurokit.graph.statistic import needs_histograms
from neurokit.graph.watershed import watershed

STEPS = ("watershed", "region graph", "agglomeration", "relabelling")


@frozen
class Walk:
    """All the steps, once.

    Attributes:
        voxels, fragments, edges, segments: how many there were.
        costs: of the steps, in the order of `STEPS`.
    """

    voxels: int
    fragments: int
    edges: int
    segments: int
    costs: tuple[Cost, ...]

    @property
    def seconds(self) -> float:
        """Of all steps."""
        return sum(cost.seconds for cost in self.costs)

    @property
    def highest(self) -> int:
        """Bytes of memory of the process at the most, the affinities and all libraries included."""
        return max(cost.highest for cost in self.costs)


def walk(
    affinities_CZYX: Affinities,
    aff_threshold: tuple[float, float],
    merge_function: str,
    threshold: float,
) -> Walk:
    """Decode affinities, which are in memory, as the decoder `waterz` does without refinements."""
    fragments, of_watershed = measured(lambda: watershed(affinities_CZYX, aff_threshold))
    ids, histograms = len(fragments.sizes), needs_histograms(merge_function)
    graph, of_graph = measured(
        lambda: region_graph(fragments, affinities_CZYX, histograms=histograms)
    )
    tree, of_tree = measured(lambda: merge_tree(graph, ids, merge_function, until=threshold))
    labels_ZYX, of_labels = measured(lambda: _relabelled(fragments, tree, threshold))
    return Walk(
        fragments.labels_ZYX.size,
        ids - 1,
        len(graph.first),
        int(labels_ZYX.max(initial=0)),
        (of_watershed, of_graph, of_tree, of_labels),
    )


def _relabelled(
    fragments: Fragments, tree: MergeTree, threshold: float
) -> NDArray[np.unsignedinteger[Any]]:
    names = tree.names(threshold)
    return compact(names, set_sizes(names, fragments.sizes) > 0)[names][fragments.labels_ZYX]
