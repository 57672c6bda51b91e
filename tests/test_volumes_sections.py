"""Volumes of which each section is a file of its own."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from neurokit import NeurokitError, open_array

Array = NDArray[Any]
NUMBERS = [2, 10, 9, 1, 100, 11]


def _values(dtype: str = "uint8") -> Array:
    return np.random.default_rng(7).integers(0, 200, (6, 12, 20)).astype(dtype)


def _write(folder: Path, values: Array, suffix: str) -> None:
    """Sections named z1, z2, z9, z10, z11 and z100, written in another order."""
    for number in NUMBERS:
        path, section = folder / f"z{number}{suffix}", values[sorted(NUMBERS).index(number)]
        if suffix == ".png":
            Image.fromarray(section).save(path)
        else:
            tifffile.imwrite(path, section, compression="zlib" if number % 2 else None)


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (".tif", "uint8"),
        (".TIFF", "float32"),
        (".png", "uint8"),
        (".png", "uint16"),
    ],
)
def test_a_pattern_reads_sections_as_people_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, dtype: str
) -> None:
    values = _values(dtype)
    _write(tmp_path, values, suffix)
    (tmp_path / "notes.txt").touch()
    monkeypatch.chdir(tmp_path)
    for pattern in (f"{tmp_path}/*{suffix}", f"z*{suffix}", f"z*[0-9]{suffix}"):
        stored = open_array(pattern)
        assert (stored.shape, stored.dtype) == (values.shape, values.dtype)
        assert stored.place == pattern
        for index in (
            ...,
            3,
            slice(1, 4),
            slice(0, 6, 2),
            (slice(2, 4), 3, slice(4, 9)),
            (4, 2, 7),
        ):
            part = stored[index]
            assert type(part) is np.ndarray
            assert part.dtype == dtype
            np.testing.assert_array_equal(part, values[index])
        assert stored[2:2].shape == (0, 12, 20)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(stored))[1], values[1])


def test_one_png_is_one_section(tmp_path: Path) -> None:
    Image.fromarray(_values()[0]).save(tmp_path / "a.png")
    stored = open_array(f"{tmp_path}/a.png")
    np.testing.assert_array_equal(stored[...], _values()[:1])
    assert _error(f"{tmp_path}/a.png::main") == (
        f"a png holds one image: write {tmp_path}/a.png without '::main'"
    )


def test_a_file_may_be_named_like_a_pattern(tmp_path: Path) -> None:
    values = _values()
    tifffile.imwrite(tmp_path / "block[1].tif", values, photometric="minisblack")
    np.testing.assert_array_equal(open_array(f"{tmp_path}/block[1].tif")[...], values)


def test_source_changes_with_any_of_the_files(tmp_path: Path) -> None:
    _write(tmp_path, _values(), ".tif")
    pattern = f"{tmp_path}/*.tif"
    sources = [open_array(pattern).source]
    assert sources[0] == open_array(pattern).source
    os.utime(tmp_path / "z10.tif", ns=(1, 1))
    sources.append(open_array(pattern).source)
    (tmp_path / "z100.tif").rename(tmp_path / "z101.tif")
    sources.append(open_array(pattern).source)
    (tmp_path / "z1.tif").unlink()
    sources.append(open_array(pattern).source)
    assert len(set(sources)) == 4


def test_only_the_sections_that_are_asked_for_are_read(tmp_path: Path) -> None:
    _write(tmp_path, _values(), ".png")
    stored = open_array(f"{tmp_path}/*.png")
    (tmp_path / "z11.png").unlink()
    np.testing.assert_array_equal(stored[:4], _values()[:4])
    with pytest.raises(NeurokitError, match=rf"^{tmp_path}/z11.png cannot be read: "):
        stored[4]


def test_no_file_matches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _error("gone/*.tif") == f"no file matches gone/*.tif in {tmp_path}; check the path"
    assert _error(f"{tmp_path}/*.tif") == f"no file matches {tmp_path}/*.tif; check the path"


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_sections_that_differ(tmp_path: Path, suffix: str) -> None:
    _write(tmp_path, _values(), suffix)
    for odd, words in (
        (_values()[0, 1:], "11 x 20 uint8"),
        (_values("uint16")[0], "12 x 20 uint16"),
    ):
        if suffix == ".png":
            Image.fromarray(odd).save(tmp_path / "z10.png")
        else:
            tifffile.imwrite(tmp_path / "z10.tif", odd)
        assert _error(f"{tmp_path}/*{suffix}") == (
            f"{tmp_path}/z10{suffix} is {words}, and {tmp_path}/z1{suffix} is 12 x 20 uint8; the "
            f"sections of {tmp_path}/*{suffix} must be of one size and type: leave out what is none"
        )


def test_what_is_no_section(tmp_path: Path) -> None:
    _write(tmp_path, _values(), ".tif")
    tifffile.imwrite(tmp_path / "z50.tif", _values(), photometric="minisblack")
    assert _error(f"{tmp_path}/*.tif") == (
        f"{tmp_path}/z50.tif holds 6 sections, and must hold one where each has a file of its own; "
        f"name the file alone"
    )
    (tmp_path / "z50.tif").unlink()
    (tmp_path / "Thumbs.db").touch()
    assert _error(f"{tmp_path}/*") == (
        f"{tmp_path}/Thumbs.db cannot be a section: those are .tif, .tiff, .png files; choose them "
        f"by a pattern such as '{tmp_path}/*.tif'"
    )
    (tmp_path / "z51.tif").mkdir()
    assert _error(f"{tmp_path}/*.tif") == f"{tmp_path}/z51.tif is a folder; name a file"


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("1", "black and white alone"),
        ("P", "colours of a palette"),
        ("RGB", "colours"),
        ("RGBA", "colours"),
        ("LA", "transparency"),
    ],
)
def test_pngs_that_hold_no_numbers(tmp_path: Path, mode: str, words: str) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(_values()[0]).convert(mode).save(path)
    assert _error(str(path)) == (
        f"{path} holds no grey values or ids of 8 or 16 bits, but {words}; save it again in "
        f"shades of grey"
    )


def test_damaged_pngs(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(_values()[0]).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    text = _error(str(path))
    assert text.startswith(f"{path} cannot be read: ")
    assert text.endswith("; copy or write it again")
    for content in (b"", b"no image"):
        path.write_bytes(content)
        assert _error(str(path)) == f"{path} is not a png file, or its start is damaged"


def _error(spec: str) -> str:
    with pytest.raises(NeurokitError) as caught:
        open_array(spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)
