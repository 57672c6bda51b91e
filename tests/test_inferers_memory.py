"""Inference within a bound of memory: blocks, what is read, what is stored, and the writer."""

from __future__ import annotations

import errno
import itertools
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from neurokit import (
    Channel,
    NeurokitError,
    Prediction,
    Volume,
    affinity_channels,
    freed_memory_kept,
)
from neurokit.components import inferers
from neurokit.components.decoders import Waterz
from neurokit.components.inferers import SlidingWindow
from neurokit.components.inferers.blocks import GIB, Limits, make_plan
from neurokit.components.inferers.grid import Axis
from neurokit.progress import listening

Size = tuple[int, int, int]
CHANNELS = (*affinity_channels([(1, 0, 0), (0, 2, 0), (0, 0, 2)]), Channel("sdt", "tanh"))
AFF3 = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1)])


class Pointwise(nn.Module):
    """Depends on the place within the window and on the voxel, bit by bit the same in any batch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        ramp = torch.linspace(-2, 2, image[0].numel()).reshape(image[0].shape)
        return torch.cat([image * (i + 1) - ramp * 0.5**i for i in range(self.channels)], dim=1)


def random_volume(shape: Size) -> Volume:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return Volume("random", image, (30.0, 6.0, 6.0), source="test")


def axes_of(shape: Size, window: Size, pad: Size, overlap: float) -> tuple[Axis, Axis, Axis]:
    z, y, x = (Axis(size, n, p, overlap) for size, n, p in zip(shape, window, pad, strict=True))
    return z, y, x


GRIDS = [
    ((5, 40, 43), (4, 8, 8), (0, 0, 0), 0.5),
    ((5, 40, 43), (4, 8, 8), (2, 11, 5), 0.5),
    ((3, 17, 90), (3, 5, 16), (1, 0, 3), 0.25),
    ((4, 30, 9), (4, 6, 16), (0, 2, 1), 0.7),
    ((2, 1, 1), (4, 8, 8), (0, 0, 0), 0.5),
]


@pytest.mark.parametrize(("shape", "window", "pad", "overlap"), GRIDS)
def test_windows_that_touch(shape: Size, window: Size, pad: Size, overlap: float) -> None:
    for axis in axes_of(shape, window, pad, overlap):
        for begin, end in itertools.combinations(range(axis.size + 1), 2):
            touching = [
                index
                for index, start in enumerate(axis.starts)
                if {*range(start, start + axis.window)}
                & {*range(begin + axis.before, end + axis.before)}
            ]
            assert list(axis.touching(begin, end)) == touching


@pytest.mark.parametrize("shift", [0, 1, -2, 3, 7, -20])
@pytest.mark.parametrize(("shape", "window", "pad", "overlap"), GRIDS)
def test_shares_of_windows_that_know_a_voxel_sum_to_one(
    shape: Size, window: Size, pad: Size, overlap: float, shift: int
) -> None:
    for axis in axes_of(shape, window, pad, overlap):
        total = np.zeros(len(axis.source))
        known = np.zeros(len(axis.source), bool)
        for index, share in enumerate(axis.shares("bump", shift)):
            total[axis.covered(index)] += share
            for i in range(axis.window):
                inside = 0 <= i - shift < axis.window
                known[axis.starts[index] + i] |= inside
                assert (share[i] > 0) == inside
        np.testing.assert_allclose(total, known, rtol=1e-6)
        np.testing.assert_array_equal(
            axis.known(shift), known[axis.before : axis.before + axis.size]
        )


@pytest.mark.parametrize("memory", [2.0e5, 3.0e5, 5.0e5, 1.0e6, 1.0e7])
@pytest.mark.parametrize(("shape", "window", "pad", "overlap"), GRIDS)
def test_blocks_tile_the_plane(
    shape: Size, window: Size, pad: Size, overlap: float, memory: float
) -> None:
    axes = axes_of(shape, window, pad, overlap)
    plan = make_plan(axes, Limits(memory, batch=3, channels=2, in_views=False))
    covered = np.zeros(shape[1:], int)
    for block in plan.blocks:
        covered[block.y, block.x] += 1
    assert (covered == 1).all()
    assert 1 <= plan.batch <= 3


def test_less_memory_takes_more_blocks_and_smaller_batches() -> None:
    axes = axes_of((100, 1024, 1024), (16, 224, 224), (8, 128, 128), 0.5)
    plans = [
        make_plan(axes, Limits(gib * GIB, batch=16, channels=12, in_views=True))
        for gib in (16, 4, 2, 1, 0.5)
    ]
    blocks = [len(plan.blocks) for plan in plans]
    batches = [plan.batch for plan in plans]
    assert blocks[:2] == [1, 1]
    assert batches[:2] == [16, 16]
    assert blocks == sorted(blocks)
    assert blocks[-1] > blocks[1]
    assert batches == sorted(batches, reverse=True)


@pytest.mark.parametrize("augmented", [False, True])
@pytest.mark.parametrize("pad", [(0, 0, 0), (2, 11, 5)])
def test_blocks_change_nothing_but_the_work(tmp_path: Path, pad: Size, augmented: bool) -> None:
    totals, results = [], []
    # Views that leave some of y2 and x2 unknown at the faces.
    views = inferers.TestTimeAugmentation(enabled=augmented, views=("yx", "zyx"))
    for memory_gib in (4.0, 0.0005, 0.0002):
        reports: list[tuple[str, int, int]] = []
        inferer = SlidingWindow(
            window=(4, 8, 8), pad=pad, memory_gib=memory_gib, test_time_augmentation=views
        )
        with listening(lambda *report, seen=reports: seen.append(report)):
            prediction = inferer.infer(
                Pointwise(len(CHANNELS)), CHANNELS, random_volume((6, 45, 61)), tmp_path / "out.h5"
            )
        _, done, total = reports[-1]
        assert done == total
        totals.append(total)
        results.append(prediction.values[...])
    assert totals[0] < totals[1] < totals[2]
    for result in results[1:]:  # but for the last bit, where vector instructions meet an end
        np.testing.assert_allclose(result, results[0], rtol=0, atol=5e-7)


def test_windows_that_show_mirrored_tissue_alone_are_left_out(tmp_path: Path) -> None:
    reports: list[int] = []
    with listening(lambda what, done, total: reports.append(total)):
        SlidingWindow(window=(2, 4, 4), overlap=0.0, pad=(0, 8, 4)).infer(
            Pointwise(1), AFF3[:1], random_volume((4, 8, 8)), tmp_path / "out.h5"
        )
    assert reports[-1] == 2 * 2 * 2


def test_of_the_image_only_what_a_block_needs_is_read(tmp_path: Path) -> None:
    shapes = []

    class Reluctant:
        def __init__(self, array: NDArray[np.uint8]) -> None:
            self.array, self.shape, self.dtype = array, array.shape, array.dtype

        def __getitem__(self, index: Any) -> Any:
            part = self.array[index]
            shapes.append(part.shape)
            return part

    array = np.asarray(random_volume((20, 64, 65)).image)
    lazy = Volume("lazy", Reluctant(array), (1.0, 1.0, 1.0), source="test")
    inferer = SlidingWindow(window=(4, 8, 8), memory_gib=0.0002)
    prediction = inferer.infer(nn.Identity(), (Channel("grey", "none"),), lazy, tmp_path / "out.h5")
    deepest, tallest, widest = (max(sizes) for sizes in zip(*shapes, strict=True))
    assert deepest == 4
    assert tallest * widest < 64 * 65 / 3
    np.testing.assert_allclose(prediction.values[0], array / 255, rtol=0, atol=1e-6)


def test_too_little_memory_says_how_much_it_takes(tmp_path: Path) -> None:
    volume, network = random_volume((20, 300, 300)), Pointwise(len(CHANNELS))

    def infer(memory_gib: float) -> Prediction:
        inferer = SlidingWindow(window=(16, 160, 160), memory_gib=memory_gib)
        return inferer.infer(network, CHANNELS, volume, tmp_path / "out.h5")

    with pytest.raises(NeurokitError) as raised:
        infer(0.01)
    assert str(raised.value) == (
        "inference takes 0.06 GiB at least, and has 0.01; raise inferer.memory_gib, or lower "
        "inferer.window"
    )
    assert not list(tmp_path.iterdir())
    infer(0.06)


@pytest.mark.parametrize("memory_gib", [0.0, -1.0])
def test_memory_must_be_positive(memory_gib: float) -> None:
    with pytest.raises(ValueError, match=rf"^memory_gib must be above 0, not {memory_gib}$"):
        SlidingWindow(window=(4, 8, 8), memory_gib=memory_gib)


def test_storage_in_few_bits(tmp_path: Path) -> None:
    volume, values = random_volume((5, 12, 13)), {}
    for storage in ("float32", "float16", "uint8"):
        inferer = SlidingWindow(window=(4, 8, 8), storage=storage)
        prediction = inferer.infer(Pointwise(3), AFF3, volume, tmp_path / f"{storage}.h5")
        assert prediction.values.dtype == storage
        selected = prediction.select(["x1", "z1"])
        assert selected.dtype == np.float32
        values[storage] = prediction.values[...]
        exact = values["float32"][[2, 0]]
        step = {"float32": 0.0, "float16": 2.0**-12, "uint8": 0.5 / 255}[storage]
        np.testing.assert_allclose(selected, exact, rtol=0, atol=step + 1e-7)
        assert Waterz().decode(prediction).shape == (5, 12, 13)
    np.testing.assert_array_equal(values["float16"], values["float32"].astype(np.float16))
    np.testing.assert_array_equal(values["uint8"], np.round(255 * values["float32"]))


def test_bytes_hold_probabilities_only(tmp_path: Path) -> None:
    with pytest.raises(NeurokitError) as raised:
        SlidingWindow(window=(4, 8, 8), storage="uint8").infer(
            Pointwise(4), CHANNELS, random_volume((4, 8, 8)), tmp_path / "out.h5"
        )
    assert str(raised.value) == (
        "storage 'uint8' holds values between 0 and 1, and those of the channel 'sdt' "
        "(activation tanh) may lie elsewhere; choose 'float16' or 'float32'"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("broken_write", [0, 5, -1])
def test_what_goes_wrong_while_writing_ends_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_write: int
) -> None:
    written = []
    pieces = 8 * len(CHANNELS)  # of two sections each, but the last ones

    def write(dataset: h5py.Dataset, place: Any, values: Any) -> None:
        written.append(place)
        if len(written) == (broken_write % pieces) + 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "out.h5"
    out.write_bytes(b"an earlier result")
    monkeypatch.setattr(h5py.Dataset, "__setitem__", write)
    with pytest.raises(NeurokitError) as raised:
        SlidingWindow(window=(4, 8, 8), overlap=0.5).infer(
            Pointwise(4), CHANNELS, random_volume((18, 12, 12)), out
        )
    assert str(raised.value) == (
        f"cannot write {out}: No space left on device; free some space or choose another place"
    )
    assert len(written) == (broken_write % pieces) + 1
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"an earlier result"]


@pytest.mark.parametrize("broken_read", [1, 3])
def test_what_goes_wrong_while_reading_ends_the_work(tmp_path: Path, broken_read: int) -> None:
    class Damaged:
        shape, dtype, reads = (18, 12, 12), np.dtype(np.uint8), 0

        def __getitem__(self, index: Any) -> Any:
            self.reads += 1
            if self.reads == broken_read:
                raise NeurokitError("image.h5 cannot be read; copy it again")
            return np.zeros(self.shape, self.dtype)[index]

    volume = Volume("damaged", Damaged(), (1.0, 1.0, 1.0), source="test")
    with pytest.raises(NeurokitError, match=r"^image\.h5 cannot be read; copy it again$"):
        SlidingWindow(window=(4, 8, 8)).infer(Pointwise(1), AFF3[:1], volume, tmp_path / "out.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("library", [object(), None])
def test_without_glibc_nothing_is_asked_of_the_allocator(
    monkeypatch: pytest.MonkeyPatch, library: object
) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: library)
    with freed_memory_kept():
        assert torch.ones(3).sum() == 3


def test_the_allocator_is_put_back_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    class Library:
        def mallopt(self, option: int, value: int) -> int:
            asked.append((option, value))
            return 1

        def malloc_trim(self, pad: int) -> int:
            asked.append((pad,))
            return 1

    monkeypatch.setattr("ctypes.CDLL", lambda name: Library())

    def work() -> None:
        with freed_memory_kept():
            assert asked == [(-4, 0), (-1, -1)]  # no mapping, no trimming
            raise MemoryError

    with pytest.raises(MemoryError):
        work()
    assert asked[2:] == [(-4, 65536), (-1, 64 * 2**20), (0,)]
