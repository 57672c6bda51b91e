"""Views of windows, and where the channels of a network are found in them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from neurokit import Channel, NeurokitError, Origin, affinity_channels, channel_origins
from neurokit.components.inferers.views import ALL_VIEWS, View

OFFSETS = [(1, 0, 0), (0, -3, 0), (0, 0, 27), (2, -1, 3), (0, 5, 5)]
AFF3 = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1)])


def test_all_views_are_sixteen_and_closed_under_composition() -> None:
    labels = torch.arange(4 * 4 * 4).reshape(4, 4, 4)
    looks = {tuple(view.see(labels).flatten().tolist()) for view in ALL_VIEWS}
    assert len(looks) == len(ALL_VIEWS) == 16
    for first, second in itertools.product(ALL_VIEWS, repeat=2):
        assert tuple(second.see(first.see(labels)).flatten().tolist()) in looks


def test_quarter_turns_are_views() -> None:
    image = torch.arange(2 * 3 * 3).reshape(2, 3, 3)
    turned = {"": 0, "xt": 1, "zyx": None, "yx": 2, "yt": 3}
    for name, quarters in turned.items():
        if quarters is not None:
            expected = np.rot90(image.numpy(), quarters, axes=(1, 2))
            np.testing.assert_array_equal(View(name).see(image).numpy(), expected)


def test_a_view_flips_and_then_exchanges() -> None:
    image = torch.tensor([[[1, 2], [3, 4]]])
    assert View("x").see(image).tolist() == [[[2, 1], [4, 3]]]
    assert View("t").see(image).tolist() == [[[1, 3], [2, 4]]]
    assert View("xt").see(image).tolist() == [[[2, 4], [1, 3]]]


@pytest.mark.parametrize("view", ALL_VIEWS, ids=lambda view: view.name or "plain")
@pytest.mark.parametrize("shape", [(2, 1, 3, 5, 5), (1, 3, 4, 7), (1, 1, 1)])
def test_what_is_seen_is_restored(view: View, shape: tuple[int, ...]) -> None:
    image = torch.randn(shape)
    seen = view.see(image)
    assert seen.is_contiguous()
    assert torch.equal(view.restore(seen), image)


@pytest.mark.parametrize("view", ALL_VIEWS, ids=lambda view: view.name or "plain")
@pytest.mark.parametrize("offset", [(1, 0, 0), (0, -3, 0), (0, 0, 2), (2, -1, 3)])
def test_directions_are_those_between_voxels_seen(view: View, offset: tuple[int, int, int]) -> None:
    here = np.array([4, 4, 4])
    image = torch.zeros(9, 9, 9)
    image[tuple(here)] = 1
    image[tuple(here - offset)] = 2
    seen = view.see(image)
    (end,), (start,) = ((seen == value).nonzero().numpy() for value in (1, 2))
    assert tuple(end - start) == view.direction(offset)


def test_origins_of_direct_neighbours() -> None:
    x_flipped = channel_origins(AFF3, View("x").direction)
    assert x_flipped == (Origin(0, (0, 0, 0)), Origin(1, (0, 0, 0)), Origin(2, (0, 0, 1)))
    exchanged = channel_origins(AFF3, View("t").direction)
    assert exchanged == (Origin(0, (0, 0, 0)), Origin(2, (0, 0, 0)), Origin(1, (0, 0, 0)))
    turned = channel_origins(AFF3, View("zyt").direction)
    assert turned == (Origin(0, (1, 0, 0)), Origin(2, (0, 1, 0)), Origin(1, (0, 0, 0)))


def test_opposite_offsets_exchange_channels_and_move_nothing() -> None:
    both = affinity_channels([(0, 0, 1), (0, 0, -1)])
    assert channel_origins(both, View("x").direction) == (
        Origin(1, (0, 0, 0)),
        Origin(0, (0, 0, 0)),
    )


def test_channels_without_offset_stay_and_twins_keep_their_order() -> None:
    channels = (
        Channel("sdt", "tanh"),
        Channel("a", "sigmoid", (0, 0, 1)),
        Channel("b", "sigmoid", (0, 0, 1)),
        Channel("c", "sigmoid", (0, 1, 0)),
        Channel("d", "sigmoid", (0, 1, 0)),
    )
    found = [origin.channel for origin in channel_origins(channels, View("t").direction)]
    assert found == [0, 3, 4, 1, 2]


def test_channels_that_a_view_does_not_map_are_refused() -> None:
    channels = affinity_channels([(1, 0, 0), (0, 1, 1)])
    assert len(channel_origins(channels, View("zt").direction)) == 2
    with pytest.raises(NeurokitError) as raised:
        channel_origins(channels, View("y").direction)
    assert str(raised.value) == "it shows the affinity y1x1 as y-1x1, which no channel is"
