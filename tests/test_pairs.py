"""Groups of equal pairs, against a dictionary."""

from __future__ import annotations

import numpy as np
import pytest

from neurokit.graph.pairs import group_pairs


@pytest.mark.parametrize("pairs", [0, 1, 7, 300])
@pytest.mark.parametrize(("firsts", "seconds"), [(1, 1), (1, 40), (40, 1), (3, 5), (70, 500)])
def test_equal_pairs_stand_together_in_order(pairs: int, firsts: int, seconds: int) -> None:
    random = np.random.default_rng(pairs + firsts)
    first = random.integers(0, firsts, pairs).astype(np.uint32)
    second = random.integers(0, seconds, pairs).astype(np.uint32)
    # Ids need not come up to what they are said to stay below.
    groups = group_pairs(first, second, firsts + 2, seconds + 3)
    expected: dict[tuple[int, int], list[int]] = {}
    for place, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        expected.setdefault(pair, []).append(place)
    found = {
        (int(one), int(other)): groups.order[start:end].tolist()
        for one, other, start, end in zip(
            groups.first, groups.second, groups.starts[:-1], groups.starts[1:], strict=True
        )
    }
    assert list(found.items()) == sorted(expected.items())
    assert len(groups.first) == len(expected)
    assert groups.starts[-1] == pairs
