"""Colours: what tells objects apart in pictures."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Labels = NDArray[Any]

_REACH = 4
"""Objects no farther apart in a picture, in pixels, count as neighbours."""


def _palette() -> list[Colour]:
    """Colours that differ in hue, or else in lightness."""
    colours = []
    for saturation, value in ((0.80, 1.0), (0.95, 0.66), (0.42, 1.0)):
        for step in range(10):
            red, green, blue = colorsys.hsv_to_rgb(step / 10, saturation, value)
            colours.append((round(255 * red), round(255 * green), round(255 * blue)))
    return colours


_PALETTE = _palette()


def told_apart(
    planes: Sequence[Labels], liked: dict[int, Colour] | None = None
) -> dict[int, Colour]:
    """A colour for each object of some planes; neighbours get different ones, where that can be.

    An id likes the same colour in every picture and run, and gets it unless a neighbour has it.

    Args:
        planes: labels as they are shown; 0 and below are background, and get none.
        liked: colours that some objects would rather have.
    """
    neighbours: dict[int, set[int]] = {}
    for plane in planes:
        for each in np.unique(plane[plane > 0]):
            neighbours.setdefault(int(each), set())
        for one, other in _touching(plane):
            neighbours[one].add(other)
            neighbours[other].add(one)
    liked = liked or {}
    found: dict[int, Colour] = {}
    # Those that were promised a colour choose first.
    for name in sorted(neighbours, key=lambda each: (each not in liked, each)):
        taken = {found[each] for each in neighbours[name] if each in found}
        wish = liked.get(name)
        if wish is None or wish in taken:
            start = _hashed(name) % len(_PALETTE)
            order = _PALETTE[start:] + _PALETTE[:start]
            wish = next((each for each in order if each not in taken), order[0])
        found[name] = wish
    return found


def matched(
    planes: Sequence[Labels], others: Sequence[Labels], colours: dict[int, Colour]
) -> dict[int, Colour]:
    """For each object of some planes the colour of the other object that it agrees with most.

    Two agree if each has more pixels in common with the other than with any third.

    Args:
        planes, others: pictures of the same places, pixel by pixel.
        colours: of the objects of `others`.
    """
    common: dict[tuple[int, int], int] = {}
    for plane, another in zip(planes, others, strict=True):
        both = (plane > 0) & (another > 0)
        for pair, count in _counted(plane[both], another[both]):
            common[pair] = common.get(pair, 0) + count
    best_of: dict[int, tuple[int, int]] = {}
    best_for: dict[int, tuple[int, int]] = {}
    for (one, other), count in sorted(common.items()):
        if count > best_of.get(one, (0, 0))[0]:
            best_of[one] = (count, other)
        if count > best_for.get(other, (0, 0))[0]:
            best_for[other] = (count, one)
    return {
        one: colours[other]
        for one, (_, other) in best_of.items()
        if best_for[other][1] == one and other in colours
    }


def tinted(
    grey_YX: NDArray[np.uint8],
    labels_YX: Labels,
    colours: dict[int, Colour],
    strength: float | NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Grey values in the colours of objects, stronger along their rims; red, green and blue last.

    Args:
        grey_YX: of the tissue.
        labels_YX: objects of the same pixels; those without a colour stay grey.
        colours: by id.
        strength: of all pixels, or of each; 0 leaves grey values, 1 shows colours alone.
    """
    grey_YXC = np.repeat(grey_YX[..., np.newaxis], 3, axis=-1).astype(np.float32)
    names, places = np.unique(labels_YX, return_inverse=True)
    table = np.array([colours.get(int(each), (0, 0, 0)) for each in names], np.float32)
    known = np.array([int(each) in colours for each in names])
    places = places.reshape(labels_YX.shape)
    rim_YX = np.where(rims(labels_YX), 0.35, 0.0)
    share_YX = np.where(known[places], np.minimum(1.0, strength + rim_YX), 0.0)
    share_YXC = share_YX[..., np.newaxis]
    mixed_YXC = (1 - share_YXC) * grey_YXC + share_YXC * table[places]
    return np.round(mixed_YXC).astype(np.uint8)


def rims(labels_YX: Labels) -> NDArray[np.bool_]:
    """Pixels whose right or lower neighbour belongs to something else."""
    found_YX = np.zeros(labels_YX.shape, bool)
    found_YX[:-1] |= labels_YX[:-1] != labels_YX[1:]
    found_YX[:, :-1] |= labels_YX[:, :-1] != labels_YX[:, 1:]
    return found_YX


def _touching(plane: Labels) -> set[tuple[int, int]]:
    """Pairs of objects that are neighbours, the smaller id first."""
    found = set()
    for step in range(1, _REACH + 1):
        for one, other in ((plane[step:], plane[:-step]), (plane[:, step:], plane[:, :-step])):
            apart = (one != other) & (one > 0) & (other > 0)
            low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
            found |= {pair for pair, _ in _counted(low, high)}
    return found


def _counted(first: Labels, second: Labels) -> list[tuple[tuple[int, int], int]]:
    """Every pair that occurs, and how often."""
    if not len(first):
        return []
    names, one = np.unique(first, return_inverse=True)
    others, other = np.unique(second, return_inverse=True)
    codes, counts = np.unique(one * len(others) + other, return_counts=True)
    return [
        ((int(names[code // len(others)]), int(others[code % len(others)])), int(count))
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    ]


def _hashed(name: int) -> int:
    """A number that scatters consecutive ids; Knuth's multiplicative hash."""
    return (name * 2654435761 >> 7) & 0xFFFFFF
