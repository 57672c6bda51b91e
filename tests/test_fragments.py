"""Segmentations made of fragments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurokit.graph.fragments import Agglomeration, Fragments
from neurokit.graph.merge_tree import MergeTree
from neurokit.graph.partition import compact, set_sizes


def fragments_of(labels_ZYX: Any) -> Fragments:
    return Fragments(labels_ZYX, np.bincount(labels_ZYX.ravel().astype(np.int64)))


def test_voxels_take_the_segment_of_their_fragment() -> None:
    fragments = fragments_of(np.array([[[1, 1, 0], [2, 3, 3]], [[4, 1, 0], [4, 4, 3]]], np.uint32))
    agglomeration = Agglomeration(fragments, np.array([0, 1, 2, 1, 0], np.uint16))
    assert agglomeration.labels_ZYX.dtype == np.uint16
    assert agglomeration.labels_ZYX.tolist() == [
        [[1, 1, 0], [2, 1, 1]],
        [[0, 1, 0], [0, 0, 1]],
    ]


def test_nothing_is_known_of_what_fragments_were_made_from_unless_said() -> None:
    fragments = fragments_of(np.zeros((1, 2, 3), np.uint32))
    assert fragments.fingerprint is None
    assert Fragments(fragments.labels_ZYX, fragments.sizes, "abc").fingerprint == "abc"


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 7), (5, 6, 7), (0, 4, 4)])
def test_random_lookups(shape: tuple[int, ...], dtype: Any) -> None:
    random = np.random.default_rng(shape[2])
    labels = random.integers(0, 20, shape).astype(np.uint32)
    lookup = random.integers(0, 9, 20).astype(dtype)
    lookup[0] = 0
    found = Agglomeration(Fragments(labels, np.bincount(labels.ravel(), minlength=20)), lookup)
    assert found.labels_ZYX.dtype == dtype
    assert found.labels_ZYX.shape == shape
    expected = [int(lookup[label]) for label in labels.ravel()]
    assert found.labels_ZYX.ravel().tolist() == expected


def test_from_a_merge_tree() -> None:
    fragments = fragments_of(np.array([[[1, 2, 3, 0, 4, 5, 5]]], np.uint32))
    never = np.inf
    parent = np.array([0, 1, 2, 1, 2, 5], np.uint32)
    score = np.array([never, never, never, 0.5, 0.25, never], np.float32)
    names = MergeTree(parent, score, 1.0).names(0.6)
    kept = set_sizes(names, fragments.sizes) > 0
    lookup = compact(names, kept)[names]
    assert Agglomeration(fragments, lookup).labels_ZYX.tolist() == [[[1, 2, 1, 0, 2, 3, 3]]]
