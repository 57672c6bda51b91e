"""Views: a window as it is, mirrored, or with y and x exchanged."""

from __future__ import annotations

from itertools import product

import torch
from attrs import frozen

Offset = tuple[int, int, int]


@frozen
class View:
    """One of the 16 ways to look at a window that keep sections parallel to each other.

    The image is flipped along the axes that the name holds, and then, for `t`, y and x change
    places. These are the eight flips and all that quarter turns within sections add to them: the
    turns by 90 degrees are `yt` and `xt`, the one by 180 is `yx`.

    Attributes:
        name: letters out of "zyxt", in this order; none of them is the plain view.
    """

    name: str

    @property
    def flipped(self) -> list[int]:
        """The flipped axes of a tensor that ends in z, y, x."""
        return ["zyx".index(letter) - 3 for letter in self.name if letter != "t"]

    @property
    def transposed(self) -> bool:
        """Whether y and x change places."""
        return "t" in self.name

    def see(self, image: torch.Tensor) -> torch.Tensor:
        """The image (..., Z, Y, X) as it looks in this view."""
        flipped = image.flip(self.flipped) if self.flipped else image
        return flipped.transpose(-1, -2).contiguous() if self.transposed else flipped

    def restore(self, seen: torch.Tensor) -> torch.Tensor:
        """What was seen (..., Z, Y, X) in this view, with every voxel back in its place."""
        upright = seen.transpose(-1, -2) if self.transposed else seen
        return upright.flip(self.flipped) if self.flipped else upright

    def direction(self, offset: Offset) -> Offset:
        """How an offset (z, y, x) in the volume points in this view."""
        z, y, x = (
            -step if axis in self.name else step for axis, step in zip("zyx", offset, strict=True)
        )
        return (z, x, y) if self.transposed else (z, y, x)


ALL_VIEWS = tuple(
    View("".join(letter for letter, held in zip("zyxt", chosen, strict=True) if held))
    for chosen in product((False, True), repeat=4)
)
"""The plain view and the 15 others."""
