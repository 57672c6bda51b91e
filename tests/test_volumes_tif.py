"""TIFF files as programs write them: pages in runs, of reduced size, compressed, and odd ones."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from neurokit import NeurokitError, open_array

Array = NDArray[Any]


def _values(*shape: int, dtype: str = "uint8", seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)


def _one_by_one(path: Path, values: Array, byteorder: Any = None, **more: Any) -> None:
    with tifffile.TiffWriter(path, byteorder=byteorder) as file:
        for section in values:
            file.write(section, **more)


def _appended(path: Path, values: Array) -> None:
    for section in values:
        tifffile.imwrite(path, section, append=True)


def _two_stacks(path: Path, values: Array, **more: Any) -> None:
    with tifffile.TiffWriter(path) as file:
        file.write(values[:3], photometric="minisblack", **more)
        file.write(values[3:], photometric="minisblack", **more)


def _a_section_and_a_stack(path: Path, values: Array) -> None:
    with tifffile.TiffWriter(path) as file:
        file.write(values[0])
        file.write(values[1:], photometric="minisblack")


def _each_compressed_in_its_way(path: Path, values: Array) -> None:
    with tifffile.TiffWriter(path) as file:
        for section, compression in zip(values, [None, "zlib", "zlib", None, None], strict=True):
            file.write(section, compression=compression)


def _with_versions_of_reduced_size(path: Path, values: Array) -> None:
    with tifffile.TiffWriter(path) as file:
        for section in values:
            file.write(section, metadata=None)
            file.write(section[::2, ::2], subfiletype=1, metadata=None)
            file.write(section[::3, ::5], subfiletype=1, metadata=None)


def _pyramid(path: Path, values: Array) -> None:
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(values, subifds=1, metadata={"axes": "ZYX"}, photometric="minisblack")
        file.write(values[:, ::2, ::2], subfiletype=1, photometric="minisblack")


def _by_pillow(path: Path, values: Array) -> None:
    first, *others = map(Image.fromarray, values)
    first.save(path, save_all=True, append_images=others, compression="tiff_adobe_deflate")


WRITERS: dict[str, Callable[[Path, Array], object]] = {
    "one by one": _one_by_one,
    "one by one, compressed": lambda p, v: _one_by_one(p, v, compression="zlib"),
    "one by one, big endian": lambda p, v: _one_by_one(p, v, byteorder=">"),
    "one by one, in strips": lambda p, v: _one_by_one(p, v, rowsperstrip=2),
    "one by one, in tiles": lambda p, v: _one_by_one(p, v, tile=(16, 16)),
    "appended": _appended,
    "two stacks": _two_stacks,
    "two stacks, compressed": lambda p, v: _two_stacks(p, v, compression="zlib"),
    "a section and a stack": _a_section_and_a_stack,
    "each compressed in its way": _each_compressed_in_its_way,
    "with versions of reduced size": _with_versions_of_reduced_size,
    "a pyramid": _pyramid,
    "by Pillow": _by_pillow,
    "of one channel": lambda p, v: tifffile.imwrite(p, v[None], photometric="minisblack"),
    "of one sample": lambda p, v: tifffile.imwrite(p, v[..., None], photometric="minisblack"),
    "ImageJ of one channel": lambda p, v: tifffile.imwrite(p, v[None, :, None], imagej=True),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_all_pages_are_sections_in_the_order_of_the_file(
    tmp_path: Path, kind: str, dtype: str
) -> None:
    path, values = tmp_path / "p1.tif", _values(5, 12, 20, dtype=dtype)
    WRITERS[kind](path, values)
    stored = open_array(str(path))
    assert (stored.shape, stored.dtype) == (values.shape, values.dtype)
    for index in (
        ...,
        3,
        -1,
        slice(1, 4),
        slice(0, 5, 2),
        (slice(2, 4), 3, slice(4, 9)),
        (4, 2, 7),
    ):
        np.testing.assert_array_equal(stored[index], values[index])
    assert stored[2:2].shape == (0, 12, 20)


def test_a_reading_opens_no_more_pages_than_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, values = tmp_path / "p1.tif", _values(40, 6, 7)
    _one_by_one(path, values, compression="zlib")
    stored = open_array(str(path))
    unpacked = []
    asarray = tifffile.TiffPage.asarray

    def counted(page: tifffile.TiffPage) -> Any:
        unpacked.append(page.index)
        return asarray(page)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", counted)
    np.testing.assert_array_equal(stored[20:24, 2], values[20:24, 2])
    assert unpacked == [20, 21, 22, 23]


@pytest.mark.parametrize("odd", [1, 3, 7, 11])
@pytest.mark.parametrize(
    ("section", "words"),
    [
        (np.zeros((4, 6), np.uint8), "4 x 6 uint8"),
        (np.zeros((5, 4), np.uint8), "5 x 4 uint8"),
        (np.zeros((4, 5), np.int8), "4 x 5 int8"),
        (np.zeros((4, 5), np.float32), "4 x 5 float32"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"metadata": None}, {"compression": "zlib"}])
def test_pages_that_differ(
    tmp_path: Path, odd: int, section: Array, words: str, more: dict[str, Any]
) -> None:
    path = tmp_path / "p1.tif"
    with tifffile.TiffWriter(path) as file:
        for number in range(12):
            file.write(section if number == odd else _values(4, 5), **more)
    assert _error(str(path)) == (
        f"page {odd + 1} of {path} is {words}, and page 1 is 4 x 5 uint8; save only those that "
        f"belong together in one tif"
    )


def test_what_is_no_volume(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, _values(4, 5))
    assert _error(f"{path}::main") == f"a tif holds one image: write {path} without '::main'"
    tifffile.imwrite(path, _values(40, 48, 3), photometric="rgb")
    colours = f"{path} holds colours, not grey values; save one of its channels as a tif"
    assert _error(str(path)) == colours
    _one_by_one(path, _values(5, 40, 48, 3), photometric="rgb")
    assert _error(str(path)) == colours
    tifffile.imwrite(path, _values(5, 2, 4, 6), imagej=True, metadata={"axes": "ZCYX"})
    assert _error(str(path)) == (
        f"{path} has 4 axes, 5 x 2 x 4 x 6, where a volume has z, y, x; save one channel or time "
        f"of it alone"
    )
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        for _ in range(2):
            file.write(_values(3, 4, 5), photometric="minisblack", metadata={"axes": "ZYX"})
    assert _error(f"{tmp_path}/a.ome.tif") == (
        f"{tmp_path}/a.ome.tif holds 2 images; save one of them alone as a tif"
    )


@pytest.mark.parametrize("kind", ["one by one", "one by one, compressed", "by Pillow"])
def test_truncated_files_are_refused_at_open(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "p1.tif"
    WRITERS[kind](path, _values(5, 30, 40))
    whole = path.read_bytes()
    for kept in (0.3, 0.6, 0.9):
        path.write_bytes(whole[: int(len(whole) * kept)])
        assert _error(str(path)) == (
            f"{path} is truncated: it ends before its last page; copy it again"
        )


def test_a_compression_that_needs_another_package(tmp_path: Path) -> None:
    path = tmp_path / "p1.tif"
    first, *others = map(Image.fromarray, _values(5, 30, 40))
    first.save(path, save_all=True, append_images=others, compression="tiff_lzw")
    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from neurokit import NeurokitError, open_array\n"
        "try: open_array(sys.argv[1])\n"
        "except NeurokitError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert told.stdout == (
        f"{path} is compressed by LZW, which needs one more package: pip install imagecodecs\n"
    )


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_common_compressions(tmp_path: Path, compression: str) -> None:
    pytest.importorskip("imagecodecs", reason="the extra [tiff] is not installed")
    path, values = tmp_path / "p1.tif", _values(5, 30, 40, dtype="uint16")
    first, *others = map(Image.fromarray, values)
    first.save(path, save_all=True, append_images=others, compression=compression)
    np.testing.assert_array_equal(open_array(str(path))[...], values)


def _error(spec: str) -> str:
    with pytest.raises(NeurokitError) as caught:
        open_array(spec)
    return str(caught.value)
