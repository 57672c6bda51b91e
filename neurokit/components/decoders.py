"""Decoders."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal, get_args

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import Decoder, NeurokitError, Prediction, axis_order, channel_indices, param
from neurokit.graph import package
from neurokit.graph.affinities import Affinities, as_float
from neurokit.graph.contacts import contacts_between
from neurokit.graph.dust import Dust
from neurokit.graph.fragments import Agglomeration
from neurokit.graph.partition import Lookup, compact, set_sizes
from neurokit.graph.section_overlap import SectionOverlap
from neurokit.graph.statistic import MERGE_FUNCTIONS
from neurokit.graph.steps import Steps

Engine = Literal["graph", "package"]


@frozen(kw_only=True)
class Waterz(Decoder):
    """Watershed fragments, agglomerated by the affinities between them, as waterz does.

    The watershed is that of Zlateski and Seung (arXiv 1505.00249), the agglomeration that of Funke
    et al. (doi 10.1109/TPAMI.2018.2835450): the two touching segments with the lowest score are
    joined, again and again, while that score is below `threshold`. The score of two segments is
    1 - affinity, where `affmean` takes the mean of the affinities between them and `affQQ_his256`
    the QQ-th percentile, over all touching pairs of fragments, of each pair's largest affinity,
    in 256 bins; `affQQ_contact256` takes that of all the affinities.

    The engine `graph` is neurokit's own, and gives what the waterz package does with
    `discretize_queue = 256`; `package` is that package.

    Ids are 1..n in uint16, or uint32 where they need it; 0 is background.
    """

    quick_parameters: ClassVar[tuple[str, ...]] = ("threshold", "dust", "section_overlap")

    channels: tuple[str, str, str] = param(
        ("z1", "y1", "x1"), help="one affinity each along z, y and x, in any order"
    )
    threshold: float = param(
        0.5, help="join while 1 - affinity is below this: higher joins more", low=0, high=1
    )
    merge_function: str = param(
        "aff85_his256",
        help="which statistic of the affinities between two segments counts",
        choices=MERGE_FUNCTIONS,
    )
    aff_threshold: tuple[float, float] = param(
        (0.1, 0.999),
        help="affinities up to the first are background, from the second on joined at once",
        low=0,
        high=1,
    )
    engine: Engine = param(
        "graph",
        help="graph is neurokit's own, fast and small; package is the waterz package",
        choices=get_args(Engine),
    )
    discretize_queue: int = param(
        256,
        help="bins into which joins are sorted; 0, with the package alone, sorts exactly",
        choices=(0, 256),
    )
    dust: Dust = param(factory=Dust, help="joining and removal of small segments")
    section_overlap: SectionOverlap = param(
        factory=SectionOverlap, help="joining of segments that end where others begin"
    )

    def __attrs_post_init__(self) -> None:
        if len(set(self.channels)) < 3:
            raise NeurokitError(f"channels names one twice: {', '.join(self.channels)}")
        low, high = self.aff_threshold
        if not low < high:
            raise NeurokitError(
                f"aff_threshold must be two rising numbers, and {low} is not below {high}"
            )
        if self.engine == "graph" and self.discretize_queue != 256:
            raise NeurokitError(
                f'discretize_queue = {self.discretize_queue} needs engine = "package"; the '
                f"engine 'graph' joins in the order of discretize_queue = 256"
            )
        if self.engine == "package" and self.merge_function not in package.SCORING_FUNCTIONS:
            raise NeurokitError(
                f'the waterz package ships no {self.merge_function}; use engine = "graph"'
            )

    def required_channels(self) -> tuple[str, ...]:
        return self.channels

    def decode(self, prediction: Prediction) -> NDArray[np.integer]:
        """A segmentation ZYX.

        Raises:
            NeurokitError: a channel is missing, the three are not affinities in [0, 1] along z, y
                and x, or memory does not suffice.
        """
        agglomeration = self.agglomerate(prediction)
        if agglomeration is not None:
            return agglomeration.labels_ZYX
        affinities_CZYX = as_float(self._affinities(prediction))
        if affinities_CZYX.size == 0:
            return np.zeros(prediction.shape, dtype=np.uint16)
        return self._by_package(affinities_CZYX)

    def agglomerate(self, prediction: Prediction) -> Agglomeration | None:
        """The same, by the engine `graph`, as fragments and the segment of each.

        Raises:
            NeurokitError: as `decode`.
        """
        if self.engine == "package":
            return None
        steps = Steps(
            partial(self._affinities, prediction),
            self.aff_threshold,
            prediction.fingerprint and f"{prediction.fingerprint} {' '.join(self.channels)}",
        )
        fragments = steps.fragments()
        tree = steps.merge_tree(self.merge_function, self.threshold)
        names = tree.names(self.threshold)
        sizes = set_sizes(names, fragments.sizes)
        if self.dust.enabled:
            contacts = contacts_between(
                steps.region_graph(self.merge_function),
                names,
                self.merge_function,
                self.threshold,
                self.dust.small(sizes),
            )
            of_name = self.dust.lookup(sizes, contacts.first, contacts.second, contacts.affinity)
        else:
            of_name = compact(names, sizes > 0)
        lookup: Lookup = of_name[names]
        # After dust: what is a speck is no end of a neurite, and nobody's best overlap.
        if self.section_overlap.enabled:
            lookup = self.section_overlap.lookup_of(steps.section_table(), lookup)[lookup]
        return Agglomeration(fragments, lookup)

    def _affinities(self, prediction: Prediction) -> Affinities:
        """The affinities along z, y and x, in this order, as they are stored."""
        indices = channel_indices(prediction.channels, self.channels)
        order = axis_order([prediction.channels[index] for index in indices])
        affinities_CZYX = prediction.select_stored([self.channels[index] for index in order])
        if affinities_CZYX.dtype != np.uint8:
            low, high = affinities_CZYX.min(initial=1), affinities_CZYX.max(initial=0)
            # Written so that NaN, which compares false with everything, is refused.
            if not (low >= 0 and high <= 1):
                raise NeurokitError(
                    f"affinities must lie in [0, 1], and {', '.join(self.channels)} range from "
                    f"{low:g} to {high:g}; predict them with a sigmoid activation"
                )
        return affinities_CZYX

    def _by_package(self, affinities_CZYX: NDArray[np.float32]) -> NDArray[np.integer]:
        """The segmentation by the waterz package."""
        labels_ZYX, graph = package.agglomerate(
            affinities_CZYX,
            threshold=self.threshold,
            merge_function=self.merge_function,
            aff_threshold=self.aff_threshold,
            discretize_queue=self.discretize_queue,
            return_graph=self.dust.enabled,
        )
        sizes = np.bincount(labels_ZYX.ravel())
        if graph is None:
            lookup = compact(np.arange(len(sizes)), sizes > 0)
        else:
            lookup = self.dust.lookup(sizes, graph.first, graph.second, 1 - graph.score)
        segments_ZYX = lookup[labels_ZYX]
        if self.section_overlap.enabled:
            z_affinities_ZYX = affinities_CZYX[0]
            return self.section_overlap.lookup(segments_ZYX, z_affinities_ZYX)[segments_ZYX]
        return segments_ZYX
