"""Steps: from affinities to fragments, region graph and merge trees, each when it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from attrs import evolve

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

Table = TypeVar("Table")

_GIB = 2**30
_BYTES_PER_EDGE = 160
"""At the peak of an agglomeration, beside the graph."""


class Steps:
    """What a prediction's affinities give, step by step; none is taken twice.

    Args:
        affinities: reads them, along z, y and x in this order, float32 in [0, 1] or uint8; called
            only if a step has to be taken.
        aff_threshold: of the watershed.
        fingerprint: of the affinities, for `keeping`; None where it is not known.
    """

    def __init__(
        self,
        affinities: Callable[[], Affinities],
        aff_threshold: tuple[float, float],
        fingerprint: str | None,
    ) -> None:
        self._affinities = cache(affinities)
        self._aff_threshold = aff_threshold
        self._fingerprint = fingerprint
        self._taken: dict[str, Any] = {}

    def fragments(self) -> Fragments:
        """The watershed's fragments."""
        return self._take(
            Fragments, "fragments", self._key(str(self._aff_threshold)), self._flooded
        )

    def region_graph(self, merge_function: str) -> RegionGraph:
        """The region graph, with what a merge function needs."""
        histograms = needs_histograms(merge_function)
        running_mean = quantile_of(merge_function) is None
        return self._take(
            RegionGraph,
            f"graph {histograms} {running_mean}",
            self._key(self.fragments().fingerprint),
            lambda: region_graph(
                self.fragments(),
                self._affinities(),
                histograms=histograms,
                running_mean=running_mean,
            ),
        )

    def merge_tree(self, merge_function: str, threshold: float) -> MergeTree:
        """A merge tree that answers for a threshold at least; for all if it is kept.

        Raises:
            NeurokitError: it would need more memory than is free.
        """
        until = 1.0 if self._fingerprint is not None and is_keeping() else threshold
        return self._take(
            MergeTree,
            f"tree {merge_function} until {until}",
            self._key(self.fragments().fingerprint),
            lambda: self._grown(merge_function, until),
        )

    def section_table(self) -> SectionTable:
        """How fragments overlap from section to section."""
        return self._take(
            SectionTable,
            "sections",
            self._key(self.fragments().fingerprint),
            lambda: section_table(self.fragments().labels_ZYX, self._affinities()[0]),
        )

    def _take(
        self, kind: type[Table], step: str, source: str | None, make: Callable[[], Table]
    ) -> Table:
        """What a step gives, taken before or kept from another time that had the same source."""
        if step not in self._taken:
            self._taken[step] = kept(kind, source and f"{step} of {source}", make)
        return cast(Table, self._taken[step])

    def _flooded(self) -> Fragments:
        fragments = watershed(self._affinities(), self._aff_threshold)
        if self._fingerprint is None:
            return fragments
        # Many bounds give the same fragments: what comes after them is the same, too.
        digest = hashlib.blake2b(fragments.labels_ZYX.data, digest_size=16)
        return evolve(fragments, fingerprint=digest.hexdigest())

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

    def _key(self, more: str | None) -> str | None:
        """What these affinities and more are known by; None if either is not known."""
        known = self._fingerprint is not None and more is not None
        return f"{self._fingerprint} {more}" if known else None
