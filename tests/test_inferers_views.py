"""Test-time augmentation: what views of windows say of affinities."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT
from numpy.typing import NDArray
from torch import nn

from neurokit import (
    Channel,
    NeurokitError,
    Volume,
    affinity_channels,
    encode_affinities,
    load_recipe,
)
from neurokit.components import inferers
from neurokit.components.inferers import SlidingWindow
from neurokit.components.inferers.views import ALL_VIEWS
from neurokit.components.targets import Affinity12

Size = tuple[int, int, int]
Augmentation = inferers.TestTimeAugmentation
AFF12 = Affinity12().channels
NAMES = [view.name for view in ALL_VIEWS]
LABELS = 3  # few, so that many edges are within one
CERTAIN = 1e4


class Truth(nn.Module):
    """The true affinities of the labels that an image shows, as certain logits; 0 if unknown."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        super().__init__()
        self.offsets = [channel.offset for channel in channels if channel.offset is not None]
        assert len(self.offsets) == len(channels)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        labels = (image[:, 0] * 255).round().long()
        affinities, _ = encode_affinities(labels, self.offsets)
        return CERTAIN * (2 * affinities - 1)


class Arbitrary(nn.Module):
    """Channels that depend on the neighbourhood and the place, so that every view differs."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv3d(1, channels, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        ramp = torch.linspace(-1, 1, image[0].numel()).reshape(image[0].shape)
        logits: torch.Tensor = self.convolution(image) + ramp.sin()
        return logits


def labelled(shape: Size, seed: int = 0) -> Volume:
    """An image of labels: blobs of LABELS ids and background."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, LABELS + 1, tuple(-(-size // 3) for size in shape))
    blobs = coarse.repeat(3, 0).repeat(3, 1).repeat(3, 2)
    image = blobs[: shape[0], : shape[1], : shape[2]].astype(np.uint8)
    return Volume("labels", image, (30.0, 6.0, 6.0))


def augmented(
    views: Any, ensemble: Any, channels: Sequence[Channel], tissue: Volume, out: Path, **grid: Any
) -> NDArray[np.float32]:
    inferer = SlidingWindow(
        test_time_augmentation=Augmentation(enabled=True, views=views, ensemble=ensemble), **grid
    )
    return np.asarray(inferer.infer(Truth(channels), channels, tissue, out).values[...])


def plain(
    channels: Sequence[Channel], tissue: Volume, out: Path, **grid: Any
) -> NDArray[np.float32]:
    prediction = SlidingWindow(**grid).infer(Truth(channels), channels, tissue, out)
    return np.asarray(prediction.values[...])


SUBSETS = [
    "all",
    tuple(name for name in NAMES if "t" not in name),
    ("plain", "xt", "zyx"),
    ("z", "y", "yx", "zxt"),
]
ASKED = [
    *(((name,), "min") for name in NAMES),
    *itertools.product(SUBSETS, ("min", "mean")),
]


@pytest.mark.parametrize(("views", "ensemble"), ASKED, ids=str)
@pytest.mark.parametrize(
    ("channels", "shape", "grid"),
    [
        # One window: what it does not know is unknown to all views.
        (AFF12, (5, 33, 33), {"window": (5, 33, 33)}),
        # Offsets larger than the window, which nobody knows.
        (AFF12, (3, 9, 9), {"window": (3, 9, 9)}),
        (AFF12[:3], (7, 13, 19), {"window": (4, 8, 8)}),
        (AFF12[:3], (7, 13, 11), {"window": (3, 8, 8), "overlap": 0.6, "pad": (1, 2, 3)}),
        (AFF12[:3], (1, 1, 1), {"window": (4, 8, 8), "pad": (2, 0, 3)}),
        (
            affinity_channels(
                [(0, -1, 0), (0, 0, 1), (1, 1, 1), (1, -1, 1), (1, 1, -1), (1, -1, -1)]
            ),
            (5, 11, 12),
            {"window": (5, 12, 12)},
        ),
    ],
)
def test_a_perfect_network_gives_the_plain_answer_in_every_view(
    tmp_path: Path, channels: tuple[Channel, ...], shape: Size, grid: Any, views: Any, ensemble: Any
) -> None:
    tissue = labelled(shape)
    expected = plain(channels, tissue, tmp_path / "plain.h5", **grid)
    answer = augmented(views, ensemble, channels, tissue, tmp_path / "views.h5", **grid)
    np.testing.assert_array_equal(answer, expected)
    assert set(np.unique(expected)) <= {0, 1}


@pytest.mark.parametrize("ensemble", ["min", "mean"])
@pytest.mark.parametrize("shape", [(9, 41, 37), (5, 30, 64)])
def test_all_views_give_the_plain_answer_where_windows_know_edges_by_chance(
    tmp_path: Path, shape: Size, ensemble: Any
) -> None:
    # Offsets of up to 27 in windows of 20 to 40: some windows know an edge, and others do not.
    tissue = labelled(shape, seed=1)
    for window in [(5, 20, 20), (4, 32, 32), (6, 40, 40)]:
        expected = plain(AFF12, tissue, tmp_path / "plain.h5", window=window)
        answer = augmented("all", ensemble, AFF12, tissue, tmp_path / "all.h5", window=window)
        np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize("view", NAMES)
def test_a_single_view_tells_the_truth_wherever_a_window_knows_it(
    tmp_path: Path, view: str
) -> None:
    tissue, window = labelled((9, 41, 45), seed=2), (5, 32, 32)
    answer = augmented((view,), "min", AFF12, tissue, tmp_path / "view.h5", window=window)
    labels = torch.from_numpy(np.asarray(tissue.image)).long()[None]
    offsets = [channel.offset for channel in AFF12 if channel.offset is not None]
    truth, _ = encode_affinities(labels, offsets)
    for index, offset in enumerate(offsets):
        moved = any(step and axis in view for axis, step in zip("zyx", offset, strict=True))
        if moved:  # by no guess of any window
            known = edges_within_windows(tissue.shape, window, offset)
            np.testing.assert_array_equal(answer[index], np.where(known, truth[0, index], 0))
        else:
            np.testing.assert_array_equal(answer[index][answer[index] == 1], 1)


def edges_within_windows(shape: Size, window: Size, offset: Size) -> NDArray[np.bool_]:
    """Whether any window of the grid with overlap 0.5 holds both ends of the edge at a voxel."""
    known = np.zeros(shape, bool)
    starts = [
        sorted({*range(0, size - n, round(n / 2)), size - n})
        for size, n in zip(shape, window, strict=True)
    ]
    others = np.moveaxis(np.indices(window), 0, -1) - offset
    inside = ((others >= 0) & (others < window)).all(axis=-1)
    for corner in itertools.product(*starts):
        z, y, x = (slice(start, start + n) for start, n in zip(corner, window, strict=True))
        known[z, y, x] |= inside
    return known


def slow_ensemble(
    module: nn.Module,
    channels: Sequence[Channel],
    image_ZYX: NDArray[np.float32],
    views: Sequence[str],
    ensemble: str,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Logits of a window, edge by edge, and whether any view knows them."""
    size = image_ZYX.shape
    answers: list[list[float]] = [[] for _ in range(len(channels) * image_ZYX.size)]
    at = np.arange(len(answers)).reshape(len(channels), *size)
    for view in views:
        # Where each voxel of the view comes from: the same moves, of coordinates.
        flipped = tuple(axis for axis, letter in enumerate("zyx") if letter in view)
        moved: list[NDArray[Any]] = [image_ZYX, *np.indices(size)]
        moved = [np.flip(each, flipped) for each in moved]
        if "t" in view:
            moved = [each.swapaxes(1, 2) for each in moved]
        seen, *origin = moved
        with torch.no_grad():
            logits = module(torch.from_numpy(seen.copy())[None, None])[0].numpy()
        # By their two ends in the window, the first that where they are stored.
        edges: dict[Any, float] = {}
        for index, channel in enumerate(channels):
            for place in np.ndindex(*size):
                here = tuple(int(each[place]) for each in origin)
                if channel.offset is None:
                    edges[index, here] = logits[(index, *place)]
                    continue
                ends = _ends(place, channel.offset, origin)
                edges[ends] = logits[(index, *place)]
        for index, channel in enumerate(channels):
            for here in np.ndindex(*size):
                if channel.offset is None:
                    answers[at[(index, *here)]].append(edges[index, here])
                    continue
                there = tuple(np.subtract(here, channel.offset).tolist())
                known_as = [each for each in ((here, there), (there, here)) if each in edges]
                answers[at[(index, *here)]] += [edges[each] for each in known_as[:1]]
    combine: Any = min if ensemble == "min" else np.mean
    values = np.array([combine(each) if each else 0 for each in answers], float)
    known = np.array([bool(each) for each in answers])
    return values.reshape(at.shape), known.reshape(at.shape)


def _ends(place: Size, offset: Size, origin: Sequence[NDArray[Any]]) -> tuple[Size, Size]:
    """The ends of an edge of a view, in the window; the other end may lie beyond it."""
    here = np.array([each[place] for each in origin])
    # Along each axis of the view, one step goes along one axis of the window.
    there = here.copy()
    for axis, step in enumerate(offset):
        for in_window, each in enumerate(origin):
            if each.shape[axis] > 1:
                first, second = (each.take(i, axis).flat[0] for i in (0, 1))
                there[in_window] -= step * int(second - first)
    assert all(size > 1 for size in origin[0].shape)
    return tuple(here.tolist()), tuple(there.tolist())


MIXED = (
    *affinity_channels([(0, 0, 2), (1, 0, 0), (0, 2, 0), (0, 1, 1), (0, 1, -1), (2, 1, 1)]),
    Channel("sdt", "tanh"),
    Channel("grey", "none"),
    *affinity_channels([(2, -1, 1), (2, 1, -1), (2, -1, -1), (0, 0, 7), (0, 7, 0)]),
)


@pytest.mark.parametrize("ensemble", ["min", "mean"])
@pytest.mark.parametrize("views", ["all", ("x",), ("yxt", "z"), ("", "zyxt"), ("zy", "t", "xt")])
def test_equals_the_slow_version(tmp_path: Path, views: Any, ensemble: Any) -> None:
    window, shape, module = (3, 5, 5), (4, 5, 7), Arbitrary(len(MIXED))
    image = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    inferer = SlidingWindow(
        window=window,
        blend="constant",
        sw_batch_size=3,
        test_time_augmentation=Augmentation(enabled=True, views=views, ensemble=ensemble),
    )
    volume = Volume("random", image, (30.0, 6.0, 6.0))
    prediction = inferer.infer(module, MIXED, volume, tmp_path / "out.h5")
    names = NAMES if views == "all" else views
    summed, weighed = np.zeros((len(MIXED), *shape)), np.zeros((len(MIXED), *shape))
    for corner in itertools.product((0, 1), (0,), (0, 2)):
        z, y, x = (slice(start, start + n) for start, n in zip(corner, window, strict=True))
        logits, known = slow_ensemble(
            module, MIXED, (image[z, y, x] / 255).astype(np.float32), names, ensemble
        )
        summed[:, z, y, x] += logits * known
        weighed[:, z, y, x] += known
    logits = summed / np.maximum(weighed, 1)
    activations: dict[str, Any] = {
        "sigmoid": lambda logit: 1 / (1 + np.exp(-logit)),
        "tanh": np.tanh,
        "none": lambda logit: logit,
    }
    expected = np.stack(
        [
            activations[channel.activation](plane)
            for channel, plane in zip(MIXED, logits, strict=True)
        ]
    )
    np.testing.assert_allclose(
        prediction.values[...], np.where(weighed > 0, expected, 0), rtol=0, atol=2e-6
    )
    # The one view that moves all that it knows of x leaves some unknown.
    assert (weighed == 0).any() == (views == ("x",))


@pytest.mark.parametrize("ensemble", ["min", "mean"])
def test_the_plain_view_alone_is_no_augmentation(tmp_path: Path, ensemble: Any) -> None:
    module, volume = Arbitrary(len(MIXED)), labelled((5, 8, 7))
    off = SlidingWindow(window=(3, 5, 5)).infer(module, MIXED, volume, tmp_path / "off.h5")
    for views in (("plain",), ("",)):
        alone = SlidingWindow(
            window=(3, 5, 5),
            test_time_augmentation=Augmentation(enabled=True, views=views, ensemble=ensemble),
        ).infer(module, MIXED, volume, tmp_path / "alone.h5")
        np.testing.assert_array_equal(alone.values[...], off.values[...])


def test_views_are_off_unless_enabled(tmp_path: Path) -> None:
    module, volume = Arbitrary(1), labelled((3, 5, 6))
    channels = affinity_channels([(0, 0, 1)])  # which no exchange of y and x keeps
    SlidingWindow(window=(3, 4, 5)).infer(module, channels, volume, tmp_path / "out.h5")


def test_half_precision_logits_are_combined_in_single(tmp_path: Path) -> None:
    class Half(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.full_like(image, 0.0999755859375, dtype=torch.float16)

    channels, volume = (Channel("grey", "none"),), labelled((4, 9, 9))
    for ensemble in ("min", "mean"):
        inferer = SlidingWindow(
            window=(3, 5, 5),
            test_time_augmentation=Augmentation(enabled=True, ensemble=ensemble),
        )
        prediction = inferer.infer(Half(), channels, volume, tmp_path / "out.h5")
        np.testing.assert_allclose(prediction.values[...], 0.0999755859375, rtol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"views": ("x", "xz")},
            "views names 'xz'; a view is 'plain' or letters of 'zyxt' in this order",
        ),
        ({"views": ()}, "views names no view; choose 'all' or a list of them"),
        ({"views": ("x", "plain", "")}, "views names one twice: 'x', 'plain', ''"),
        ({"ensemble": "max"}, "ensemble must be one of min, mean, not max"),
    ],
)
def test_impossible_choices_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises((NeurokitError, ValueError)) as raised:
        Augmentation(**parameters)
    assert str(raised.value) == message


def test_exchanging_y_and_x_needs_square_windows() -> None:
    assert SlidingWindow(window=(3, 5, 6), test_time_augmentation=Augmentation())
    with pytest.raises(NeurokitError) as raised:
        SlidingWindow(
            window=(3, 5, 6),
            test_time_augmentation=Augmentation(enabled=True, views=("x", "zt")),
        )
    assert str(raised.value) == (
        "the view 'zt' of test_time_augmentation exchanges y and x, which differ in window "
        "[3, 5, 6]; make them equal, or name the views without t"
    )


class Untouchable(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        raise AssertionError("work has started")


@pytest.mark.parametrize(
    ("channels", "voxel_size_nm", "message"),
    [
        (
            affinity_channels([(1, 0, 0), (0, 0, 9)]),
            (30.0, 6.0, 6.0),
            "the view 't' of inferer.test_time_augmentation cannot be used: it shows the affinity "
            "x9 as y9, which no channel is; leave it out of views, or add that channel to the "
            "target",
        ),
        (
            AFF12,
            (30.0, 6.0, 8.5),
            "the view 't' of inferer.test_time_augmentation exchanges y and x, and voxels of "
            "'labels' are 6 and 8.5 nm long there; name the views without t",
        ),
    ],
)
def test_what_views_cannot_show_is_refused_before_the_work(
    tmp_path: Path, channels: tuple[Channel, ...], voxel_size_nm: Any, message: str
) -> None:
    inferer = SlidingWindow(window=(3, 5, 5), test_time_augmentation=Augmentation(enabled=True))
    tissue = Volume("labels", np.zeros((3, 5, 5), np.uint8), voxel_size_nm)
    with pytest.raises(NeurokitError) as raised:
        inferer.infer(Untouchable(), channels, tissue, tmp_path / "out.h5")
    assert str(raised.value) == message
    assert not list(tmp_path.iterdir())


def test_one_key_of_a_recipe_is_enough() -> None:
    recipe = load_recipe(
        ROOT / "recipes" / "snemi_aff12.toml", ["inferer.test_time_augmentation.enabled=true"]
    )
    assert isinstance(recipe.inferer, SlidingWindow)
    assert recipe.inferer.test_time_augmentation.seen == ALL_VIEWS
    as_shipped = load_recipe(ROOT / "recipes" / "snemi_aff12.toml").inferer
    assert isinstance(as_shipped, SlidingWindow)
    assert [view.name for view in as_shipped.test_time_augmentation.seen] == [""]
