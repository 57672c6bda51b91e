"""Samples read from files, against those of held volumes and of padded arrays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import torch
import zarr
from numpy.typing import NDArray

from neurokit import NeurokitError, SampleRandom, Volume, open_array, sections_of
from neurokit.samples import Place, Samples

CPU = torch.device("cpu")
SIZE = (30.0, 6.0, 6.0)
SHAPE = (5, 23, 17)
Array = NDArray[Any]
Store = Callable[[Path, Array], str]


def _h5(path: Path, array: Array) -> str:
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file.create_dataset("main", data=array, chunks=(2, 8, 8), compression="gzip")
    return f"{path.with_suffix('.h5')}::main"


def _zarr(path: Path, array: Array) -> str:
    zarr.create_array(path.with_suffix(".zarr"), data=array, chunks=(3, 7, 7))
    return str(path.with_suffix(".zarr"))


def _tif(path: Path, array: Array) -> str:
    tifffile.imwrite(path.with_suffix(".tif"), array)
    return str(path.with_suffix(".tif"))


def _compressed_tif(path: Path, array: Array) -> str:
    tifffile.imwrite(path.with_suffix(".tif"), array, compression="zlib")
    return str(path.with_suffix(".tif"))


def _arrays(seed: int, shape: tuple[int, int, int] = SHAPE) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, shape).astype(np.uint8)
    return image, random.integers(-1, 40000, shape).astype(np.int32)


def _stored(folder: Path, store: Store, name: str, image: Array, labels: Array) -> Volume:
    return Volume(
        name,
        open_array(store(folder / f"{name}-image", image)),
        SIZE,
        open_array(store(folder / f"{name}-labels", labels)),
    )


def _volume(image: Any, labels: Any) -> Volume:
    return Volume("a", image, SIZE, labels)


def _requests(steps: int, batch: int = 3) -> Iterator[tuple[int, range]]:
    return ((step, range(batch)) for step in range(steps))


def _batches(
    samples: Samples, steps: int, seed: int = 7
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    drawn = samples.batches(seed, _requests(steps))
    return [(batch.image_BCZYX, batch.labels_BZYX) for batch, _ in drawn]


def _reading_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("neurokit-reading")]


def _assert_no_thread_reads() -> None:
    for thread in _reading_threads():
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize("store", [_h5, _zarr, _tif, _compressed_tif])
@pytest.mark.parametrize(
    ("patch", "pad"),
    [((2, 6, 5), (0, 0, 0)), ((3, 7, 9), (2, 4, 11)), ((9, 30, 41), (6, 26, 40))],
    ids=["within", "margin", "beyond the volume"],
)
def test_streamed_is_held_is_padded(
    tmp_path: Path, store: Store, patch: tuple[int, int, int], pad: tuple[int, int, int]
) -> None:
    shapes = {"a": SHAPE, "b": (6, 13, 19), "c": (5, 31, 11)}
    arrays = {name: _arrays(n, shape) for n, (name, shape) in enumerate(shapes.items())}
    volumes = [_stored(tmp_path, store, name, *arrays[name]) for name in shapes]
    streamed = Samples(volumes, patch, pad, CPU, memory_gib=0)
    held = Samples(volumes, patch, pad, CPU, memory_gib=1)
    assert streamed.streamed == ("a", "b", "c")
    assert held.streamed == ()
    padded = {
        name: [np.pad(array, [(p, p) for p in pad], mode="reflect") for array in pair]
        for name, pair in arrays.items()
    }
    names = set()
    pairs = zip(_batches(streamed, 7), _batches(held, 7), strict=True)
    for step, ((image, labels), (held_image, held_labels)) in enumerate(pairs):
        assert torch.equal(image, held_image)
        assert torch.equal(labels, held_labels)
        assert labels.dtype == held_labels.dtype == torch.int32
        for b, place in enumerate(streamed.places(SampleRandom(7, step, range(3), CPU))):
            corner = [start + p for start, p in zip(place.corner, pad, strict=True)]
            cut = tuple(slice(c, c + p) for c, p in zip(corner, patch, strict=True))
            true_image, true_labels = (array[cut] for array in padded[place.volume])
            np.testing.assert_array_equal(labels[b], true_labels)
            np.testing.assert_allclose(image[b, 0], true_image / np.float32(255), rtol=1e-6)
            names.add(place.volume)
    assert len(names) > 1


@pytest.mark.parametrize("dtype", ["uint8", "int8", ">u2", "<i4", "float16", ">f4", "float64"])
def test_grey_values_of_any_type(tmp_path: Path, dtype: str) -> None:
    grey = np.random.default_rng(3).integers(-100, 100, SHAPE)
    image = (grey + 100 if "u" in dtype else grey).astype(dtype)
    labels = _arrays(0)[1]
    if np.dtype(dtype).byteorder == ">":
        stored = _volume(image, labels)
    else:
        stored = _stored(tmp_path, _h5, "a", image, labels)
    low, high = (0, 255) if dtype == "uint8" else (float(image.min()), float(image.max()))
    streamed = Samples([stored], SHAPE, (0, 0, 0), CPU, memory_gib=0)
    held = Samples([stored], SHAPE, (0, 0, 0), CPU, memory_gib=1)
    ((one, _),), ((other, _),) = _batches(streamed, 1), _batches(held, 1)
    assert torch.equal(one, other)
    np.testing.assert_allclose(one[0, 0], (image.astype(float) - low) / (high - low), atol=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32"])
def test_ids_within_32_bits_are_kept(tmp_path: Path, dtype: str) -> None:
    limits = np.iinfo(dtype)
    random = np.random.default_rng(4)
    labels = random.integers(max(-1, limits.min), limits.max, SHAPE, endpoint=True).astype(dtype)
    stored = _stored(tmp_path, _h5, "a", _arrays(0)[0], labels)
    for memory in (0, 1):
        ((_, cut),) = _batches(Samples([stored], SHAPE, (0, 0, 0), CPU, memory), 1)
        np.testing.assert_array_equal(cut[0], labels)


@pytest.mark.parametrize(
    ("ids", "dtype"),
    [
        ([-1, 0, 1, 2**31 - 1, 2**31, 2**40, 2**63 - 1], "int64"),
        ([0, 1, 2**31, 2**63, 2**64 - 1], "uint64"),
        ([0, 2**31, 2**32 - 1], "uint32"),
        ([-(2**63), -(2**40), -5, -1, 0, 3, 2**62], "int64"),
        ([-(2**63), -7, -1, 0, 3], "int64"),
    ],
)
@pytest.mark.parametrize("store", [_h5, _zarr])
def test_huge_ids_stay_apart(tmp_path: Path, store: Store, ids: list[int], dtype: str) -> None:
    labels = np.random.default_rng(5).choice(np.array(ids, dtype), SHAPE)
    stored = _stored(tmp_path, store, "a", _arrays(0)[0], labels)
    for memory in (0, 1):
        samples = Samples([stored], (2, 9, 8), (1, 3, 2), CPU, memory)
        padded = np.pad(labels, [(1, 1), (3, 3), (2, 2)], mode="reflect")
        for step, (_, cut_labels) in enumerate(_batches(samples, 4)):
            for b, place in enumerate(samples.places(SampleRandom(7, step, range(3), CPU))):
                z, y, x = (c + p for c, p in zip(place.corner, (1, 3, 2), strict=True))
                true = padded[z : z + 2, y : y + 9, x : x + 8]
                cut = cut_labels[b].numpy()
                pairs = {(int(t), int(c)) for t, c in zip(true.ravel(), cut.ravel(), strict=True)}
                for number, became in pairs:
                    assert became == max(number, -1) if number <= 0 else became > 0
                objects = [(t, c) for t, c in pairs if t > 0]
                assert len({t for t, _ in objects}) == len({c for _, c in objects}) == len(objects)


def test_volumes_are_held_in_their_order_while_they_fit(tmp_path: Path) -> None:
    names = {"a": (5, 20, 20), "b": (5, 40, 40), "c": (5, 20, 10)}
    volumes = [
        _stored(tmp_path, _h5, name, *_arrays(n, shape))
        for n, (name, shape) in enumerate(names.items())
    ]
    of_a, of_c = (5 * 20 * 20 * 5, 5 * 20 * 10 * 5)  # 1 byte of image and 4 of labels a voxel
    patch, pad = (3, 8, 8), (1, 2, 2)
    expected = _batches(Samples(volumes, patch, pad, CPU, 1), 6)
    for memory, streamed in [
        (of_a + of_c, ("b",)),
        (of_a + of_c - 1, ("b", "c")),
        (of_a - 1, ("a", "b")),
        (0, ("a", "b", "c")),
    ]:
        samples = Samples(volumes, patch, pad, CPU, memory / 2**30)
        assert samples.streamed == streamed
        for one, other in zip(_batches(samples, 6), expected, strict=True):
            assert torch.equal(one[0], other[0])
            assert torch.equal(one[1], other[1])


def test_half_of_the_free_memory_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = _stored(tmp_path, _h5, "a", *_arrays(0))
    needed = 5 * 23 * 17 * 5
    for free, streamed in [(2 * needed, ()), (2 * needed - 2, ("a",))]:
        monkeypatch.setattr("neurokit.samples.drawing.free_memory", lambda device, free=free: free)
        assert Samples([volume], (1, 1, 1), (0, 0, 0), CPU).streamed == streamed


def test_sections_of_a_file(tmp_path: Path) -> None:
    image, labels = _arrays(0, (9, 12, 11))
    whole = _stored(tmp_path, _h5, "a", image, labels)
    assert whole.labels is not None
    part = Volume("a", sections_of(whole.image, 2, 7), SIZE, sections_of(whole.labels, 2, 7))
    alone = _volume(image[2:7], labels[2:7])
    one = _batches(Samples([part], (3, 5, 5), (1, 1, 1), CPU, memory_gib=0), 3)
    other = _batches(Samples([alone], (3, 5, 5), (1, 1, 1), CPU), 3)
    for (image_BCZYX, labels_BZYX), expected in zip(one, other, strict=True):
        assert torch.equal(image_BCZYX, expected[0])
        assert torch.equal(labels_BZYX, expected[1])


class Watched:
    """An array that remembers which parts were read, and by whom."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype = array.dtype
        self.reads: list[tuple[str, tuple[int, ...]]] = []

    def __getitem__(self, index: Any) -> Any:
        part = self.array[index]
        self.reads.append((threading.current_thread().name, part.shape))
        return part


def test_threads_read_no_more_than_patches() -> None:
    image, labels = (Watched(array) for array in _arrays(0))
    samples = Samples([_volume(image, labels)], (3, 9, 8), (2, 7, 5), CPU, 0)
    assert not image.reads
    # Once up to the first object, and once for what is known.
    assert [shape for _, shape in labels.reads] == [(5, 23, 17)] * 2
    labels.reads.clear()
    _batches(samples, 10)
    for watched in (image, labels):
        assert len(watched.reads) == 30
        for reader, shape in watched.reads:
            assert reader.startswith("neurokit-reading")
            assert all(read <= edge for read, edge in zip(shape, (3, 9, 8), strict=True))


@pytest.mark.parametrize(("memory", "ahead"), [(0, 4), (1, 0)], ids=["streamed", "held"])
def test_requests_are_taken_as_they_are_needed(memory: float, ahead: int) -> None:
    taken = []

    def requests() -> Iterator[tuple[int, Sequence[int]]]:
        for step in count():
            taken.append(step)
            yield step, [0, 1]

    image, labels = (Watched(array) for array in _arrays(0))
    samples = Samples([_volume(image, labels)], (3, 9, 8), (0, 0, 0), CPU, memory)
    batches = samples.batches(7, requests())
    assert not taken
    for step in range(5):
        next(batches)
        assert taken == list(range(step + 1 + ahead))
    batches.close()
    _assert_no_thread_reads()


def test_a_batch_does_not_depend_on_what_is_read_ahead() -> None:
    image, labels = _arrays(0)
    of_files = _volume(Watched(image), Watched(labels))
    streamed = Samples([of_files], (3, 9, 8), (1, 4, 4), CPU, 0)
    held = Samples([_volume(image, labels)], (3, 9, 8), (1, 4, 4), CPU)
    requests = [(9, [4]), (2, [0, 1, 2]), (9, [3, 4, 5]), (-1, [7]), (2, [1]), (3, [0]), (2, [1])]
    for length in range(1, len(requests) + 1):
        for (step, indices), (batch, random) in zip(
            requests[:length], streamed.batches(3, requests[:length]), strict=True
        ):
            fresh = SampleRandom(3, step, indices, CPU)
            alone = held.batch(fresh)
            assert torch.equal(batch.image_BCZYX, alone.image_BCZYX)
            assert torch.equal(batch.labels_BZYX, alone.labels_BZYX)
            assert torch.equal(random.normal(5), fresh.normal(5))


def _damage_a_chunk(spec: str, chunk: int) -> None:
    path = spec.partition("::")[0]
    with h5py.File(path) as file:
        place = file["main"].id.get_chunk_info(chunk)
    with Path(path).open("r+b") as raw:
        raw.seek(place.byte_offset)
        raw.write(b"\xff" * place.size)


def test_a_damaged_chunk_ends_the_batches_where_it_is_needed(tmp_path: Path) -> None:
    image, labels = _arrays(0)
    volume = _stored(tmp_path, _h5, "a", image, labels)
    spec = f"{tmp_path}/a-image.h5::main"
    samples = Samples([volume], (2, 6, 5), (0, 0, 0), CPU, memory_gib=0)
    expected = _batches(Samples([volume], (2, 6, 5), (0, 0, 0), CPU), 60)
    _damage_a_chunk(spec, 4)  # z 0-1, y 8-15, x 8-15
    touched = [
        step
        for step in range(60)
        for place in samples.places(SampleRandom(7, step, range(3), CPU))
        if place.corner[0] < 2 and 2 < place.corner[1] < 16 and 3 < place.corner[2] < 16
    ]
    batches = samples.batches(7, _requests(60))
    for step in range(touched[0]):
        batch, _ = next(batches)
        assert torch.equal(batch.image_BCZYX, expected[step][0])
    with pytest.raises(NeurokitError) as error:
        next(batches)
    assert str(error.value).startswith(f"{spec} cannot be read: ")
    assert str(error.value).endswith("; copy or write the file again")
    _assert_no_thread_reads()


@pytest.mark.parametrize("how", ["exhausted", "closed", "dropped", "broken off", "interrupted"])
def test_reading_ends_with_the_iteration(how: str) -> None:
    samples = Samples([_volume(*map(Watched, _arrays(0)))], (2, 6, 5), (0, 0, 0), CPU, 0)

    def interrupted() -> Iterator[tuple[int, Sequence[int]]]:
        yield from _requests(6)
        raise KeyboardInterrupt

    def breaks_off() -> None:
        for _ in samples.batches(7, _requests(100)):
            raise ZeroDivisionError

    if how == "broken off":
        with pytest.raises(ZeroDivisionError):
            breaks_off()
    elif how == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            list(samples.batches(7, interrupted()))
    else:
        batches = samples.batches(7, _requests(6 if how == "exhausted" else 100))
        next(batches)
        assert _reading_threads()
        if how == "exhausted":
            assert len(list(batches)) == 5
        elif how == "closed":
            batches.close()
        else:
            del batches
    _assert_no_thread_reads()


@pytest.mark.parametrize("label", [0, -1])
def test_streamed_labels_without_an_object_are_refused(label: int) -> None:
    labels = np.full(SHAPE, label, np.int64)
    volume = _volume(_arrays(0)[0], labels)
    with pytest.raises(NeurokitError) as error:
        Samples([volume], (1, 1, 1), (0, 0, 0), CPU, memory_gib=0)
    assert str(error.value) == (
        "the labels of the training volume 'a' hold no object, only background (0) or what is to "
        "be ignored (-1)"
    )
    labels[-1, -1, -1] = 2**40
    Samples([volume], (1, 1, 1), (0, 0, 0), CPU, memory_gib=0)


def test_a_streamed_voxel(tmp_path: Path) -> None:
    one = (1, 1, 1)
    volume = _stored(tmp_path, _h5_whole, "a", np.full(one, 255, "u1"), np.full(one, 2**50))
    ((images, labels),) = _batches(Samples([volume], (3, 3, 3), one, CPU, 0), 1)
    assert (images == 1).all()
    assert (labels == 1).all()


def _h5_whole(path: Path, array: Array) -> str:
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file["main"] = array
    return f"{path.with_suffix('.h5')}::main"


def test_a_place_in_words() -> None:
    assert str(Place("train", (3, 20, -45))) == "volume 'train' at z 3, y 20, x -45"
