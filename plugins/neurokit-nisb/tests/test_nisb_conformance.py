"""The conformance suite on what has no test module of its own for it."""

from __future__ import annotations

import pytest

from neurokit import Metric
from neurokit.testing import conform
from neurokit_nisb.decoder import ConnectedComponents
from neurokit_nisb.nerl import Nerl
from neurokit_nisb.skeleton_voi import SkeletonVOI


@pytest.mark.parametrize(
    "decoder",
    [
        ConnectedComponents(),
        ConnectedComponents(affinity_threshold=0.5, min_size=20, block_size=(3, 7, 9)),
    ],
)
def test_decoder(decoder: ConnectedComponents) -> None:
    conform(decoder)


@pytest.mark.parametrize("metric", [Nerl(), Nerl(tolerances=()), SkeletonVOI()])
def test_metrics(metric: Metric) -> None:
    conform(metric)
