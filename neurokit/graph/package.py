"""Watershed and agglomeration by the waterz package, kept quiet and within memory."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.graph.building import region_graph
from neurokit.graph.memory import available_memory
from neurokit.graph.watershed import watershed

FloatVolumes = NDArray[np.float32]

QUANTILES = range(10, 100, 5)
SCORING_FUNCTIONS = {
    "affmean": "OneMinus<MeanAffinity<RegionGraphType,ScoreValue>>",
    **{
        f"aff{quantile}_his256": "OneMinus<HistogramQuantileAffinity<"
        f"RegionGraphType,{quantile},ScoreValue,256,true>>"
        for quantile in QUANTILES
    },
}
"""The scoring functions that the package ships compiled, by the names that recipes use."""

_GIB = 2**30

# Upper bounds of what a run adds to the process's peak. A histogram takes a little over 1 KiB, and
# the vector that holds one for each edge can need twice that while it grows.
_BYTES_PER_VOXEL = 8
_BYTES_PER_EDGE = {"histogram": 2048, "mean": 256}
_BYTES_PER_LISTED_EDGE = 320


@frozen(eq=False)
class RegionGraph:
    """The contacts that are left between segments, in ascending order of (first, second).

    Attributes:
        first, second: the two ids of each contact, the smaller first.
        score: 1 - affinity of each contact, no less than the threshold of the agglomeration.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    score: NDArray[np.float64]


def agglomerate(
    affinities_CZYX: FloatVolumes,
    *,
    threshold: float,
    merge_function: str,
    aff_threshold: tuple[float, float],
    discretize_queue: int = 0,
    return_graph: bool = False,
) -> tuple[NDArray[np.int64], RegionGraph | None]:
    """Watershed fragments, agglomerated while the best score is below the threshold.

    Args:
        affinities_CZYX: affinities in [0, 1] along z, y and x, in this order, each stored at the
            higher end of its edge; C-contiguous, not empty.
        threshold: merging stops at this score, 1 - affinity.
        merge_function: a key of `SCORING_FUNCTIONS`.
        aff_threshold: what is at most the first is background for the watershed; what is at least
            the second is joined without question.
        discretize_queue: bins of the merging queue; 0 sorts it exactly.
        return_graph: whether to return the contacts that are left.

    Returns:
        Segment ids ZYX from 1, with gaps, 0 for background; and the graph, or None.

    Raises:
        NeurokitError: the package would need more memory than is free, or was installed without
            its compiled functions.
    """
    if find_spec("waterz._prebuilt.agglomerate") is None:
        raise NeurokitError(
            "the installed waterz holds no compiled functions; "
            "install its wheel: pip install --only-binary waterz --force-reinstall waterz"
        )
    _check_memory(affinities_CZYX, merge_function, aff_threshold, return_graph)
    import waterz

    low, high = aff_threshold
    with silent_stdout():
        (result,) = waterz.agglomerate(
            affinities_CZYX,
            [threshold],
            aff_threshold_low=low,
            aff_threshold_high=high,
            return_region_graph=return_graph,
            scoring_function=SCORING_FUNCTIONS[merge_function],
            discretize_queue=discretize_queue,
        )
    if isinstance(result, tuple):
        labels_ZYX, edges = result
        return labels_ZYX.view(np.int64), _region_graph(edges)
    return result.view(np.int64), None


def _region_graph(edges: list[dict[str, Any]]) -> RegionGraph:
    def column(key: str, dtype: type) -> NDArray[Any]:
        return np.fromiter(map(itemgetter(key), edges), dtype, len(edges))

    first, second = column("u", np.int64), column("v", np.int64)
    order = np.lexsort((second, first))
    return RegionGraph(first[order], second[order], column("score", np.float64)[order])


@contextmanager
def silent_stdout() -> Iterator[None]:
    """Discard what is written to standard output inside, by Python and by compiled code.

    The whole process is silent meanwhile, other threads too. Output written before and after
    stays whole.
    """
    c_library = ctypes.CDLL(None)
    if sys.stdout is not None:
        sys.stdout.flush()
    c_library.fflush(None)
    original = os.dup(1)
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            os.dup2(nowhere.fileno(), 1)
            try:
                yield
            finally:
                c_library.fflush(None)
                os.dup2(original, 1)
    finally:
        os.close(original)


def _check_memory(
    affinities_CZYX: FloatVolumes,
    merge_function: str,
    aff_threshold: tuple[float, float],
    return_graph: bool,
) -> None:
    """The package ends the whole process when memory runs out, so this is asked before."""
    free = available_memory()
    if free is None:
        return
    fragments = watershed(affinities_CZYX, aff_threshold)
    edges = len(region_graph(fragments, affinities_CZYX).first)
    statistic = "mean" if merge_function == "affmean" else "histogram"
    per_edge = _BYTES_PER_EDGE[statistic] + (_BYTES_PER_LISTED_EDGE if return_graph else 0)
    needed = affinities_CZYX[0].size * _BYTES_PER_VOXEL + edges * per_edge
    if needed > free:
        raise NeurokitError(
            f"agglomeration by {merge_function} would need about {needed / _GIB:.1f} GiB for "
            f"{edges:,} contacts and {free / _GIB:.1f} GiB are free; decode a smaller volume, "
            f'raise the first or lower the second number of aff_threshold, or use engine = "graph"'
        )
