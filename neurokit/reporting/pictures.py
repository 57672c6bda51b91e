"""Pictures: planes of image, segmentation and truth, and cut-outs around mistakes, as PNG."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image

from neurokit.reporting.colours import Colour, matched, rims, tinted, told_apart
from neurokit.reporting.mistakes import Mistake
from neurokit.reporting.planes import ACROSS, Frame, Name, around, whole_plane
from neurokit.volumes import ArrayLike, Volume

_MOST_PIXELS = 512
_CUTOUT_VOXELS = 176
_STRENGTH = 0.45
_FAINT = 0.18
_GREYS = 40
_COLOURS = 96
_NEAR = (0, 1, -1, 2, -2, 3, -3)

ONE: Colour = (255, 140, 26)
OTHER: Colour = (43, 145, 255)
WHOLE: Colour = (186, 85, 255)
REST: Colour = (64, 196, 154)


@frozen
class Picture:
    """A picture with what is to be written on it.

    Attributes:
        source: a data URI.
        words: what it shows, for those who do not see it.
        width, height: in pixels.
        bar: the length of its scale bar in words, and as a share of the width.
        mark: a place in it, shares of height and width; None where there is none.
    """

    source: str
    words: str
    width: int
    height: int
    bar: tuple[str, float]
    mark: tuple[float, float] | None = None


@frozen
class PlaneView:
    """One plane of a volume: what is there, what was made of it, and what is true.

    Attributes:
        frame: which plane.
        image, segmentation, truth: None where there is none.
    """

    frame: Frame
    image: Picture
    segmentation: Picture
    truth: Picture | None


@frozen
class Cutout:
    """The surroundings of a mistake in the plane where it shows best."""

    frame: Frame
    image: Picture
    truth: Picture
    segmentation: Picture


def plane_views(volume: Volume, segmentation: ArrayLike) -> list[PlaneView]:
    """The three planes through about the middle of a volume.

    True neurons and segments that agree have the same colour.

    Args:
        volume: its labels, if any, are the truth.
        segmentation: ids ZYX.
    """
    frames = [_middle(plane, volume) for plane in ACROSS]
    greys = [frame.as_grey(frame.read(volume.image)) for frame in frames]
    segments = [frame.as_labels(frame.read(segmentation)) for frame in frames]
    neurons: list[NDArray[Any]] = []
    colours: dict[int, Colour] = {}
    if volume.labels is not None:
        neurons = [frame.as_labels(frame.read(volume.labels)) for frame in frames]
        colours = told_apart(neurons)
    of_segments = told_apart(segments, matched(segments, neurons, colours) if neurons else None)
    views = []
    for index, frame in enumerate(frames):
        where = f"the {frame.plane} plane at {frame.across} = {frame.section}"
        made = tinted(greys[index], segments[index], of_segments, _STRENGTH)
        truth = None
        if neurons:
            true = tinted(greys[index], neurons[index], colours, _STRENGTH)
            truth = _picture(frame, true, f"True neurons in {where}")
        views.append(
            PlaneView(
                frame,
                _picture(frame, greys[index], f"Image in {where}"),
                _picture(frame, made, f"Segments in {where}"),
                truth,
            )
        )
    return views


def cutout(
    mistake: Mistake,
    is_merge: bool,
    volume: Volume,
    segmentation: ArrayLike,
) -> Cutout:
    """The surroundings of a mistake.

    The segment of a merge, or the neuron of a split, is violet. The two pieces that meet are orange
    and blue, its other pieces green; beyond it, all these are faint.

    Args:
        mistake: of a volume with labels.
        is_merge: whether its pieces are true neurons.
        volume, segmentation: as in `plane_views`.
    """
    assert volume.labels is not None
    frame = _best_frame(mistake, is_merge, volume, segmentation)
    grey = frame.as_grey(frame.read(volume.image))
    neurons = frame.as_labels(frame.read(volume.labels))
    segments = frame.as_labels(frame.read(segmentation))
    wholes, pieces = (segments, neurons) if is_merge else (neurons, segments)
    inside = wholes == mistake.id
    one, other = (piece.id for piece in mistake.shown)
    rest = {int(each): REST for each in np.unique(pieces[inside & (pieces > 0)])}
    of_pieces = _outlined(
        grey,
        pieces,
        rest | {one: ONE, other: OTHER},
        np.where(inside, _STRENGTH, _FAINT).astype(np.float32),
    )
    of_whole = _outlined(grey, wholes, {mistake.id: WHOLE}, _STRENGTH)
    kind = "merge" if is_merge else "split"
    where = f"the {kind} at z, y, x = {', '.join(map(str, mistake.place_ZYX))}"
    mark = frame.place_of(mistake.place_ZYX)
    true, made = (of_pieces, of_whole) if is_merge else (of_whole, of_pieces)
    return Cutout(
        frame,
        _picture(frame, grey, f"Image around {where}", mark),
        _picture(frame, true, f"True neurons around {where}", mark),
        _picture(frame, made, f"Segments around {where}", mark),
    )


def scale_bar(width_nm: float) -> tuple[str, float]:
    """A round length, at most a third of a width: in words, and as a share of the width."""
    exponent = math.floor(math.log10(width_nm / 3))
    digits = max(each for each in (1, 2, 5) if each * 10.0**exponent <= width_nm / 3)
    length = digits * 10.0**exponent
    words = f"{length / 1000:g} µm" if length >= 1000 else f"{length:g} nm"
    return words, length / width_nm


def _middle(plane: Name, volume: Volume) -> Frame:
    """The section in the middle, or one beside it where that one is lost or faint."""
    across = ACROSS[plane]
    count = volume.shape[across]
    frames = [
        whole_plane(plane, volume.shape, volume.voxel_size_nm, count // 2 + step, _MOST_PIXELS)
        for step in _NEAR
        if 0 <= count // 2 + step < count
    ]
    if plane != "xy":
        return frames[0]  # sections are lost along z alone, and reading across them takes longer
    spreads = [float(np.nanstd(frame.read(volume.image).astype(np.float32))) for frame in frames]
    usual = float(np.median(spreads))
    return next(frame for frame, spread in zip(frames, spreads, strict=True) if spread >= usual / 2)


def _best_frame(mistake: Mistake, is_merge: bool, volume: Volume, segmentation: ArrayLike) -> Frame:
    """Of the three planes the one that shows most of the smaller of the two pieces."""
    assert volume.labels is not None
    wholes, pieces = (segmentation, volume.labels) if is_merge else (volume.labels, segmentation)
    extent = _CUTOUT_VOXELS * min(volume.voxel_size_nm)
    best, most = None, -1.0
    for plane in ACROSS:
        frame = around(plane, volume.shape, volume.voxel_size_nm, mistake.place_ZYX, extent)
        inside = frame.read(wholes) == mistake.id
        found = frame.read(pieces)
        high, wide = frame.voxel_nm
        shown = min(
            float(((found == piece.id) & inside).sum()) * high * wide for piece in mistake.shown
        )
        # People know tissue best in the plane in which it was cut and imaged.
        shown *= 1.5 if plane == "xy" else 1.0
        if shown > most:
            best, most = frame, shown
    assert best is not None
    return best


def _outlined(
    grey: NDArray[np.uint8],
    labels: NDArray[Any],
    colours: dict[int, Colour],
    strength: float | NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Some objects in colour, the rest with pale rims."""
    picture = tinted(grey, labels, colours, strength)
    names, places = np.unique(labels, return_inverse=True)
    coloured = np.array([int(each) in colours for each in names])[places.reshape(labels.shape)]
    pale = rims(labels) & ~coloured
    picture[pale] = (picture[pale].astype(np.uint16) + 235) // 2
    return picture


def _picture(
    frame: Frame,
    pixels: NDArray[np.uint8],
    words: str,
    mark: tuple[float, float] | None = None,
) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(png(pixels), words, width, height, scale_bar(frame.size_nm[1]), mark)


def png(pixels: NDArray[np.uint8]) -> str:
    """A picture, grey (YX) or in colours (YXC), as a data URI; of few shades, to be small."""
    if pixels.ndim == 2:
        steps = np.round(pixels / 255 * (_GREYS - 1)) * (255 / (_GREYS - 1))
        picture = Image.fromarray(np.round(steps).astype(np.uint8))
    else:
        picture = Image.fromarray(pixels).quantize(_COLOURS, dither=Image.Dither.NONE)
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return data_uri(content.getvalue())


def data_uri(content: bytes) -> str:
    """The content of a PNG file as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
