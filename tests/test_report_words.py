"""What a report says of mistakes, in words."""

from __future__ import annotations

import pytest

from neurokit.reporting.mistakes import Mistake, Piece
from neurokit.reporting.telling import extent, headline, meeting
from neurokit.reporting.words import counted


def _mistake(*sizes: int, shown: tuple[int, int] = (0, 1), meets: bool = True) -> Mistake:
    pieces = tuple(Piece(10 + place, size) for place, size in enumerate(sizes))
    large = sum(100 * size >= sum(sizes) for size in sizes)
    both = (pieces[shown[0]], pieces[shown[1]])
    return Mistake(5, len(sizes), large, pieces[:4], both, 1.0, (0, 0, 0), meets)


@pytest.mark.parametrize(
    ("sizes", "merge", "split"),
    [
        ((6, 5), "Segment 5 holds 2 neurons", "Neuron 5 lies in 2 segments"),
        (
            (900, 1),
            "Segment 5 holds 1 neuron, and a sliver of 1 more",
            "Neuron 5 lies in 1 segment, and with a sliver in 1 more",
        ),
        (
            (900, 800, 700, *[2] * 16),
            "Segment 5 holds 3 neurons, and slivers of 16 more",
            "Neuron 5 lies in 3 segments, and with slivers in 16 more",
        ),
        (
            (1,) * 101,
            "Segment 5 holds slivers of 101 neurons",
            "Neuron 5 lies in slivers of 101 segments",
        ),
    ],
)
def test_slivers_are_counted_apart(sizes: tuple[int, ...], merge: str, split: str) -> None:
    assert headline(_mistake(*sizes), True) == merge
    assert headline(_mistake(*sizes), False) == split


def test_it_says_which_two_meet() -> None:
    assert meeting(_mistake(6, 5, 4), True) == "At the ring, neuron 10 meets neuron 11."
    assert meeting(_mistake(6, 5, 4, shown=(0, 2)), False) == (
        "At the ring, segment 10 meets segment 12; the largest two do not touch."
    )
    assert meeting(_mistake(6, 5, meets=False), True) == (
        "No large pieces touch; the ring is in the middle of neuron 11."
    )


def test_in_how_many_they_are() -> None:
    assert extent(12, 60, "segment") == "in 12 segments, and by slivers alone in 48 more"
    assert extent(1, 1, "segment") == "in 1 segment"
    assert extent(0, 1, "neuron") == "in 1 neuron, by slivers alone"
    assert extent(0, 0, "neuron") == "in 0 neurons"
    assert counted(1234, "voxel") == "1,234 voxels"
