"""Surroundings: what a component is given to work on while it is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from neurokit.channels import Channel

if TYPE_CHECKING:
    from neurokit.volumes import Volume

Size = tuple[int, int, int]


@frozen(kw_only=True)
class Surroundings:
    """What the arguments of `neurokit.testing.conform` say, as the checks use it.

    Attributes:
        channels: of targets and predictions; None where the caller left the choice to the checks.
        image_channels: of the network's input.
        shape: voxels of a sample or volume (z, y, x).
        voxel_size_nm: edge lengths of a voxel in nanometres (z, y, x).
        volume: to predict or to score against; None where one is to be drawn.
        device: where tensors lie.
    """

    channels: tuple[Channel, ...] | None = None
    image_channels: int = 1
    shape: Size = (8, 32, 32)
    voxel_size_nm: tuple[float, float, float] = (30.0, 6.0, 6.0)
    volume: Volume | None = None
    device: str = "cpu"

    @property
    def affinities(self) -> tuple[Channel, ...]:
        """The channels, by default the affinities to the three direct neighbours."""
        offsets = {"z1": (1, 0, 0), "y1": (0, 1, 0), "x1": (0, 0, 1)}
        return self.channels or tuple(
            Channel(name, "sigmoid", offset) for name, offset in offsets.items()
        )

    @property
    def odd_shape(self) -> Size:
        """The shape with one voxel less along each axis that is even."""
        z, y, x = (max(1, size - 1 + size % 2) for size in self.shape)
        return z, y, x
