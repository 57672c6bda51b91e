"""Whether labels hold an object, found by reading as little of them as will do."""

from __future__ import annotations

from itertools import chain

import numpy as np

from neurokit.errors import NeurokitError
from neurokit.samples.ids import slabs
from neurokit.volumes import ArrayLike, Volume

# The block that is looked at first: of few sections, as some files unpack each of them whole.
_MIDDLE = (16, 256, 256)


def has_object(labels: ArrayLike, region: tuple[slice, slice, slice] | None = None) -> bool:
    """Whether any voxel of a region, or of all, is part of an object.

    A block in the middle nearly always tells. Where it does not, labels are read by slabs up to
    the first object: all of them only where there is none.

    Args:
        labels: ZYX.
        region: slices with start and stop.

    Raises:
        NeurokitError: part of a file is damaged.
    """
    z, y, x = region or (slice(0, size) for size in labels.shape)
    middle = tuple(_middle(each, edge) for each, edge in zip((z, y, x), _MIDDLE, strict=True))
    parts = (slice(max(z.start, s.start), min(z.stop, s.stop)) for s in slabs(labels))
    looks = chain([middle], ((part, y, x) for part in parts if part.start < part.stop))
    return any(bool((np.asarray(labels[look]) > 0).any()) for look in looks)


def _middle(axis: slice, edge: int) -> slice:
    size = axis.stop - axis.start
    start = axis.start + max(0, size - edge) // 2
    return slice(start, start + min(size, edge))


def no_object(volume: Volume, part: str) -> NeurokitError:
    """What to say of labels without an object.

    Args:
        volume: whose labels they are.
        part: of the data that it belongs to: training, validation or test.
    """
    return NeurokitError(
        f"the labels of the {part} volume {volume.title} hold no object, only background (0) or "
        f"what is to be ignored (-1)"
    )
