"""Arrays in tif, HDF5 and zarr files: what is read, and how damage is told."""

import multiprocessing
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from neurokit import NeurokitError, open_array, sections_of
from neurokit.volumes import StoredArray

Array = NDArray[Any]


def _values(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)


def _write_tif(path: Path, values: Array, **more: Any) -> None:
    tifffile.imwrite(path, values, photometric="minisblack", **more)


def _write_planes(path: Path, values: Array) -> None:
    _write_tif(path, values, planarconfig="separate", compression="zlib")


def _write_pages(path: Path, values: Array) -> None:
    with tifffile.TiffWriter(path) as file:
        for section in values:
            file.write(section, metadata=None, contiguous=False)


def _write_h5(path: Path, values: Array) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("main", data=values, chunks=True, compression="gzip")


def _write_zarr(path: Path, values: Array, zarr_format: Any = 3) -> None:
    zarr.create_array(
        path, data=values, chunks=(2, 3, 4), zarr_format=zarr_format, attributes={"unit": "nm"}
    )


WRITERS: dict[str, tuple[str, Callable[[Path, Array], object]]] = {
    "tif": ("a.tif", lambda p, v: _write_tif(p, v)),
    "big endian tif": ("a.tiff", lambda p, v: _write_tif(p, v, byteorder=">")),
    "bigtiff": ("a.tif", lambda p, v: _write_tif(p, v, bigtiff=True)),
    "compressed tif": ("a.tif", lambda p, v: _write_tif(p, v, compression="zlib")),
    "one page of planes": ("a.tif", lambda p, v: _write_planes(p, v)),
    "ImageJ tif": ("a.tif", lambda p, v: tifffile.imwrite(p, v, imagej=True)),
    "OME tif": ("a.ome.tif", lambda p, v: tifffile.imwrite(p, v, metadata={"axes": "ZYX"})),
    "separate pages": ("a.TIF", _write_pages),
    "h5": ("a.h5", _write_h5),
    "zarr 2": ("a.zarr", lambda p, v: _write_zarr(p, v, 2)),
    "zarr 3": ("a.zarr", _write_zarr),
}
INDICES: list[Any] = [
    ...,
    (),
    0,
    -1,
    slice(1, 4),
    slice(None, None, 2),
    (2, slice(1, 5), 3),
    (slice(0, 2), ..., slice(-3, None)),
    (..., 4),
    (-2, -1, np.int64(0)),
    slice(3, 3),
    slice(4, 1),
]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_format_reads_what_was_written(tmp_path: Path, kind: str, dtype: str) -> None:
    name, write = WRITERS[kind]
    values = _values((5, 7, 9), dtype)
    write(tmp_path / name, values)
    stored = open_array(str(tmp_path / name))
    assert isinstance(stored, StoredArray)
    assert stored.shape == values.shape
    assert stored.dtype == values.dtype
    assert stored.dtype.isnative
    for index in INDICES:
        part = stored[index]
        assert type(part) is np.ndarray
        assert part.dtype == values.dtype
        np.testing.assert_array_equal(part, values[index])


@pytest.mark.parametrize("kind", WRITERS)
def test_outside_and_odd_indices_are_refused(tmp_path: Path, kind: str) -> None:
    name, write = WRITERS[kind]
    write(tmp_path / name, _values((5, 4, 5), "uint8"))
    stored = open_array(str(tmp_path / name))
    for index in (5, -6, (0, 0, 5), (0, 0, 0, 0), slice(None, None, -1), [0, 1], 0.0, None):
        with pytest.raises(IndexError):
            stored[index]  # type: ignore[index]


@pytest.mark.parametrize("kind", WRITERS)
def test_stored_arrays_cross_into_other_processes(tmp_path: Path, kind: str) -> None:
    name, write = WRITERS[kind]
    values = _values((5, 5, 6), "uint8")
    write(tmp_path / name, values)
    stored = open_array(str(tmp_path / name))
    assert stored[0].sum() == values[0].sum()
    again = pickle.loads(pickle.dumps(stored))
    np.testing.assert_array_equal(again[...], values)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        sums = pool.map(stored.__getitem__, range(5))
    np.testing.assert_array_equal(np.stack(sums), values)


@pytest.mark.parametrize("kind", ["tif", "h5", "zarr 3"])
def test_source_changes_with_the_content(tmp_path: Path, kind: str) -> None:
    name, write = WRITERS[kind]
    path = tmp_path / name
    write(path, _values((5, 5, 6), "uint8"))
    first = open_array(str(path)).source
    assert first == open_array(str(path)).source
    assert str(path) in first
    changed = next(path.rglob("*.json")) if path.is_dir() else path
    os.utime(changed, ns=(1, 1))
    assert open_array(str(path)).source != first


def test_a_single_page_is_one_section(tmp_path: Path) -> None:
    values = _values((6, 7), "uint8")
    for compression in (None, "zlib"):
        tifffile.imwrite(
            tmp_path / "one.tif", values, photometric="minisblack", compression=compression
        )
        stored = open_array(str(tmp_path / "one.tif"))
        assert stored.shape == (1, 6, 7)
        np.testing.assert_array_equal(stored[...], values[None])


def test_attributes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _values((2, 3, 4), "uint8"), photometric="minisblack")
    _write_zarr(tmp_path / "a.zarr", _values((2, 3, 4), "uint8"))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["main"] = np.zeros(3)
        file["main"].attrs["unit"] = "nm"
    assert open_array(f"{tmp_path}/a.tif").attributes() == {}
    assert open_array(f"{tmp_path}/a.zarr").attributes() == {"unit": "nm"}
    assert open_array(f"{tmp_path}/a.h5").attributes() == {"unit": "nm"}


def test_arrays_inside_groups_are_found(tmp_path: Path) -> None:
    values = _values((2, 3, 4), "uint8")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volumes/raw"] = values
        file["volumes/labels"] = values + 1
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("volumes/raw", data=values)
    group.create_array("volumes/labels", data=values + 1)
    for name in ("a.h5", "a.zarr"):
        np.testing.assert_array_equal(open_array(f"{tmp_path}/{name}::volumes/raw")[...], values)
        labels = open_array(f"{tmp_path}/{name}::/volumes/labels/")
        np.testing.assert_array_equal(labels[...], values + 1)


def _error(spec: str) -> str:
    with pytest.raises(NeurokitError) as caught:
        open_array(spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.tif", "a.h5", "a.zarr"):
        assert _error(f"{tmp_path}/{name}") == f"file not found: {tmp_path}/{name}; check the path"
        assert _error(name) == f"file not found: {name} in {tmp_path}; check the path"
    (tmp_path / "file").write_bytes(b"")
    assert _error(f"{tmp_path}/file/a.tif").startswith("file not found: ")


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    assert _error("a.jpg") == (
        "unknown file type: a.jpg; the name must end in .tif, .tiff, .png, .h5, .hdf5, .hdf, .zarr"
    )
    for name in ("folder.tif", "folder.h5"):
        (tmp_path / name).mkdir()
        assert _error(f"{tmp_path}/{name}") == f"{tmp_path}/{name} is a folder; name a file"
    for name in ("text.tif", "text.h5", "text.zarr"):
        (tmp_path / name).write_text("IJ am no image")
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "empty.h5").write_bytes(b"")
    (tmp_path / "empty.zarr").mkdir()
    for name in ("text.tif", "empty.tif"):
        assert _error(f"{tmp_path}/{name}") == f"{tmp_path}/{name} is not a tif file"
    for name in ("text.h5", "empty.h5"):
        assert _error(f"{tmp_path}/{name}") == (
            f"{tmp_path}/{name} is not an HDF5 file, or its start is damaged"
        )
    assert _error(f"{tmp_path}/text.zarr") == f"{tmp_path}/text.zarr is a file; a zarr is a folder"
    assert _error(f"{tmp_path}/empty.zarr") == (
        f"{tmp_path}/empty.zarr is not a zarr: it has no metadata"
    )


@pytest.mark.parametrize("name", ["a.tif", "a.h5", "a.zarr"])
def test_no_permission(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.mkdir() if name.endswith("zarr") else path.write_bytes(b"")
        path.chmod(0)
        Path(folder).chmod(0o755)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)  # permissions do not bind root
            text = _error(str(path))
        finally:
            os.seteuid(user)
            path.chmod(0o700)
    assert text == f"no permission to read {path}; change its access rights"


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if "tif" in kind or "pages" in kind])
def test_a_truncated_tif_is_refused_at_open(tmp_path: Path, kind: str) -> None:
    name, write = WRITERS[kind]
    path = tmp_path / name
    write(path, _values((5, 30, 40), "uint8"))
    whole = path.read_bytes()
    for kept in (0.01, 0.3, 0.6, 0.9):
        path.write_bytes(whole[: int(len(whole) * kept)])
        text = _error(str(path))
        assert text.startswith(f"{path} is truncated: ") or text == f"{path} is not a tif file"


def test_a_tif_cut_in_its_last_page(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, _values((30, 40), "uint8"))
    path.write_bytes(path.read_bytes()[:-1])
    assert _error(str(path)) == (
        f"{path} is truncated: it ends before its last page; copy it again"
    )


def test_damaged_compressed_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    _write_tif(path, _values((5, 30, 40), "uint8"), compression="zlib")
    with tifffile.TiffFile(path) as file:
        last = file.pages[2].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[last : last + 50] = bytes(50)
    path.write_bytes(content)
    stored = open_array(str(path))
    assert stored[0].shape == (30, 40)
    with pytest.raises(NeurokitError, match=rf"^{path} cannot be read: .*; copy or write it again"):
        stored[2]


def test_missing_datasets(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("labels", "volumes/raw"):
            file[name] = np.zeros(3)
            group.create_array(name, data=np.zeros(3))
    for name in ("a.h5", "a.zarr"):
        path = tmp_path / name
        both = f"{name}::labels, {name}::volumes/raw"
        assert _error(str(path)) == f"{path} holds several arrays; choose one of {both}"
        assert _error(f"{path}::label") == (
            f"{path} holds no array 'label'; did you mean {path}::labels?"
        )
        assert _error(f"{path}::qqq") == f"{path} holds no array 'qqq'; it holds {both}"
        assert _error(f"{path}::vol") == f"{path} holds no array 'vol'; it holds {both}"
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file.create_group("g")
    zarr.open_group(tmp_path / "none.zarr", mode="w")
    for name in ("none.h5", "none.zarr"):
        assert _error(f"{tmp_path}/{name}") == f"{tmp_path}/{name} holds no array"
        assert _error(f"{tmp_path}/{name}::a") == (
            f"{tmp_path}/{name} holds no array 'a'; it holds no array at all"
        )
    _write_zarr(tmp_path / "one.zarr", np.zeros((2, 3, 4)))
    assert _error(f"{tmp_path}/one.zarr::a") == (
        f"{tmp_path}/one.zarr is one array: write it without '::a'"
    )


def test_a_truncated_h5_is_refused_at_open(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    _write_h5(path, _values((5, 30, 40), "uint8"))
    whole = path.read_bytes()
    for kept in (0.3, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * kept)])
        text = _error(str(path))
        assert text.startswith(f"{path} is truncated: ")
        assert text.endswith("; copy it again")


def test_a_damaged_chunk_is_told_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        values = _values((2, 30, 40), "uint8")
        data = file.create_dataset("main", data=values, chunks=(1, 30, 40), compression="gzip")
        place = data.id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[place.byte_offset : place.byte_offset + place.size] = bytes(place.size)
    path.write_bytes(content)
    stored = open_array(str(path))
    np.testing.assert_array_equal(stored[0], values[0])
    with pytest.raises(NeurokitError, match=rf"^{path}::main cannot be read: .*; copy or write"):
        stored[1]
    path.unlink()
    with pytest.raises(NeurokitError, match=rf"^{path}::main cannot be read: "):
        stored.attributes()


def test_damaged_zarrs(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    _write_zarr(path, _values((4, 3, 4), "uint8"))
    (path / "c/1/0/0").write_bytes(b"nothing")
    stored = open_array(str(path))
    assert stored[0].shape == (3, 4)
    with pytest.raises(NeurokitError, match=rf"^{path}:: cannot be read: .*; copy it again$"):
        stored[3]
    (path / "zarr.json").write_text("{")
    assert _error(str(path)).startswith(f"{path} is damaged: ")


def test_sections_of_behaves_like_a_slice(tmp_path: Path) -> None:
    values = _values((6, 7, 9), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    for array in (values, open_array(f"{tmp_path}/a.tif")):
        view = sections_of(array, 1, 5)
        assert view.shape == (4, 7, 9)
        assert view.dtype == np.uint8
        for index in INDICES:
            np.testing.assert_array_equal(view[index], values[1:5][index])
        with pytest.raises(IndexError):
            view[4]
        whole = sections_of(array, 0, 6)
        np.testing.assert_array_equal(whole[...], values)


@pytest.mark.parametrize(("start", "stop"), [(0, 7), (-1, 3), (3, 3), (4, 2)])
def test_sections_that_are_not_there(start: int, stop: int) -> None:
    with pytest.raises(NeurokitError) as caught:
        sections_of(np.zeros((6, 2, 2)), start, stop)
    assert str(caught.value) == (
        f"sections [{start}, {stop}) are not among the 6 there are; choose 0 <= start < stop <= 6"
    )


def test_places_inside_a_file_written_like_a_path(tmp_path: Path) -> None:
    (tmp_path / "a.zarr/volumes/raw").mkdir(parents=True)
    for name in ("a.zarr", "a.h5"):
        assert _error(f"{tmp_path}/{name}/volumes/raw") == (
            f"{tmp_path}/{name}/volumes/raw is a place in {tmp_path}/{name}: did you mean "
            f"{tmp_path}/{name}::volumes/raw?"
        )


def test_folders(tmp_path: Path) -> None:
    folder = tmp_path / "block"
    folder.mkdir()
    (folder / "notes.txt").touch()
    assert _error(str(folder)) == f"{folder} is a folder; name a file in it"
    for name in ("z1.png", "z2.png", "overview.tif"):
        (folder / name).touch()
    assert _error(str(folder)) == (
        f"{folder} is a folder; if its files are the sections of a volume, write '{folder}/*.png'"
    )
    _write_zarr(tmp_path / "labels", _values((2, 3, 4), "uint8"))
    assert _error(f"{tmp_path}/labels") == (
        f"{tmp_path}/labels is a folder; it is a zarr: rename it to labels.zarr"
    )


def test_an_h5_that_this_process_has_open(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    values = _values((3, 4, 5), "uint8")
    _write_h5(path, values)
    with h5py.File(path, "r"):
        np.testing.assert_array_equal(open_array(str(path))[1], values[1])
    stored = open_array(str(path))
    told = (
        f"{path} is open elsewhere for writing; close it, or, if what wrote it was killed, run "
        f"h5clear -s {path}"
    )
    with h5py.File(path, "r+"):
        assert _error(str(path)) == told
        with pytest.raises(NeurokitError) as caught:
            stored[0]
        assert str(caught.value) == told
    np.testing.assert_array_equal(stored[0], values[0])


def test_an_h5_that_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:  # which notes in the file that it is open
        file["main"] = np.zeros((2, 3, 4))
        file.flush()
        content = path.read_bytes()
    path.write_bytes(content)
    assert _error(str(path)) == (
        f"{path} is open elsewhere for writing; close it, or, if what wrote it was killed, run "
        f"h5clear -s {path}"
    )
