"""Affinities: which edge each value describes, and where it is stored.

This is the only file that knows the convention, which is that of waterz. The affinity with
offset d = (dz, dy, dx) at voxel v is the edge between v and v - d, stored at v::

    offset (0, 0, 1)        x=0   x=1   x=2   x=3
    labels                   7     7     9     9
    affinity x1              -     1     0     1       '-': there is no voxel at x = -1

It is 1 exactly when both ends carry the same label and that label is an object (positive). An edge
is known, mask 1, when both of its ends lie in the volume and neither is labelled -1 (ignore).
Background, label 0, is tissue like any other that is known not to be one object: its edges are
known and 0. The truth table is that of Lee et al., "Superhuman accuracy on the SNEMI3D
connectomics challenge" (arXiv 1706.00120), as DeepEM and PyTorch Connectomics use it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from attrs import frozen

from neurokit.channels import Channel, Offset, offset_name
from neurokit.errors import NeurokitError


def affinity_channels(offsets: Sequence[Offset]) -> tuple[Channel, ...]:
    """A channel for each offset, named after it."""
    return tuple(Channel(offset_name(offset), "sigmoid", offset) for offset in offsets)


def encode_affinities(
    labels_BZYX: torch.Tensor, offsets: Sequence[Offset]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The true affinities of labels, and where they are known.

    Args:
        labels_BZYX: integer labels; 0 is background, -1 is to be ignored.
        offsets: one for each channel, in voxels (z, y, x); components may be negative or larger
            than the volume, in which case no edge is known.

    Returns:
        target and mask, float32, shape (B, len(offsets), Z, Y, X), on the labels' device.
    """
    shape = (labels_BZYX.shape[0], len(offsets), *labels_BZYX.shape[1:])
    target = torch.zeros(shape, dtype=torch.float32, device=labels_BZYX.device)
    mask = torch.zeros_like(target)
    known, objects = labels_BZYX != -1, labels_BZYX > 0
    for channel, offset in enumerate(offsets):
        stored = (slice(None), *(_stored(step) for step in offset))
        partner = (slice(None), *(_stored(-step) for step in offset))
        same = labels_BZYX[stored] == labels_BZYX[partner]
        target[:, channel][stored] = same & objects[stored]
        mask[:, channel][stored] = known[stored] & known[partner]
    return target, mask


def _stored(step: int) -> slice:
    """Along one axis, the voxels whose partner `step` voxels back lies in the volume."""
    if step > 0:
        return slice(step, None)
    return slice(None, step) if step < 0 else slice(None)


def erode_contacts(labels_BZYX: torch.Tensor, radius: int) -> torch.Tensor:
    """Widen the borders between touching objects, section by section.

    A voxel becomes background where the square of (2 radius + 1) voxels around it in its own
    section holds two or more different objects. Borders to existing background, and sections
    above and below, change nothing; ignored voxels (-1) stay ignored. The rule is that of Lee's
    thesis (A.1.4); the square is mirrored at the edge of the section.

    Args:
        labels_BZYX: integer labels.
        radius: in voxels; 0 changes nothing.
    """
    if radius == 0:
        return labels_BZYX
    # Two different objects in a square are a largest positive id above a smallest.
    largest_id = torch.iinfo(labels_BZYX.dtype).max
    objects = labels_BZYX > 0
    highest = _square_extreme(torch.where(objects, labels_BZYX, 0), radius, torch.maximum)
    lowest = _square_extreme(torch.where(objects, labels_BZYX, largest_id), radius, torch.minimum)
    return torch.where((highest > lowest) & objects, 0, labels_BZYX)


def _square_extreme(
    values_BZYX: torch.Tensor,
    radius: int,
    extreme: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """The extreme of the square around each voxel within its section, exact for any integers.

    A square clipped at the edge of the section holds the same values as one mirrored there.
    """
    for axis in (-2, -1):
        widened = values_BZYX.clone()
        size = values_BZYX.shape[axis]
        for shift in range(1, min(radius, size - 1) + 1):
            ahead, behind = (values_BZYX.narrow(axis, start, size - shift) for start in (shift, 0))
            for place, neighbour in ((0, ahead), (shift, behind)):
                reached = widened.narrow(axis, place, size - shift)
                reached.copy_(extreme(reached, neighbour))
        values_BZYX = widened
    return values_BZYX


def axis_order(channels: Sequence[Channel]) -> list[int]:
    """Where the affinities along z, y and x stand among the channels, in that order.

    Watershed and agglomeration take one affinity an axis, stored at the higher end of its edge.

    Raises:
        NeurokitError: the channels are not one positive straight offset for each axis.
    """
    axes = [
        axis
        for channel in channels
        for axis in range(3)
        if channel.offset is not None
        and channel.offset[axis] > 0
        and not any(channel.offset[other] for other in range(3) if other != axis)
    ]
    if len(channels) != 3 or sorted(axes) != [0, 1, 2]:
        raise NeurokitError(
            "watershed needs one affinity for each of z, y and x, with a positive offset, not "
            + (", ".join(channel.name for channel in channels) or "no channel")
        )
    return [axes.index(axis) for axis in range(3)]


@frozen
class Origin:
    """Where in a view of a volume, put back into place, the values of a channel are found.

    Attributes:
        channel: which channel of the view holds them.
        shift: the value of voxel v is found at v - shift, if there is such a voxel.
    """

    channel: int
    shift: Offset


def channel_origins(
    channels: Sequence[Channel], direction: Callable[[Offset], Offset]
) -> tuple[Origin, ...]:
    """Where each channel is found in a mirrored or turned view of the volume.

    Of offset d, a view shows `direction(d)`. If a channel has this offset, its values, put back
    into place, are those wanted. If one has the opposite offset, it describes the edge between
    v and v - d, too, but stores it at v - d, the end that the view shows as the later one. What is
    no affinity has no direction, and is its own origin. Where channels share an offset, the first
    stands for the first, and so on.

    Args:
        channels: what a network predicts.
        direction: how an offset in the volume points in the view.

    Raises:
        NeurokitError: no channel has the offset that the view shows, or the opposite one.
    """
    origins = []
    for index, channel in enumerate(channels):
        if channel.offset is None:
            origins.append(Origin(index, (0, 0, 0)))
            continue
        shown = direction(channel.offset)
        earlier = len(_with_offset(channels[:index], channel.offset))
        same, opposite = _with_offset(channels, shown), _with_offset(channels, _reversed(shown))
        if len(same) > earlier:
            origins.append(Origin(same[earlier], (0, 0, 0)))
        elif len(opposite) > earlier:
            origins.append(Origin(opposite[earlier], channel.offset))
        else:
            raise NeurokitError(
                f"it shows the affinity {channel.name} as {offset_name(shown)}, which no channel is"
            )
    return tuple(origins)


def _with_offset(channels: Sequence[Channel], offset: Offset) -> list[int]:
    return [index for index, channel in enumerate(channels) if channel.offset == offset]


def _reversed(offset: Offset) -> Offset:
    z, y, x = offset
    return -z, -y, -x
