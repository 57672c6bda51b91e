"""Telling: what a mistake is, in words."""

from __future__ import annotations

from neurokit.reporting.mistakes import Mistake, Piece
from neurokit.reporting.words import counted


def headline(mistake: Mistake, is_merge: bool) -> str:
    """Which whole holds how many pieces; slivers are counted apart."""
    if is_merge:
        whole, large = f"Segment {mistake.id} holds", counted(mistake.large, "neuron")
        slivers, alone = "and {} of {} more", f"slivers of {counted(mistake.pieces, 'neuron')}"
    else:
        whole, large = f"Neuron {mistake.id} lies in", counted(mistake.large, "segment")
        slivers, alone = (
            "and with {} in {} more",
            f"slivers of {counted(mistake.pieces, 'segment')}",
        )
    if not mistake.large:
        return f"{whole} {alone}"
    if not mistake.slivers:
        return f"{whole} {large}"
    more = slivers.format("a sliver" if mistake.slivers == 1 else "slivers", mistake.slivers)
    return f"{whole} {large}, {more}"


def meeting(mistake: Mistake, is_merge: bool) -> str:
    """What is at the place of a mistake."""
    one, other = (_named(piece, is_merge) for piece in mistake.shown)
    if not mistake.meets:
        return f"No large pieces touch; the ring is in the middle of {other}."
    apart = "" if mistake.largest_meet else "; the largest two do not touch"
    return f"At the ring, {one} meets {other}{apart}."


def extent(large: int, count: int, whole: str) -> str:
    """In how many wholes the mistakes of a kind are; those of slivers alone are counted apart."""
    if not large:
        return f"in {counted(count, whole)}{', by slivers alone' if count else ''}"
    more = f", and by slivers alone in {count - large} more" if count > large else ""
    return f"in {counted(large, whole)}{more}"


def _named(piece: Piece, is_merge: bool) -> str:
    return f"{'neuron' if is_merge else 'segment'} {piece.id}"
