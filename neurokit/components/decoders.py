"""Decoders."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import Decoder, NeurokitError, Prediction, axis_order, channel_indices, param
from neurokit.graph.dust import Dust
from neurokit.graph.package import SCORING_FUNCTIONS, agglomerate
from neurokit.graph.partition import compact
from neurokit.graph.section_overlap import SectionOverlap


@frozen(kw_only=True)
class Waterz(Decoder):
    """Watershed fragments, agglomerated by the affinities between them (the waterz package).

    The watershed is that of Zlateski and Seung (arXiv 1505.00249), the agglomeration that of Funke
    et al. (doi 10.1109/TPAMI.2018.2835450): the two touching segments with the lowest score are
    joined, again and again, while that score is below `threshold`. The score of two segments is
    1 - affinity, where `affmean` takes the mean of the affinities between them and `affQQ_his256`
    the QQ-th percentile, over all touching pairs of fragments, of each pair's largest affinity,
    in 256 bins.

    Ids are 1..n in uint16, or uint32 where they need it; 0 is background.
    """

    channels: tuple[str, str, str] = param(
        ("z1", "y1", "x1"), help="one affinity each along z, y and x, in any order"
    )
    threshold: float = param(
        0.5, help="join while 1 - affinity is below this: higher joins more", low=0, high=1
    )
    merge_function: str = param(
        "aff85_his256",
        help="which statistic of the affinities between two segments counts",
        choices=tuple(SCORING_FUNCTIONS),
    )
    aff_threshold: tuple[float, float] = param(
        (0.1, 0.999),
        help="affinities up to the first are background, from the second on joined at once",
        low=0,
        high=1,
    )
    discretize_queue: int = param(
        0, help="bins into which joins are sorted; 0 sorts exactly, 256 is faster", choices=(0, 256)
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

    def required_channels(self) -> tuple[str, ...]:
        return self.channels

    def decode(self, prediction: Prediction) -> NDArray[np.integer]:
        """A segmentation ZYX.

        Raises:
            NeurokitError: a channel is missing, the three are not affinities in [0, 1] along z, y
                and x, or memory does not suffice.
        """
        affinities_CZYX = self._affinities(prediction)
        if affinities_CZYX.size == 0:
            return np.zeros(prediction.shape, dtype=np.uint16)
        labels_ZYX = self._agglomerated(affinities_CZYX)
        # After dust: what is a speck is no end of a neurite, and nobody's best overlap.
        if self.section_overlap.enabled:
            z_affinities_ZYX = affinities_CZYX[0]
            labels_ZYX = self.section_overlap.lookup(labels_ZYX, z_affinities_ZYX)[labels_ZYX]
        return labels_ZYX

    def _affinities(self, prediction: Prediction) -> NDArray[np.float32]:
        """The affinities along z, y and x, in this order."""
        indices = channel_indices(prediction.channels, self.channels)
        order = axis_order([prediction.channels[index] for index in indices])
        affinities_CZYX = prediction.select([self.channels[index] for index in order])
        low, high = affinities_CZYX.min(initial=1), affinities_CZYX.max(initial=0)
        # Written so that NaN, which compares false with everything, is refused.
        if not (low >= 0 and high <= 1):
            raise NeurokitError(
                f"affinities must lie in [0, 1], and {', '.join(self.channels)} range from "
                f"{low:g} to {high:g}; predict them with a sigmoid activation"
            )
        return np.ascontiguousarray(affinities_CZYX)

    def _agglomerated(self, affinities_CZYX: NDArray[np.float32]) -> NDArray[np.integer]:
        """Segments with compact ids, dust treated."""
        labels_ZYX, graph = agglomerate(
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
        return lookup[labels_ZYX]
