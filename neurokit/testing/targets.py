"""What a target must hold to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from neurokit.channels import Channel
from neurokit.kinds import Target
from neurokit.testing.drawing import drawn_labels
from neurokit.testing.findings import Stages, doing, of_each
from neurokit.testing.surroundings import Surroundings

_LARGEST = 2**31 - 1
_ALIKE = 1e-3
_SPARED = 0.01  # share of voxels
_REACH = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


def _channels(target: Target, _: Surroundings) -> Iterator[str]:
    with doing("reading its channels"):
        channels = target.channels
    if not isinstance(channels, tuple) or not all(isinstance(each, Channel) for each in channels):
        yield f"channels must be a tuple of neurokit.Channel, not {channels!r}"
        return
    names = [channel.name for channel in channels]
    if not names:
        yield "channels is empty"
    if len(set(names)) < len(names):
        yield f"channels holds a name twice: {', '.join(names)}"
    if target.channels != channels:
        yield "channels changes from one reading to the next"


def _prepared(target: Target, around: Surroundings) -> Iterator[str]:
    given = []

    def found(what: str, labels: NDArray[np.int32]) -> Iterator[str]:
        before = labels.copy()
        with doing(f"prepare of labels {what}"):
            result = target.prepare(labels, around.voxel_size_nm)
            again = target.prepare(before.copy(), around.voxel_size_nm)
        if not np.array_equal(labels, before):
            yield "prepare changes the labels that it is given"
        given.append(result is not None)
        if result is None:
            return
        if not isinstance(result, np.ndarray) or result.dtype.kind not in "ui":
            yield f"prepare must give a NumPy array of integers, not {_kind_of(result)}"
            return
        if result.shape != before.shape:
            yield f"prepare makes shape {result.shape} of {before.shape}"
            return
        if result.size and int(result.max()) > _LARGEST:
            yield f"prepare gives {result.max()} for labels {what}; it must stay below 2**31"
        for kept, name in ((0, "0 (background)"), (-1, "-1 (ignore)")):
            if (result[before == kept] != kept).any():
                yield f"prepare does not keep {name} of labels {what}"
        if again is None or not np.array_equal(result, again):
            yield "prepare gives something else the second time"

    yield from of_each(_volumes(around), found)
    if len(set(given)) > 1:
        yield "prepare gives None for some labels, and an array for others"


def _encoded(target: Target, around: Surroundings) -> Iterator[str]:
    def found(what: str, labels: NDArray[np.int32]) -> Iterator[str]:
        samples = _samples(target, [labels, labels], around)
        given = samples.clone()
        with doing(f"encode of labels {what}"):
            result = target.encode(samples)
        if not torch.equal(samples, given):
            yield "encode changes the labels that it is given"
        if not (isinstance(result, tuple) and len(result) == 2):
            yield f"encode must give target and mask, not {_kind_of(result)}"
            return
        wanted = (2, len(target.channels), *labels.shape)
        for name, tensor in zip(("target", "mask"), result, strict=True):
            problem = _misfit(tensor, wanted, given.device)
            if problem is not None:
                yield f"the {name} of labels {what} {problem}"
                return
        yield from _meaning(target, what, given, *result)

    yield from of_each(_volumes(around), found)


def _meaning(
    target: Target,
    what: str,
    labels_BZYX: torch.Tensor,
    target_BCZYX: torch.Tensor,
    mask_BCZYX: torch.Tensor,
) -> Iterator[str]:
    """What the values of a target and its mask may be."""
    if not torch.isfinite(target_BCZYX).all():
        yield f"the target of labels {what} is not finite everywhere"
        return
    if not ((mask_BCZYX == 0) | (mask_BCZYX == 1)).all():
        yield f"the mask of labels {what} holds other values than 0 and 1"
    if (mask_BCZYX * (labels_BZYX == -1)[:, None]).any():
        yield f"the mask of labels {what} is 1 at voxels that are to be ignored (-1)"
    for plane, known, channel in zip(
        target_BCZYX.unbind(1), mask_BCZYX.unbind(1), target.channels, strict=True
    ):
        low, high = _REACH.get(channel.activation, (-np.inf, np.inf))
        values = plane[known > 0]
        if ((values < low) | (values > high)).any():
            yield (
                f"the target of channel '{channel.name}' goes beyond [{low:g}, {high:g}], which "
                f"is all that its activation {channel.activation} reaches"
            )


def _repeatable(target: Target, around: Surroundings) -> Iterator[str]:
    volumes = [drawn_labels(around.shape, seed) for seed in (1, 2, 3)]
    samples = _samples(target, volumes, around)
    with doing("encode"):
        first = target.encode(samples.clone())
        again = target.encode(samples.clone())
        apart = [target.encode(each.clone()) for each in samples[:, None]]
        narrow = target.encode(samples.to(torch.int16)) if samples.max() < 2**15 else first
    joined = tuple(torch.cat(each) for each in zip(*apart, strict=True))
    if not _equal(first, again):
        yield "encode gives something else the second time"
        return
    if not _equal(first, joined):
        yield "encode of three samples is not what it gives for each alone"
    if not _equal(first, narrow):
        yield "encode of labels in 16 bits is not what it gives for 32"


def _ids_are_names(target: Target, around: Surroundings) -> Iterator[str]:
    volumes = [drawn_labels(around.shape, seed) for seed in (1, 2, 3)]
    # Small and large ones change places, even and odd ones in part; 0 and -1 stay.
    others = np.array([0, 106, 24, 35, 13, 2, -1])
    renamed = [others[each].astype(np.int32) for each in volumes]
    with doing("encode"):
        first = target.encode(_samples(target, volumes, around))
        second = target.encode(_samples(target, renamed, around))
    for name, tensor, other in zip(("target", "mask"), first, second, strict=True):
        # A few voxels may be as near to one object as to another, and go to the first.
        if ((tensor - other).abs() > _ALIKE).float().mean() > _SPARED:
            yield f"the {name} changes where objects have other ids, which are names and no numbers"


STAGES: Stages = ((_channels,), (_prepared,), (_encoded,), (_repeatable,), (_ids_are_names,))


def _volumes(around: Surroundings) -> dict[str, NDArray[np.int32]]:
    """Labels of whole volumes, in words."""
    drawn = drawn_labels(around.shape)
    return {
        "with objects, background and what is to be ignored": drawn,
        "of an odd size": drawn_labels(around.odd_shape),
        "of one voxel": np.ones((1, 1, 1), np.int32),
        "that are all one object": np.ones(around.shape, np.int32),
        "that are all background": np.zeros(around.shape, np.int32),
        "that are all to be ignored (-1)": np.full(around.shape, -1, np.int32),
        "with the largest ids": np.where(drawn > 0, _LARGEST - drawn, drawn).astype(np.int32),
    }


def _samples(
    target: Target, volumes: list[NDArray[np.int32]], around: Surroundings
) -> torch.Tensor:
    """Samples as training cuts them: prepared volumes, where the target prepares them."""
    with doing("prepare"):
        prepared = [target.prepare(each.copy(), around.voxel_size_nm) for each in volumes]
    chosen = [
        np.asarray(volume if its is None else its).astype(np.int32)
        for volume, its in zip(volumes, prepared, strict=True)
    ]
    return torch.from_numpy(np.stack(chosen)).to(around.device)


def _misfit(tensor: object, wanted: tuple[int, ...], device: torch.device) -> str | None:
    if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float32:
        return f"must be a tensor of float32, not {_kind_of(tensor)}"
    if tuple(tensor.shape) != wanted:
        return f"has shape {tuple(tensor.shape)}, not {wanted}"
    if tensor.device != device:
        return f"lies on the device {tensor.device}, and the labels on {device}"
    return None


def _kind_of(value: object) -> str:
    return f"{type(value).__name__} of {value.dtype}" if hasattr(value, "dtype") else repr(value)


def _equal(first: tuple[torch.Tensor, ...], second: tuple[torch.Tensor, ...]) -> bool:
    return all(torch.equal(*each) for each in zip(first, second, strict=True))
