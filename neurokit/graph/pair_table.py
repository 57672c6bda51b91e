"""Pair tables: from two segments to the edge between them, by open addressing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled

Index = NDArray[np.int32]
PairTable = NDArray[np.void]
"""Entries of `key`, the two segments as one number or -1, and `edge`; as many as a power of two,
and one more, whose `edge` is the number of entries in use."""

_ENTRY = np.dtype([("key", np.int64), ("edge", np.int64)])
_EMPTY = -1


def table_with_room(table: PairTable | None, ends: Index, pairs: int) -> PairTable:
    """A table with room for so many more pairs, and those of the one given that still hold.

    Args:
        table: to take over, or None.
        ends: the two segments of each edge; the first is -1 of one that is no more.
        pairs: that may be added.
    """
    if table is not None and has_room_for_pairs(table, pairs):
        return table
    valid = 0 if table is None else _count_valid(table, ends)
    capacity = 1 << 10
    while capacity < 3 * (valid + pairs):
        capacity *= 2
    fresh = np.zeros(capacity + 1, _ENTRY)
    fresh["key"] = _EMPTY
    if table is not None:
        _take_over(table, ends, fresh)
    return fresh


@compiled
def has_room_for_pairs(table: PairTable, pairs: int) -> bool:
    """Whether a table stays half empty with so many more pairs."""
    capacity = len(table) - 1
    return bool(2 * (table[capacity].edge + pairs) <= capacity)


@compiled
def find_pair(table: PairTable, one: int, other: int) -> int:
    """The edge between two segments, or -1."""
    place = _place(table, _key(one, other))
    return table[place].edge if table[place].key != _EMPTY else -1


@compiled
def add_pair(table: PairTable, one: int, other: int, edge: int) -> None:
    """Enter the edge between two segments; there must be room."""
    key = _key(one, other)
    place = _place(table, key)
    table[len(table) - 1].edge += table[place].key == _EMPTY
    table[place].key = key
    table[place].edge = edge


@compiled
def _count_valid(table: PairTable, ends: Index) -> int:
    valid = 0
    for place in range(len(table) - 1):
        valid += _is_valid(table, place, ends)
    return valid


@compiled
def _take_over(table: PairTable, ends: Index, fresh: PairTable) -> None:
    for place in range(len(table) - 1):
        if _is_valid(table, place, ends):
            edge = table[place].edge
            add_pair(fresh, ends[edge, 0], ends[edge, 1], edge)


@compiled
def _is_valid(table: PairTable, place: int, ends: Index) -> bool:
    """Whether an entry's edge still lies between the same two segments."""
    key, edge = table[place].key, table[place].edge
    # An edge that is no more has an end -1, and no entry's segments.
    return bool(key != _EMPTY and key == _key(ends[edge, 0], ends[edge, 1]))


@compiled
def _place(table: PairTable, key: int) -> int:
    """Where a key stands, or would stand."""
    last = len(table) - 2
    # Multiplication by the golden ratio of 2**64 spreads keys over the upper bits.
    hashed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    place = int(hashed >> np.uint64(24)) & last
    while table[place].key != key and table[place].key != _EMPTY:
        place = (place + 1) & last
    return place


@compiled
def _key(one: int, other: int) -> int:
    return int(min(one, other)) << 32 | int(max(one, other))
