"""Fitting: whether the labels of a sample still lie where its image has the objects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from neurokit.sampling import Batch

Floats = NDArray[np.float64]

_FITS = 0.6  # correlation with labels that are moved back
_BETTER = 0.15  # by which that exceeds the one with the labels as they are
_LEAST = (4, 16, 16)  # voxels of samples that tell: one section may be displaced alone


def grey_of(labels_BZYX: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """An image BZYX with one grey for each id, from -1 on, and no others."""
    count = int(labels_BZYX.max()) + 2
    greys = torch.linspace(0.1, 0.9, count)[torch.randperm(count, generator=random)]
    return greys.to(labels_BZYX.device)[labels_BZYX.long() + 1]


def moved_apart(given: Batch, changed: Batch) -> int:
    """Of how many samples labels, moved, mirrored or turned, fit the image far better.

    Args:
        given: with an image made by `grey_of`, alike in all channels.
        changed: what an augmentation made of it. Its grey values may be anything that goes up or
            down with those given, and some sections may be lost or displaced.
    """
    shape = given.labels_BZYX.shape[1:]
    if any(size < least for size, least in zip(shape, _LEAST, strict=True)):
        return 0
    return sum(
        _is_apart(*(each.cpu().numpy() for each in sample))
        for sample in zip(
            given.labels_BZYX,
            given.image_BCZYX[:, 0],
            changed.labels_BZYX,
            changed.image_BCZYX[:, 0],
            strict=True,
        )
    )


def correlations(
    was_ZYX: NDArray[np.integer],
    grey_ZYX: Floats,
    labels_ZYX: NDArray[np.integer],
    image_ZYX: Floats,
) -> tuple[float, float]:
    """How well the labels fit the image as they are, and as well as can be when moved."""
    ids, first = np.unique(was_ZYX, return_index=True)
    grey_of_id = np.zeros(int(ids[-1]) + 2)
    grey_of_id[ids + 1] = grey_ZYX.ravel()[first]
    drawn_ZYX = grey_of_id[labels_ZYX + 1]
    image = np.fft.rfftn(_in_sections(image_ZYX))
    shape = image_ZYX.shape
    best = as_it_is = 0.0
    for place, turned_ZYX in enumerate(_turned(drawn_ZYX)):
        labels = np.fft.rfftn(_in_sections(turned_ZYX))
        shifted = np.abs(np.fft.irfftn(image * labels.conj(), shape, axes=(0, 1, 2)))
        best = max(best, float(shifted.max()))
        if place == 0:
            as_it_is = float(shifted[0, 0, 0])
    return as_it_is, best


def _is_apart(*sample: NDArray[np.generic]) -> bool:
    as_it_is, best = correlations(*sample)  # type: ignore[arg-type]
    return best >= _FITS and best - as_it_is >= _BETTER


def _in_sections(values_ZYX: Floats) -> Floats:
    """Sections with a mean of 0, so long together that two volumes' product is a correlation."""
    values_ZYX = values_ZYX.astype(np.float64)  # so that sections of one grey have a length of 0
    centred = values_ZYX - values_ZYX.mean(axis=(1, 2), keepdims=True)
    lengths = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True))
    told = lengths > 1e-6
    count = int(np.count_nonzero(told))
    scaled: Floats = centred / np.where(told, lengths, np.inf) / math.sqrt(max(1, count))
    return scaled


def _turned(values_ZYX: Floats) -> Iterator[Floats]:
    """The volume itself, and as it looks mirrored along each axis, and with y and x exchanged."""
    swaps = (False, True) if values_ZYX.shape[1] == values_ZYX.shape[2] else (False,)
    for swapped, *mirrored in product(swaps, (False, True), (False, True), (False, True)):
        turned = values_ZYX.swapaxes(1, 2) if swapped else values_ZYX
        yield np.flip(turned, tuple(axis for axis in range(3) if mirrored[axis]))
