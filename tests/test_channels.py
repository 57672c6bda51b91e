"""Channels by name."""

import pytest

from neurokit import Channel, NeurokitError, channel_indices, offset_name

CHANNELS = [Channel(name) for name in ("x1", "y1", "z1", "sdt")]


@pytest.mark.parametrize(
    ("offset", "name"),
    [((0, 0, 9), "x9"), ((3, 0, 0), "z3"), ((0, -1, 0), "y-1"), ((1, -2, 27), "z1y-2x27")],
)
def test_offset_names(offset: tuple[int, int, int], name: str) -> None:
    assert offset_name(offset) == name


def test_indices_follow_the_names() -> None:
    assert channel_indices(CHANNELS, ["z1", "x1", "z1"]) == [2, 0, 2]
    assert channel_indices(CHANNELS, []) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [("sdtt", "did you mean 'sdt'?"), ("flow", "there are x1, y1, z1, sdt")],
)
def test_unknown_names(name: str, hint: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        channel_indices(CHANNELS, ["x1", name])
    assert str(caught.value) == f"there is no channel '{name}'; {hint}"
