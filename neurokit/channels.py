"""Channels: what each plane of a target or a prediction means."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal

from attrs import frozen

from neurokit.errors import NeurokitError

Activation = Literal["sigmoid", "tanh", "none"]
Offset = tuple[int, int, int]


@frozen
class Channel:
    """One channel of a target, a model's output and a prediction.

    Attributes:
        name: unique within its target; `x1` is the affinity to the neighbour one voxel back in x.
        activation: takes the model's logits to the stored prediction.
        offset: of an affinity, in voxels (z, y, x); None for any other channel.
        scale: logits are multiplied by it before the activation. Below 1, probabilities near 0 and
            1 keep apart that 16 or 8 bits would make equal: a sigmoid with 0.2 is 0.98 at logit 20.
    """

    name: str
    activation: Activation = "sigmoid"
    offset: Offset | None = None
    scale: float = 1.0


def offset_name(offset: Offset) -> str:
    """The name of the affinity with this offset: `z1`, `x27`, `z1y-2`.

    >>> offset_name((0, 0, 9))
    'x9'
    """
    return "".join(f"{axis}{step}" for axis, step in zip("zyx", offset, strict=True) if step)


def channel_indices(channels: Sequence[Channel], names: Sequence[str]) -> list[int]:
    """Where the named channels stand, in the order of `names`.

    Raises:
        NeurokitError: a name is not among the channels.
    """
    position = {channel.name: index for index, channel in enumerate(channels)}
    for name in names:
        if name not in position:
            near = get_close_matches(name, position, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(position)}"
            raise NeurokitError(f"there is no channel '{name}'; {hint}")
    return [position[name] for name in names]
