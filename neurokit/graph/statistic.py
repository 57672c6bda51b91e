"""Statistics: which number of the affinities between two segments decides whether they join.

`affmean` is their mean. `affQQ_his256` is the QQ-th percentile, over all touching pairs of
fragments, of each pair's largest affinity; `affQQ_contact256` that of all the affinities
themselves. Percentiles are taken in 256 bins, as the waterz package does.
"""

from __future__ import annotations

import re

QUANTILES = range(10, 100, 5)
MERGE_FUNCTIONS = (
    "affmean",
    *(f"aff{quantile}_his256" for quantile in QUANTILES),
    *(f"aff{quantile}_contact256" for quantile in QUANTILES),
)
"""The statistics, by the names that recipes use."""


def quantile_of(merge_function: str) -> int | None:
    """The percentile that a merge function takes; None for the mean."""
    found = re.fullmatch(r"aff(\d\d)_\w+256", merge_function)
    return int(found[1]) if found else None


def needs_histograms(merge_function: str) -> bool:
    """Whether a merge function looks at all the affinities between fragments."""
    return merge_function.endswith("_contact256")
