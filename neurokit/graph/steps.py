"""Steps: from affinities to fragments, region graph and merge trees, each when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from neurokit.errors import NeurokitError
from neurokit.graph.affinities import Affinities
from neurokit.graph.agglomeration import merge_tree
from neurokit.graph.building import region_graph
from neurokit.graph.fragments import Fragments
from neurokit.graph.keeping import is_keeping, kept
from neurokit.graph.memory import available_memory
from neurokit.graph.merge_tree import MergeTree
from neurokit.graph.region_graph import RegionGraph
from neurokit.graph.section_table import SectionTable, section_table
from neurokit.graph.statistic import needs_histograms, quantile_of
from neurokit.graph.watershed import watershed

_GIB = 2**30
_BYTES_PER_EDGE = 160
"""At the peak of an agglomeration, beside the graph."""


@frozen(eq=False)
class Steps:
    """What a prediction's affinities give, step by step; found again where it is kept.

    Attributes:
        affinities: reads them, along z, y and x in this order, float32 in [0, 1] or uint8; called
            only if a step has to be computed.
        aff_threshold: of the watershed.
        fingerprint: of the affinities; None where it is not known, and nothing is kept.
    """

    affinities: Callable[[], Affinities]
    aff_threshold: tuple[float, float]
    fingerprint: str | None

    def fragments(self) -> Fragments:
        """The watershed's fragments."""
        key = self._key("fragments")
        return kept(
            Fragments,
            key,
            lambda: evolve(watershed(self.affinities(), self.aff_threshold), fingerprint=key),
        )

    def region_graph(self, merge_function: str) -> RegionGraph:
        """The region graph, with what a merge function needs."""
        histograms = needs_histograms(merge_function)
        running_mean = quantile_of(merge_function) is None
        return kept(
            RegionGraph,
            self._key(f"graph {histograms} {running_mean}"),
            lambda: region_graph(
                self.fragments(),
                self.affinities(),
                histograms=histograms,
                running_mean=running_mean,
            ),
        )

    def merge_tree(self, merge_function: str, threshold: float) -> MergeTree:
        """A merge tree that answers for a threshold at least; for all if it is kept.

        Raises:
            NeurokitError: it would need more memory than is free.
        """
        key = self._key(f"tree {merge_function}")
        until = 1.0 if key and is_keeping() else threshold
        return kept(MergeTree, key, lambda: self._grown(merge_function, until))

    def section_table(self) -> SectionTable:
        """How fragments overlap from section to section."""
        return kept(
            SectionTable,
            self._key("sections"),
            lambda: section_table(self.fragments().labels_ZYX, self.affinities()[0]),
        )

    def _grown(self, merge_function: str, until: float) -> MergeTree:
        graph = self.region_graph(merge_function)
        needed, free = len(graph.first) * _BYTES_PER_EDGE, available_memory()
        if free is not None and needed > free:
            raise NeurokitError(
                f"agglomerating {len(graph.first):,} contacts would need about "
                f"{needed / _GIB:.1f} GiB and {free / _GIB:.1f} GiB are free; decode a smaller "
                f"volume, or raise the first or lower the second number of aff_threshold"
            )
        return merge_tree(graph, len(self.fragments().sizes), merge_function, until=until)

    def _key(self, step: str) -> str | None:
        if self.fingerprint is None:
            return None
        return f"{step} of {self.fingerprint} at {self.aff_threshold}"
