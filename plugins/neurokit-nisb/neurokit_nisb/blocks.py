"""Blocks: a volume cut into boxes."""

from __future__ import annotations

from itertools import product

Size = tuple[int, int, int]
Block = tuple[slice, slice, slice]


def blocks_of(shape: Size, size: Size) -> list[Block]:
    """Boxes (z, y, x) of this size, smaller at the ends, that fill a volume in raster order."""
    starts = [range(0, total, step) for total, step in zip(shape, size, strict=True)]
    return [
        (
            slice(z, min(z + size[0], shape[0])),
            slice(y, min(y + size[1], shape[1])),
            slice(x, min(x + size[2], shape[2])),
        )
        for z, y, x in product(*starts)
    ]
