"""Heads: parts of a network that share a trunk, and predict a few channels each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from attrs import frozen
from torch import nn

from neurokit import Channel, Model, NeurokitError, param
from neurokit_multitask.division import check_heads, places_of

Size = tuple[int, int, int]


@frozen(kw_only=True)
class Heads(Model):
    """Named heads over any network: each predicts its own channels from features they share.

    The trunk is built to give out `features` channels. Each head goes on from them by group
    normalisation, ELU and a convolution, twice: first with `kernel`, then 1x1x1 down to its
    channels, with a bias. Every channel of the target belongs to one head::

        [model]
        use = "heads"
        [model.trunk]
        use = "rsunet"
        [model.heads]
        near = ["z1", "y1", "x1"]
        far = ["z9", "y9", "x9"]

    Outputs have the target's order, and the order of the heads makes no difference, not even to
    the initial weights.
    """

    trunk: Model = param(help="the network whose features the heads share")
    heads: dict[str, tuple[str, ...]] = param(
        help="from the name of a head to the names of the target's channels that it predicts"
    )
    # Of one channel, laid out channels last, GroupNorm's gradient reads beyond its memory (torch
    # 2.13, CPU).
    features: int = param(18, help="channels that the trunk gives to the heads", low=2)
    kernel: Size = param(
        (3, 3, 3), help="kernel size (z, y, x) of each head's first convolution, odd", low=1
    )
    groups: int = param(
        4, help="groups of the heads' normalisation, fewer where they do not divide", low=1
    )

    def __attrs_post_init__(self) -> None:
        check_heads(self.heads)
        if any(size % 2 == 0 for size in self.kernel):
            raise NeurokitError("kernel must be of odd size, so that outputs fit inputs")

    def build(self, in_channels: int, channels: Sequence[Channel]) -> nn.Module:
        """The trunk with its heads.

        Raises:
            NeurokitError: the heads do not have the very channels of the target.
        """
        places = places_of(self.heads, channels)
        features = [Channel(f"feature{number}", "none") for number in range(self.features)]
        trunk = self.trunk.build(in_channels, features)
        heads = {
            name: _head(self.features, len(each), self.kernel, self.groups)
            for name, each in places.items()
        }
        return _Network(trunk, heads, places)

    def size_multiple(self) -> Size:
        """What the trunk asks for."""
        return self.trunk.size_multiple()


class _Network(nn.Module):
    def __init__(
        self,
        trunk: nn.Module,
        heads: Mapping[str, nn.Module],
        places: Mapping[str, Sequence[int]],
    ) -> None:
        super().__init__()
        self.trunk = trunk
        # A module cannot hold parts of some names, such as "type", unless they are prefixed.
        self.heads = nn.ModuleDict({f"head_{name}": head for name, head in heads.items()})
        given = [place for name in heads for place in places[name]]
        self.order = [given.index(place) for place in range(len(given))]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.trunk(image)
        planes = [plane for head in self.heads.values() for plane in head(features).unbind(1)]
        return torch.stack([planes[place] for place in self.order], 1)


def _head(features: int, channels: int, kernel: Size, groups: int) -> nn.Sequential:
    z, y, x = (size // 2 for size in kernel)
    head = nn.Sequential(
        *_normalised(features, groups),
        nn.Conv3d(features, features, kernel, padding=(z, y, x), bias=False),
        *_normalised(features, groups),
        nn.Conv3d(features, channels, 1),
    )
    for module in head:
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return head


def _normalised(width: int, groups: int) -> tuple[nn.Module, nn.Module]:
    """Group normalisation, in the most groups up to `groups` that divide the width, and ELU."""
    fitting = max(count for count in range(1, min(groups, width) + 1) if width % count == 0)
    return nn.GroupNorm(fitting, width), nn.ELU()
