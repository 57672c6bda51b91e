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
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from neurokit.errors import NeurokitError

FloatVolumes = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

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

_SLAB_VOXELS = 1 << 22
_GIB = 2**30

# Upper bounds of what a run adds to the process's peak. A histogram takes a little over 1 KiB, and
# the vector that holds one for each edge can need twice that while it grows.
_BYTES_PER_VOXEL = 8
_BYTES_PER_EDGE = {"histogram": 2048, "mean": 256}
_BYTES_PER_LISTED_EDGE = 320
_EDGES_PER_FRAGMENT = 5.5


@frozen(eq=False)
class RegionGraph:
    """The contacts that are left between segments.

    Attributes:
        first, second: the two ids of each contact.
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

    return RegionGraph(column("u", np.int64), column("v", np.int64), column("score", np.float64))


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
    edges = estimate_edges(affinities_CZYX, aff_threshold)
    statistic = "mean" if merge_function == "affmean" else "histogram"
    per_edge = _BYTES_PER_EDGE[statistic] + (_BYTES_PER_LISTED_EDGE if return_graph else 0)
    needed = affinities_CZYX[0].size * _BYTES_PER_VOXEL + edges * per_edge
    if needed > free:
        raise NeurokitError(
            f"agglomeration by {merge_function} would need about {needed / _GIB:.1f} GiB for "
            f"{edges:,} contacts and {free / _GIB:.1f} GiB are free; decode a smaller volume, "
            f"raise the first or lower the second number of aff_threshold, or use affmean"
        )


def estimate_edges(affinities_CZYX: FloatVolumes, aff_threshold: tuple[float, float]) -> int:
    """About how many pairs of touching fragments the watershed will make."""
    faces = 3 * affinities_CZYX[0].size
    fragments = estimate_fragments(affinities_CZYX, aff_threshold)
    return int(min(faces, round(_EDGES_PER_FRAGMENT * fragments)))


def estimate_fragments(affinities_CZYX: FloatVolumes, aff_threshold: tuple[float, float]) -> int:
    """About how many fragments the watershed will make.

    The volume is cut into slabs, and each is counted as if it were alone: exact in a slab, a few
    percent off in all, as fragments that cross a cut count twice.

    Args:
        affinities_CZYX: as in `agglomerate`.
        aff_threshold: as in `agglomerate`.
    """
    _, depth, height, width = affinities_CZYX.shape
    thickness = max(8, _SLAB_VOXELS // (height * width))
    return sum(
        _count_basins(affinities_CZYX[:, z : z + thickness], *aff_threshold)
        for z in range(0, depth, thickness)
    )


def _count_basins(affinities_CZYX: FloatVolumes, low: float, high: float) -> int:
    """The floors of the watershed's basins.

    A voxel links to a neighbour over an edge that is its strongest, or at least `high`. Voxels
    linked both ways form a plateau; water stays on a plateau that no one-way link leaves.
    """
    # The package compares in single precision.
    low, high = float(np.float32(low)), float(np.float32(high))
    shape = affinities_CZYX.shape[1:]
    strongest = np.full(shape, low, dtype=np.float32)
    for axis in range(3):
        ends, edge = _edges(affinities_CZYX, axis)
        for end in ends:
            np.maximum(strongest[end], edge, out=strongest[end])

    voxels = np.arange(strongest.size, dtype=np.int32).reshape(shape)
    on_plateau, leaves = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    links: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
    for axis in range(3):
        (higher, lower), edge = _edges(affinities_CZYX, axis)
        back = (edge > low) & ((edge == strongest[higher]) | (edge >= high))
        forth = (edge > low) & ((edge == strongest[lower]) | (edge >= high))
        both = back & forth
        on_plateau[higher] |= both
        on_plateau[lower] |= both
        leaves[higher] |= back & ~forth
        leaves[lower] |= forth & ~back
        links.append((voxels[higher][both], voxels[lower][both]))

    first, second = (np.concatenate(ends) for ends in zip(*links, strict=True))
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(voxels.size,) * 2)
    count, plateau = connected_components(graph, directed=False)
    is_floor = np.zeros(count, dtype=bool)
    is_floor[plateau[on_plateau.ravel()]] = True
    is_floor[plateau[leaves.ravel()]] = False
    return int(is_floor.sum())


def _edges(
    affinities_CZYX: FloatVolumes, axis: int
) -> tuple[tuple[tuple[slice, ...], tuple[slice, ...]], FloatVolumes]:
    """Along one axis, the (higher, lower) ends of all edges, and the edges' affinities."""
    higher = tuple(slice(1, None) if each == axis else slice(None) for each in range(3))
    lower = tuple(slice(None, -1) if each == axis else slice(None) for each in range(3))
    return (higher, lower), affinities_CZYX[axis][higher]


def available_memory() -> int | None:
    """Bytes that the process can still take, within the machine's and the container's limit.

    None where the system does not say.
    """
    known = [bytes_ for bytes_ in (_machine_memory(), *_container_memory()) if bytes_ is not None]
    return min(known, default=None)


def _machine_memory() -> int | None:
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _container_memory() -> Iterator[int | None]:
    """What control groups leave, of version 2 and of version 1."""
    root = Path("/sys/fs/cgroup")
    yield _left(root / "memory.max", root / "memory.current", root / "memory.stat")
    group = root / "memory"
    yield _left(
        group / "memory.limit_in_bytes", group / "memory.usage_in_bytes", group / "memory.stat"
    )


def _left(limit: Path, usage: Path, statistics: Path) -> int | None:
    limit_text, usage_text = _read(limit).strip(), _read(usage).strip()
    if not (limit_text.isdigit() and usage_text.isdigit()):
        return None
    # Cached file pages count as used but are given up on demand.
    cached = 0
    for line in _read(statistics).splitlines():
        if line.startswith(("inactive_file ", "total_inactive_file ")):
            cached = max(cached, int(line.split()[1]))
    return max(0, int(limit_text) - int(usage_text) + cached)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
