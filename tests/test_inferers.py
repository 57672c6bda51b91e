from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from neurokit import Channel, NeurokitError, Volume
from neurokit.components.inferers import SlidingWindow
from neurokit.progress import listening

Size = tuple[int, int, int]
PLAIN = (Channel("grey", "none"),)
MIXED = (Channel("x1", "sigmoid", (0, 0, 1)), Channel("sdt", "tanh"), Channel("grey", "none"))


class Constant(nn.Module):
    """Gives the same logit everywhere, in half precision if asked."""

    def __init__(self, value: float, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.value = value
        self.dtype = dtype

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.full_like(image, self.value, dtype=self.dtype)


class PlaceDependent(nn.Module):
    """Three channels that depend on the neighbourhood and on the place within the window."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        ramp = torch.linspace(-1, 1, image[0].numel()).reshape(image[0].shape)
        mean = nn.functional.conv3d(image, torch.full((1, 1, 3, 3, 3), 1 / 27), padding=1)
        return torch.cat([4 * image - 2 + ramp, 3 * mean - 1, ramp * image], dim=1)


def volume(shape: Size, seed: int = 0) -> Volume:
    image = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Volume("random", image, (30.0, 6.0, 6.0))


def slow_bump(window: Size) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = np.ones(window)
    for place in np.ndindex(window):
        for i, n in zip(place, window, strict=True):
            u = 2 * (i + 1) / (n + 1) - 1
            weights[place] *= np.exp(-1 / (1 - u * u))
    weights /= weights.max()
    return weights


def slow_starts(size: int, window: int, overlap: float) -> list[int]:
    stride, starts, start = max(1, round(window * (1 - overlap))), [], 0
    while start + window < size:
        starts.append(start)
        start += stride
    return [*starts, size - window]


def slow_inference(
    inferer: SlidingWindow, module: nn.Module, channels: Sequence[Channel], volume: Volume
) -> NDArray[np.float64]:
    """Pads the whole volume and keeps whole accumulators, one window at a time."""
    margins = []
    for size, window, pad in zip(volume.shape, inferer.window, inferer.pad, strict=True):
        missing = max(0, window - size - 2 * pad)
        margins.append((pad + missing // 2, pad + missing - missing // 2))
    padded = np.pad(np.asarray(volume.image), margins, mode="reflect") / np.float32(255)
    weights = np.ones(inferer.window)
    if inferer.blend == "bump":
        weights = slow_bump(inferer.window)
    summed = np.zeros((len(channels), *padded.shape))
    weighed = np.zeros(padded.shape)
    starts = [
        slow_starts(size, window, inferer.overlap)
        for size, window in zip(padded.shape, inferer.window, strict=True)
    ]
    for corner in itertools.product(*starts):
        place = tuple(
            slice(start, start + size) for start, size in zip(corner, inferer.window, strict=True)
        )
        with torch.no_grad():
            logits = module(torch.from_numpy(padded[place])[None, None])[0].numpy()
        summed[(slice(None), *place)] += logits * weights
        weighed[place] += weights
    inside = tuple(
        slice(before, before + size)
        for (before, _), size in zip(margins, volume.shape, strict=True)
    )
    mean = (summed / weighed)[(slice(None), *inside)]
    activated: dict[str, Any] = {
        "sigmoid": lambda logit: 1 / (1 + np.exp(-logit)),
        "tanh": np.tanh,
        "none": lambda logit: logit,
    }
    return np.stack(
        [
            activated[channel.activation](plane)
            for channel, plane in zip(channels, mean, strict=True)
        ]
    )


@pytest.mark.parametrize("blend", ["bump", "constant"])
@pytest.mark.parametrize(
    ("shape", "window", "overlap", "pad", "sw_batch_size"),
    [
        ((9, 20, 23), (4, 8, 8), 0.5, (0, 0, 0), 4),
        ((9, 20, 23), (4, 8, 8), 0.5, (2, 4, 4), 3),
        ((7, 13, 11), (3, 7, 5), 0.25, (1, 2, 3), 1),
        ((7, 13, 11), (3, 7, 5), 0.0, (0, 3, 0), 16),
        ((5, 9, 10), (4, 5, 6), 0.8, (3, 1, 0), 7),
        ((4, 8, 8), (4, 8, 8), 0.5, (0, 0, 0), 4),
        ((3, 6, 1), (8, 16, 4), 0.5, (0, 0, 0), 2),
        ((1, 1, 1), (3, 4, 5), 0.5, (2, 0, 7), 2),
        ((2, 5, 6), (4, 4, 4), 0.5, (5, 11, 2), 5),
        ((6, 5, 4), (1, 1, 1), 0.9, (0, 0, 0), 9),
    ],
)
def test_equals_the_slow_version(
    tmp_path: Path,
    shape: Size,
    window: Size,
    overlap: float,
    pad: Size,
    sw_batch_size: int,
    blend: Any,
) -> None:
    inferer = SlidingWindow(
        window=window, overlap=overlap, pad=pad, sw_batch_size=sw_batch_size, blend=blend
    )
    tissue = volume(shape, seed=sum(shape))
    prediction = inferer.infer(PlaceDependent(), MIXED, tissue, tmp_path / "out.h5")
    expected = slow_inference(inferer, PlaceDependent(), MIXED, tissue)
    assert prediction.values.dtype == np.float32
    assert prediction.values.shape == expected.shape
    np.testing.assert_allclose(prediction.values[...], expected, rtol=0, atol=2e-6)


def test_prediction_is_described(tmp_path: Path) -> None:
    inferer = SlidingWindow(window=(4, 8, 8))
    prediction = inferer.infer(PlaceDependent(), MIXED, volume((5, 9, 9)), tmp_path / "out.h5")
    assert prediction.channels == MIXED
    assert prediction.voxel_size_nm == (30.0, 6.0, 6.0)
    assert prediction.shape == (5, 9, 9)


@pytest.mark.parametrize("pad", [(0, 0, 0), (2, 5, 5)])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_a_constant_stays_constant_up_to_the_corners(
    tmp_path: Path, pad: Size, overlap: float
) -> None:
    inferer = SlidingWindow(window=(5, 16, 16), overlap=overlap, pad=pad)
    prediction = inferer.infer(Constant(2.5), PLAIN, volume((11, 31, 33)), tmp_path / "out.h5")
    np.testing.assert_allclose(prediction.values[...], 2.5, rtol=1e-6)


def test_weights_do_not_underflow_at_the_corners_of_long_windows(tmp_path: Path) -> None:
    # The plain product of bump weights is far below the smallest float32 here.
    inferer = SlidingWindow(window=(1, 900, 900))
    prediction = inferer.infer(Constant(-1.5), PLAIN, volume((1, 905, 905)), tmp_path / "out.h5")
    np.testing.assert_allclose(prediction.values[...], -1.5, rtol=1e-6)


@pytest.mark.parametrize("pad", [(0, 0, 0), (1, 4, 3)])
def test_identity_gives_the_image_back_in_its_place(tmp_path: Path, pad: Size) -> None:
    tissue = volume((8, 17, 14))
    inferer = SlidingWindow(window=(4, 8, 8), pad=pad)
    prediction = inferer.infer(nn.Identity(), PLAIN, tissue, tmp_path / "out.h5")
    scaled = tissue.scaled(np.asarray(tissue.image))
    np.testing.assert_allclose(prediction.values[0], scaled, rtol=0, atol=1e-6)


def test_identity_is_exact_where_windows_do_not_overlap(tmp_path: Path) -> None:
    tissue = volume((8, 16, 24))
    inferer = SlidingWindow(window=(4, 8, 8), overlap=0.0)
    prediction = inferer.infer(nn.Identity(), PLAIN, tissue, tmp_path / "out.h5")
    assert (prediction.values[0] == tissue.scaled(np.asarray(tissue.image))).all()


def test_the_network_sees_the_image_mirrored(tmp_path: Path) -> None:
    seen = []

    class Watching(nn.Identity):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            seen.append((image * 255).round().int().flatten().tolist())
            return image

    image = np.array([[[10, 20, 30]]], dtype=np.uint8)
    tissue = Volume("line", image, (1.0, 1.0, 1.0))
    inferer = SlidingWindow(window=(1, 1, 11), pad=(0, 0, 3))
    prediction = inferer.infer(Watching(), PLAIN, tissue, tmp_path / "out.h5")
    assert seen == [[10, 20, 30, 20, 10, 20, 30, 20, 10, 20, 30]]
    np.testing.assert_allclose(prediction.values[0] * 255, image, rtol=1e-6)


def test_batch_size_does_not_change_the_result(tmp_path: Path) -> None:
    tissue = volume((7, 15, 18))
    results = [
        SlidingWindow(window=(4, 8, 8), sw_batch_size=size)
        .infer(PlaceDependent(), MIXED, tissue, tmp_path / f"{size}.h5")
        .values[...]
        for size in (1, 2, 5, 100)
    ]
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=0, atol=1e-6)


def test_half_precision_logits_are_blended_in_single(tmp_path: Path) -> None:
    inferer = SlidingWindow(window=(4, 8, 8))
    value = 0.0999755859375  # a float16
    module = Constant(value, torch.float16)
    prediction = inferer.infer(module, PLAIN, volume((6, 12, 12)), tmp_path / "out.h5")
    np.testing.assert_allclose(prediction.values[...], value, rtol=1e-6)


def test_only_the_sections_of_a_window_are_read_at_once(tmp_path: Path) -> None:
    depths = []

    class Reluctant:
        def __init__(self, array: NDArray[np.uint8]) -> None:
            self.array, self.shape, self.dtype = array, array.shape, array.dtype

        def __getitem__(self, index: Any) -> Any:
            read = self.array[index]
            depths.append(len(read))
            return read

    array = np.asarray(volume((30, 9, 9)).image)
    lazy = Volume("lazy", Reluctant(array), (1.0, 1.0, 1.0), source="test")
    inferer = SlidingWindow(window=(4, 8, 8), pad=(3, 0, 0))
    prediction = inferer.infer(nn.Identity(), PLAIN, lazy, tmp_path / "out.h5")
    assert max(depths) == 4
    np.testing.assert_allclose(prediction.values[0], array / 255, rtol=0, atol=1e-6)


def test_progress_counts_windows(tmp_path: Path) -> None:
    reports: list[tuple[str, int, int]] = []
    with listening(lambda *report: reports.append(report)):
        inferer = SlidingWindow(window=(4, 8, 8), sw_batch_size=5)
        inferer.infer(nn.Identity(), PLAIN, volume((8, 16, 20)), tmp_path / "out.h5")
    total = 3 * 3 * 4
    assert reports == [("windows", done, total) for done in range(total + 1)]


class Narrow(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image[..., 1:-1]


class Exhausted(nn.Module):
    """Works until the third batch, so that part of the file has been written by then."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.calls = 0

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls == 3:
            raise self.error
        return image


@pytest.mark.parametrize(
    ("module", "channels", "message"),
    [
        (
            Narrow(),
            PLAIN,
            "the network's output has the shape 2 x 1 x 4 x 8 x 6 where 2 x 1 x 4 x 8 x 8 "
            "(batch, channels, z, y, x) was expected; "
            "check that model and checkpoint belong to this target and fit inferer.window",
        ),
        (
            nn.Identity(),
            MIXED,
            "the network's output has the shape 2 x 1 x 4 x 8 x 8 where 2 x 3 x 4 x 8 x 8 "
            "(batch, channels, z, y, x) was expected; "
            "check that model and checkpoint belong to this target and fit inferer.window",
        ),
        *(
            (
                Exhausted(error),
                PLAIN,
                "memory ran out during inference; lower inferer.sw_batch_size, inferer.window or "
                "inferer.memory_gib",
            )
            for error in (
                torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
                RuntimeError("DefaultCPUAllocator: can't allocate memory: Error code 12"),
                RuntimeError("not enough memory: you tried to allocate 8 bytes"),
                MemoryError(),
            )
        ),
    ],
)
@pytest.mark.parametrize("earlier", [None, b"an earlier result"])
def test_failures_are_explained_and_leave_no_file(
    tmp_path: Path,
    module: nn.Module,
    channels: tuple[Channel, ...],
    message: str,
    earlier: bytes | None,
) -> None:
    out = tmp_path / "out.h5"
    if earlier is not None:
        out.write_bytes(earlier)
    if isinstance(module, Exhausted):
        module.calls = 0
    inferer = SlidingWindow(window=(4, 8, 8), sw_batch_size=2)
    with pytest.raises(NeurokitError) as raised:
        inferer.infer(module, channels, volume((8, 12, 12)), out)
    assert str(raised.value) == message
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([earlier] if earlier else [])


def test_other_errors_of_the_network_pass_unchanged(tmp_path: Path) -> None:
    inferer = SlidingWindow(window=(4, 8, 8), sw_batch_size=2)
    with pytest.raises(RuntimeError, match=r"^sizes do not fit$"):
        inferer.infer(
            Exhausted(RuntimeError("sizes do not fit")),
            PLAIN,
            volume((8, 12, 12)),
            tmp_path / "out.h5",
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window": (4, 0, 8)}, "window must be at least 1, not 0"),
        ({"window": (4, 8, 8), "pad": (0, -1, 0)}, "pad must be at least 0, not -1"),
        ({"window": (4, 8, 8), "overlap": -0.1}, "overlap must be at least 0, not -0.1"),
        ({"window": (4, 8, 8), "overlap": 1.0}, "overlap must be below 1, not 1.0"),
        ({"window": (4, 8, 8), "sw_batch_size": 0}, "sw_batch_size must be at least 1, not 0"),
        ({"window": (4, 8, 8), "blend": "max"}, "blend must be one of bump, constant, not max"),
    ],
)
def test_impossible_parameters_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises((NeurokitError, ValueError)) as raised:
        SlidingWindow(**parameters)
    assert str(raised.value) == message
