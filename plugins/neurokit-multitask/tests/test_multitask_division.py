"""Which head has which channels, and heads that fit no target."""

from __future__ import annotations

import pytest

from neurokit import NeurokitError, affinity_channels
from neurokit_multitask.division import check_heads, places_of

CHANNELS = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 9, 0), (0, 0, 9)])


def test_places_follow_the_names_of_a_head() -> None:
    heads = {"far": ("x9", "y9"), "near": ("x1", "z1", "y1")}
    check_heads(heads)
    assert places_of(heads, CHANNELS) == {"near": (2, 0, 1), "far": (4, 3)}


def test_heads_come_in_the_order_of_the_target() -> None:
    heads = {"c": ("y9",), "d": ("x9", "y1"), "a": ("x1",), "b": ("z1",)}
    assert list(places_of(heads, CHANNELS)) == ["b", "d", "a", "c"]
    reversed_heads = dict(reversed(heads.items()))
    assert list(places_of(reversed_heads, CHANNELS)) == ["b", "d", "a", "c"]


@pytest.mark.parametrize(
    ("heads", "text"),
    [
        ({}, "heads names no head"),
        ({"near": ()}, "the head 'near' has no channel"),
        (
            {"": ("x1",)},
            "a head cannot be called ''; use letters, digits, '_' and '-'",
        ),
        (
            {"near/weight": ("x1",)},
            "a head cannot be called 'near/weight'; use letters, digits, '_' and '-'",
        ),
        (
            {"near\n": ("x1",)},
            "a head cannot be called 'near\\n'; use letters, digits, '_' and '-'",
        ),
        (
            {"near": ("x1", "y1", "x1")},
            "the head 'near' names the channel 'x1' twice",
        ),
        (
            {"near": ("z1", "y1"), "far": ("y9", "y1")},
            "the heads 'near' and 'far' both have the channel 'y1'; leave it to one",
        ),
    ],
)
def test_heads_that_fit_no_target(heads: dict[str, tuple[str, ...]], text: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        check_heads(heads)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("heads", "text"),
    [
        (
            {"near": ("z1", "y1", "xx1"), "far": ("y9", "x9")},
            "the head 'near': there is no channel 'xx1'; did you mean 'x1'?",
        ),
        (
            {"near": ("z1", "y1", "x1"), "far": ("y9", "x9", "sdt")},
            "the head 'far': there is no channel 'sdt'; there are z1, y1, x1, y9, x9",
        ),
        (
            {"near": ("z1", "y1", "x1"), "far": ("y9",)},
            "no head has the target's channel x9; each needs one, and the heads are near, far",
        ),
        (
            {"near": ("z1", "y1")},
            "no head has the target's channels x1, y9, x9; each needs one, and the heads are near",
        ),
    ],
)
def test_heads_that_do_not_fit_this_target(heads: dict[str, tuple[str, ...]], text: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        places_of(heads, CHANNELS)
    assert str(caught.value) == text
