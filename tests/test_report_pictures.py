"""Pictures and charts of a report: proportions, colours, marks, and where curves run."""

from __future__ import annotations

import base64
import io
import math
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neurokit import Volume
from neurokit.reporting.charts import Line, Rule, chart
from neurokit.reporting.colours import matched, rims, tinted, told_apart
from neurokit.reporting.mistakes import Mistake, Piece
from neurokit.reporting.pictures import (
    ONE,
    OTHER,
    WHOLE,
    Picture,
    cutout,
    plane_views,
    png,
    scale_bar,
)
from neurokit.reporting.planes import ACROSS, Frame, around, whole_plane
from neurokit.reporting.words import code_in, duration, memory, percent, score

SNEMI = (30.0, 6.0, 6.0)


def _frame(plane: Any, shape: Any, section: int = 0, most: int = 512) -> Frame:
    return whole_plane(plane, shape, SNEMI, section, most)


def test_the_planes_are_the_axes_that_their_names_say() -> None:
    shape = (3, 4, 5)
    volume = np.arange(60).reshape(shape)
    for plane, section, expected, axes, across in (
        ("xy", 1, volume[1], ("y", "x"), "z"),
        ("xz", 2, volume[:, 2], ("z", "x"), "y"),
        ("yz", 3, volume[:, :, 3], ("z", "y"), "x"),
    ):
        frame = _frame(plane, shape, section)
        np.testing.assert_array_equal(frame.read(volume), expected)
        assert (frame.axes, frame.across) == (axes, across)


def test_voxels_have_the_proportions_of_the_tissue() -> None:
    shape = (20, 100, 300)
    assert _frame("xy", shape).pixels == (100, 300)
    # 20 sections of 30 nm are as high as 100 voxels of 6 nm.
    assert _frame("xz", shape).pixels == (100, 300)
    assert _frame("yz", shape).pixels == (100, 100)
    assert _frame("xz", shape, most=150).pixels == (50, 150)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2000, 1), (700, 1, 3), (5, 7, 4000)])
@pytest.mark.parametrize("plane", ACROSS)
def test_odd_volumes_fit(plane: Any, shape: tuple[int, int, int]) -> None:
    frame = _frame(plane, shape)
    labels = frame.as_labels(frame.read(np.ones(shape, np.uint64)))
    assert labels.shape == frame.pixels == frame.as_grey(frame.read(np.zeros(shape))).shape
    assert 1 <= min(labels.shape) <= max(labels.shape) <= 512
    assert (labels == 1).all()


def test_enlarged_labels_keep_their_places() -> None:
    labels = np.array([[1, 2], [3, 2**63 - 1]])
    frame = Frame("xz", 0, (0, 0), (2, 2), (30.0, 6.0), 6.0)
    expected = np.repeat(labels, 5, axis=0)
    np.testing.assert_array_equal(frame.as_labels(labels), expected)


@pytest.mark.parametrize(
    ("position", "start"), [((4, 50, 50), (45, 45)), ((4, 1, 99), (0, 90)), ((4, 99, 0), (90, 0))]
)
def test_a_cutout_stays_inside_and_knows_its_place(
    position: tuple[int, int, int], start: tuple[int, int]
) -> None:
    frame = around("xy", (9, 100, 100), SNEMI, position, 60.0)
    assert (frame.section, frame.start, frame.voxels) == (4, start, (10, 10))
    down, right = frame.place_of(position)
    assert frame.start[0] + int(down * 10) == position[1]
    assert frame.start[1] + int(right * 10) == position[2]


def test_grey_values_go_from_black_to_white() -> None:
    ramp = np.linspace(-5, 5, 10_000).reshape(100, 100)
    shades = Frame("xy", 0, (0, 0), (100, 100), (6.0, 6.0), 6.0).as_grey(ramp)
    assert (shades.min(), shades.max()) == (0, 255)
    assert (np.diff(shades.astype(int), axis=0) >= 0).all()
    flat = Frame("xy", 0, (0, 0), (2, 2), (6.0, 6.0), 6.0).as_grey(np.full((2, 2), np.nan))
    assert (flat == 0).all()


@pytest.mark.parametrize("seed", range(10))
def test_neighbours_have_different_colours(seed: int) -> None:
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 40, (6, 9))
    plane = coarse.repeat(7, 0).repeat(7, 1)
    colours = told_apart([plane])
    assert set(colours) == set(np.unique(plane[plane > 0]).tolist())
    for rows, columns in (((1, None), (0, None)), ((0, None), (1, None))):
        one = plane[rows[0] :, columns[0] :]
        other = plane[: plane.shape[0] - rows[0], : plane.shape[1] - columns[0]]
        for a, b in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True):
            assert a == b or 0 in (a, b) or colours[a] != colours[b]


def test_neighbours_across_a_membrane_have_different_colours() -> None:
    for a in range(1, 200):
        plane = np.array([[a, 0, 0, 0, a + 30]])
        colours = told_apart([plane])
        assert colours[a] != colours[a + 30]


def test_an_id_has_the_same_colour_elsewhere() -> None:
    names = [1, 7, 2**40, 2**63 - 1]
    alone = {name: told_apart([np.array([[name]])])[name] for name in names}
    apart = np.zeros((1, 40), np.int64)
    apart[0, ::10] = names
    assert told_apart([apart]) == alone
    assert told_apart([np.array([[0, -1]])]) == {}


def test_those_that_agree_share_a_colour() -> None:
    truth = np.array([[1, 1, 1, 2, 2, 2, 3, 3]])
    made = np.array([[8, 8, 9, 9, 9, 9, 0, 4]])
    colours = told_apart([truth])
    found = matched([made], [truth], colours)
    assert found == {8: colours[1], 9: colours[2], 4: colours[3]}
    both = told_apart([made], found)
    assert {name: both[name] for name in found} == found
    # 5 agrees with 1 most, but 1 with 6.
    assert matched([np.array([[5, 6, 6]])], [np.array([[1, 1, 1]])], {1: ONE}) == {6: ONE}


def test_tinting_leaves_background_grey() -> None:
    grey = np.full((3, 4), 100, np.uint8)
    labels = np.array([[0, 0, 5, 5]] * 3)
    picture = tinted(grey, labels, {5: (255, 0, 0)}, 0.5)
    assert (picture[:, 0] == 100).all()
    assert (picture[:, 3] == (178, 50, 50)).all()
    np.testing.assert_array_equal(rims(labels), [[False, True, False, False]] * 3)


@pytest.mark.parametrize(
    ("width", "words", "share"),
    [(1000, "200 nm", 0.2), (1500, "500 nm", 1 / 3), (3100, "1 µm", 1 / 3.1), (6, "2 nm", 1 / 3)],
)
def test_the_scale_bar_is_round(width: float, words: str, share: float) -> None:
    found, part = scale_bar(width)
    assert found == words
    assert part == pytest.approx(share)


def _pixels(picture: Picture) -> Any:
    content = base64.b64decode(picture.source.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def _volume(labels: Any) -> Volume:
    return Volume("drawn", np.full(labels.shape, 128, np.uint8), SNEMI, labels)


def _near(pixel: Any, colour: tuple[int, int, int]) -> bool:
    """Whether a pixel over black is of a hue: the brightest and darkest parts are the same."""
    return int(pixel.argmax()) == int(np.argmax(colour)) and pixel.max() - pixel.min() > 40


def _mistake(name: int, both: tuple[Piece, Piece], place_ZYX: tuple[int, int, int]) -> Mistake:
    return Mistake(name, 2, 2, both, both, 1.0, place_ZYX, True)


def test_a_merge_is_shown_in_its_colours() -> None:
    truth = np.zeros((4, 60, 80), np.int64)
    truth[:, :, :40], truth[:, :, 40:] = 3, 4
    made = np.ones_like(truth)
    merge = _mistake(1, (Piece(3, 9600), Piece(4, 9600)), (2, 30, 40))
    shown = cutout(merge, True, _volume(truth), made)
    assert shown.frame.plane == "xy"
    true, segments = _pixels(shown.truth), _pixels(shown.segmentation)
    assert true.shape == segments.shape == (60, 80, 3)
    assert _near(true[30, 10], ONE)
    assert _near(true[30, 70], OTHER)
    assert _near(segments[30, 10], WHOLE)
    assert (segments[30, 10] == segments[30, 70]).all()
    assert shown.truth.mark == (30.5 / 60, 40.5 / 80)
    assert "merge at z, y, x = 2, 30, 40" in shown.truth.words


def test_a_split_along_z_is_shown_from_the_side() -> None:
    made = np.zeros((20, 60, 80), np.int64)
    made[:10], made[10:] = 5, 6
    truth = np.full_like(made, 9)
    split = _mistake(9, (Piece(5, 48000), Piece(6, 48000)), (10, 30, 40))
    shown = cutout(split, False, _volume(truth), made)
    assert shown.frame.plane in ("xz", "yz")
    segments = _pixels(shown.segmentation)
    assert segments.shape[0] == 100  # 20 sections of 30 nm in pixels of 6 nm
    assert _near(segments[20, 40], ONE)
    assert _near(segments[80, 40], OTHER)


def test_a_lost_section_is_not_the_one_that_is_shown() -> None:
    image = np.random.default_rng(0).integers(0, 255, (9, 20, 20), np.uint8)
    image[4] = 0
    image[5] = image[5] // 8
    volume = Volume("drawn", image, SNEMI)
    views = plane_views(volume, np.ones((9, 20, 20), np.uint16))
    assert [(view.frame.plane, view.frame.section) for view in views] == [
        ("xy", 3),
        ("xz", 10),
        ("yz", 10),
    ]
    assert all(view.truth is None for view in views)


def test_a_picture_of_noise_stays_small() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    assert len(png(noise)) < 350_000
    assert len(png(noise[..., 0])) < 350_000


def _points(svg: str) -> list[list[tuple[float, float]]]:
    tree = ElementTree.fromstring(svg)
    return [
        [tuple(map(float, place.split(","))) for place in each.attrib["points"].split()]  # type: ignore[misc]
        for each in tree.iter("polyline")
    ]


def test_a_curve_runs_from_corner_to_corner() -> None:
    svg = chart([Line("a", [0, 5, 10], [0, 5, 10])], "step", "rising")
    ((first, middle, last),) = _points(svg)
    assert first[0] < middle[0] < last[0]
    assert first[1] > middle[1] > last[1]
    assert middle == pytest.approx(((first[0] + last[0]) / 2, (first[1] + last[1]) / 2))
    ticks = [each.text for each in ElementTree.fromstring(svg).iter("text")]
    assert ticks == ["0", "2", "4", "6", "8", "10"] * 2 + ["step"]


def test_what_is_no_number_is_a_gap() -> None:
    ys = [1.0, 2.0, math.nan, 3.0, math.inf, 4.0]
    svg = chart([Line("a", range(6), ys)], "step", "with gaps")
    assert [len(each) for each in _points(svg)] == [2, 1, 1]
    assert svg.count("<circle") == 2  # a stretch of one point would not be seen
    assert "nan" not in svg
    assert "inf" not in svg


@pytest.mark.parametrize(
    "ys",
    [[], [math.nan], [0.0], [7.0, 7.0], [1e-9, 2e-9], [-1e12, 1e12], [1.0, 1.0 + 1e-12]],
)
def test_odd_curves_are_drawn(ys: list[float]) -> None:
    svg = chart([Line("a", range(len(ys)), ys)], "x", "odd", [Rule(0.5, "<&>")])
    ElementTree.fromstring(svg)
    numbers = [float(each) for each in re.findall(r'[xy]\d?="(-?[\d.]+)"', svg)]
    assert all(-20 <= number <= 600 for number in numbers)
    assert "&lt;&amp;&gt;" in svg


def test_an_axis_may_begin_with_zero() -> None:
    svg = chart([Line("a", [100, 200], [1, 2])], "step", "later", from_zero=True)
    ((first, last),) = _points(svg)
    assert first[0] == pytest.approx((50 + last[0]) / 2)


def test_numbers_as_people_write_them() -> None:
    assert [duration(each) for each in (0, 9.94, 10, 99, 100, 7230)] == [
        "0.0 s",
        "9.9 s",
        "10 s",
        "99 s",
        "2 min",
        "2 h 00 min",
    ]
    assert [memory(each) for each in (None, 3 << 29, 40 << 30)] == ["–", "1.50 GiB", "40 GiB"]  # noqa: RUF001
    assert [score(each) for each in (0, 0.12345, 99.99999, 1630, 0.5e6)] == [
        "0.0000",
        "0.1235",
        "100.0000",
        "1,630",
        "500,000",
    ]
    assert [percent(each) for each in (0, 1, 0.123, 0.0123, 0.000123)] == [
        "0 %",
        "100 %",
        "12 %",
        "1.2 %",
        "0.012 %",
    ]
    assert code_in("a `b<c` & d") == "a <code>b&lt;c</code> &amp; d"
    assert code_in("one ` alone") == "one ` alone"
