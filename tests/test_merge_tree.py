"""Names of segments at a threshold, drawn by hand and against a slow version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurokit.graph.merge_tree import MergeTree

NEVER = np.inf


def tree_of(rows: list[tuple[int, float]], until: float = 1.0) -> MergeTree:
    """Parent and score of ids 0, 1, 2..."""
    parents, scores = zip(*rows, strict=True)
    return MergeTree(np.array(parents, np.uint32), np.array(scores, np.float32), until)


# 5 joins 3, then 3 joins 1; 4 joins 2; then 2, with 4, joins 1. 6 stays alone.
DRAWN = tree_of([(0, NEVER), (1, NEVER), (1, 0.75), (1, 0.5), (2, 0.125), (3, 0.25), (6, NEVER)])


@pytest.mark.parametrize(
    ("threshold", "names"),
    [
        (0.0, [0, 1, 2, 3, 4, 5, 6]),
        (0.2, [0, 1, 2, 3, 2, 5, 6]),
        (0.3, [0, 1, 2, 3, 2, 3, 6]),
        (0.6, [0, 1, 2, 1, 2, 1, 6]),
        (0.8, [0, 1, 1, 1, 1, 1, 6]),
        (1.0, [0, 1, 1, 1, 1, 1, 6]),
    ],
)
def test_drawn_by_hand(threshold: float, names: list[int]) -> None:
    found = DRAWN.names(threshold)
    assert found.dtype == np.uint32
    assert found.tolist() == names


@pytest.mark.parametrize("score", [0.0, 0.1, 0.125, 1 - 200.5 / 256, 0.9, 1.0])
def test_what_lies_at_the_threshold_is_not_joined(score: float) -> None:
    # A threshold counts in single precision, as scores do.
    tree = tree_of([(0, NEVER), (1, NEVER), (1, score)], until=2.0)
    assert tree.names(score).tolist() == [0, 1, 2]
    above = float(np.nextafter(np.float32(score), np.float32(2)))
    assert tree.names(above).tolist() == [0, 1, 1]


def test_a_threshold_can_be_asked_for_again() -> None:
    before = DRAWN.names(0.3).tolist()
    assert DRAWN.names(0.8).tolist() != before
    assert DRAWN.names(0.3).tolist() == before


def test_thresholds_beyond_the_tree_are_not_answered() -> None:
    tree = tree_of([(0, NEVER), (1, NEVER), (1, 0.25)], until=0.5)
    assert tree.names(0.5).tolist() == [0, 1, 1]
    with pytest.raises(AssertionError):
        tree.names(0.5001)


def test_one_fragment_and_none() -> None:
    assert tree_of([(0, NEVER)]).names(1.0).tolist() == [0]
    assert tree_of([(0, NEVER), (1, NEVER)]).names(1.0).tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_slow_version(seed: int) -> None:
    random = np.random.default_rng(seed)
    ids = int(random.integers(2, 300))
    rows: list[Any] = [(0, NEVER), (1, NEVER)]
    for child in range(2, ids):
        # Scores rise towards the root: what a segment was joined to was not joined before.
        parent = int(random.integers(1, child + 1))
        below = min(rows[parent][1] if parent < child else NEVER, 1.0)
        score = float(np.float32(random.random() * below))
        rows.append((parent, score) if parent < child else (child, NEVER))
    tree = tree_of(rows)
    for threshold in random.random(5):
        names = []
        for child in range(ids):
            name = child
            while np.float32(rows[name][1]) < np.float32(threshold):
                name = rows[name][0]
            names.append(name)
        assert tree.names(float(threshold)).tolist() == names
