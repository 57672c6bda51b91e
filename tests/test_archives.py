"""The archives that come with neurokit, and what the conformance suite demands of any."""

from __future__ import annotations

import hashlib
import io
import shlex
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
import tifffile
from attrs import frozen
from click.testing import CliRunner
from serving import Served, serving
from violations import violated

from neurokit import Archive, NeurokitError, RemoteFile, param
from neurokit.cli import main
from neurokit.components.archives import fib25
from neurokit.components.archives.fib25 import Fib25
from neurokit.components.archives.snemi3d import Snemi3d
from neurokit.fetching import plan_fetch
from neurokit.registry import installed
from neurokit.testing import conform

ARCHIVES = [each for each in installed().offers if each.kind == "archive"]


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as server:
        yield server


# SNEMI3D


def _tif(array: np.ndarray[Any, Any]) -> bytes:
    written = io.BytesIO()
    tifffile.imwrite(written, array, photometric="minisblack")
    return written.getvalue()


def _snemi(folder: str, shape: tuple[int, int, int] = (4, 6, 8)) -> tuple[bytes, dict[str, Any]]:
    """A zip archive as that of the challenge, smaller, and what it holds."""
    random = np.random.default_rng(3)
    held: dict[str, np.ndarray[Any, Any]] = {
        "train-input.tif": random.integers(0, 256, shape).astype(np.uint8),
        "train-labels.tif": random.integers(0, 400, shape).astype(np.uint16),
        "test-input.tif": random.integers(0, 256, shape).astype(np.uint8),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in held.items():
            archive.writestr(f"{folder}{name}", _tif(array))
        archive.writestr(f"{folder}readme.txt", "hello")
    return packed.getvalue(), held


def _with_checksum(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """Let the archive expect the small file in place of the real one."""
    true = Snemi3d.files

    def files(archive: Snemi3d) -> tuple[RemoteFile, ...]:
        (file,) = true(archive)
        assert file.checksum == "md5:3d25a7025f66698f33c7850ace885939"
        checksum = f"md5:{hashlib.md5(body).hexdigest()}"
        return (RemoteFile(url=file.url, path=file.path, checksum=checksum),)

    monkeypatch.setattr(Snemi3d, "files", files)


@pytest.mark.parametrize("folder", ["", "snemi/", "a/b c/"])
def test_snemi3d_lies_where_the_recipe_looks(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    served.files["snemi.zip"], held = _snemi(folder)
    _with_checksum(monkeypatch, served.files["snemi.zip"])
    done = CliRunner().invoke(main, ["fetch", "snemi3d", f"url={served.url}/snemi.zip"])
    assert done.exit_code == 0, done.output
    for name, array in held.items():
        assert np.array_equal(tifffile.imread(tmp_path / "datasets/SNEMI" / name), array)
    for needed in (
        "CC BY 4.0",
        "10.5281/zenodo.7142003",
        "labels of the test volume are not public",
    ):
        assert needed in done.stdout


def test_another_file_is_not_taken_for_snemi3d(served: Served, tmp_path: Path) -> None:
    served.files["snemi.zip"], _ = _snemi("")
    with pytest.raises(NeurokitError, match="is wrong and was removed: expected md5:3d25a7025f66"):
        plan_fetch(Snemi3d(url=f"{served.url}/snemi.zip"), tmp_path).carry_out()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", Snemi3d.commands)
def test_what_can_be_done_with_snemi3d(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("datasets/SNEMI")
    folder.mkdir(parents=True)
    random = np.random.default_rng(3)
    for name in Snemi3d.contents:
        dtype = np.uint16 if "labels" in name else np.uint8
        tifffile.imwrite(folder / name, random.integers(0, 200, (100, 256, 256)).astype(dtype))
    _, run, *arguments = shlex.split(Snemi3d.commands[what])
    assert run == "run"
    small = ["model.widths=[2,2,2,2,2]", "train.patch_size=[16,64,64]", "train.pad=[2,8,8]"]
    done = CliRunner().invoke(main, ["check", *arguments, *small])
    assert done.exit_code == 0, done.output
    assert "the recipe is ready to run" in done.stdout
    unscored = "unscored" in what
    sections = {"train": 100 if unscored else 80, "test": 100 if unscored else 20}
    lines = [line.split() for line in done.stdout.splitlines()]
    found = {line[0]: int(line[2]) for line in lines if line and line[0] in sections}
    assert found == sections
    (test,) = (line for line in done.stdout.splitlines() if line.startswith("test "))
    assert ("without labels" in test) == unscored


# FIB-25


def _h5(**datasets: np.ndarray[Any, Any]) -> bytes:
    written = io.BytesIO()
    with h5py.File(written, "w") as file:
        for name, array in datasets.items():
            file[name] = array
    return written.getvalue()


def _fib25(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    raw: bytes,
    labels: bytes,
    sections: tuple[tuple[int, int], tuple[int, int]] = ((0, 6), (6, 9)),
) -> Fib25:
    bodies = {"grayscale_maps.h5": raw, "groundtruth.h5": labels}
    served.files |= {f"training_sample2/{name}": body for name, body in bodies.items()}
    checksums = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
    monkeypatch.setattr(fib25, "_CHECKSUMS", checksums)
    return Fib25(bucket=served.url, train_sections=sections[0], validation_sections=sections[1])


def _read(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    with h5py.File(path) as file:
        assert list(file["raw"].attrs["resolution_nm"]) == [10, 10, 10]
        return file["raw"][...], file["labels"][...]


@pytest.mark.parametrize("mapped", [True, False])
def test_fib25_becomes_two_blocks(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    random = np.random.default_rng(11)
    raw = random.integers(0, 256, (11, 7, 5)).astype(np.uint8)
    ids = np.array([0, 3, 17, 2**40, 2**40 + 1, 9], np.uint64)
    stack = ids[random.integers(0, len(ids), raw.shape)]
    pairs = np.array([[2**40, 3], [17, 99], [9, 0], [12345, 3], [0, 7]], np.uint64)
    datasets = {"stack": stack} | ({"transforms": pairs} if mapped else {})
    archive = _fib25(served, monkeypatch, _h5(raw=raw), _h5(**datasets))
    plan_fetch(archive, tmp_path).carry_out()
    known = dict(pairs.tolist()) if mapped else {}
    body_of = {int(id_): known.get(int(id_), int(id_)) for id_ in ids}
    body_of[0] = 0
    number_of = {body: n for n, body in enumerate(sorted(set(body_of.values())))}
    wanted = np.array([number_of[body_of[int(id_)]] for id_ in stack.ravel()]).reshape(stack.shape)
    for name, part in {"train.h5": slice(0, 6), "validation.h5": slice(6, 9)}.items():
        found_raw, found_labels = _read(tmp_path / name)
        assert found_raw.dtype == np.uint8
        assert found_labels.dtype == np.uint16
        assert np.array_equal(found_raw, raw[part])
        assert np.array_equal(found_labels, wanted[part])


def test_fib25_without_background(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More labels than 16 bits tell apart, and no 0 among them."""
    stack = np.arange(5, 5 + 9 * 90 * 90, dtype=np.uint32).reshape(9, 90, 90)
    archive = _fib25(
        served, monkeypatch, _h5(raw=np.zeros((9, 90, 90), np.uint8)), _h5(stack=stack)
    )
    plan_fetch(archive, tmp_path).carry_out()
    _, labels = _read(tmp_path / "validation.h5")
    assert labels.dtype == np.uint32
    assert np.array_equal(labels, stack[6:9] - 4)


@pytest.mark.parametrize(
    ("raw", "labels", "sections", "error"),
    [
        (
            {"raw": np.zeros((9, 4, 4))},
            {"stack": np.zeros((9, 4, 5), int)},
            ((0, 6), (6, 9)),
            r"grey values of FIB-25 have shape \(9, 4, 4\), and its labels \(9, 4, 5\)",
        ),
        (
            {"raw": np.zeros((8, 4, 4))},
            {"stack": np.zeros((8, 4, 4), int)},
            ((0, 6), (6, 9)),
            "sections 6 to 9 are asked for, and FIB-25 has 8",
        ),
        (
            {"grey": np.zeros((9, 4, 4))},
            {"stack": np.zeros((9, 4, 4), int)},
            ((0, 6), (6, 9)),
            "grayscale_maps.h5 is damaged, or holds no dataset 'raw'",
        ),
        (
            {"raw": np.zeros((9, 4))},
            {"stack": np.zeros((9, 4), int)},
            ((0, 6), (6, 9)),
            r"raw of .* has shape \(9, 4\); it must have 3 axes",
        ),
        (
            {"raw": np.zeros((9, 4, 4))},
            {"stack": np.zeros((9, 4, 4), int), "transforms": np.zeros((3, 3), int)},
            ((0, 6), (6, 9)),
            r"transforms of .* has shape \(3, 3\); it must be pairs",
        ),
    ],
)
def test_fib25_that_is_not_as_it_should_be(
    served: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raw: dict[str, Any],
    labels: dict[str, Any],
    sections: Any,
    error: str,
) -> None:
    archive = _fib25(served, monkeypatch, _h5(**raw), _h5(**labels), sections)
    with pytest.raises(NeurokitError, match=error):
        plan_fetch(archive, tmp_path).carry_out()
    assert not [each for each in tmp_path.iterdir() if not each.name.startswith(".")]


def test_sections_of_fib25_that_are_none() -> None:
    with pytest.raises(NeurokitError, match=r"validation_sections \[9, 9\] are none"):
        Fib25(validation_sections=(9, 9))


# What is said of them all


@pytest.mark.parametrize("offer", ARCHIVES, ids=lambda offer: offer.name)
def test_recipes_look_where_data_are_put(offer: Any) -> None:
    archive: Any = installed().load(offer)
    commands = list(archive.commands.values())
    assert any(command.startswith("neurokit run ") for command in commands)
    for command in commands:
        assert shlex.split(command)[0] == "neurokit"


@frozen(kw_only=True)
class Sound(Archive):
    """Nothing is wrong about it."""

    licence: ClassVar[str] = "CC0"
    citation: ClassVar[str] = "nobody"
    page: ClassVar[str] = "https://example.org"
    folder: ClassVar[str] = "datasets/sound"
    size: ClassVar[str] = "little"

    url: str = param("https://example.org/a", help="of the file")

    def files(self) -> list[RemoteFile]:
        return [RemoteFile(url=self.url, path="a")]


def test_a_sound_archive_conforms() -> None:
    conform(Sound())


def test_what_is_said_is_checked() -> None:
    violated(
        Silent(),
        "its licence must be said in words, and is ''",
        "its page must be an address, not 'example.org'",
        "its folder must lie in the working directory, and is '../elsewhere'",
        "its lacks must be a string, not None",
        "its commands must be strings by what they are for, not {'do': 1}",
        "its contents '/x' does not do as the name of a file in its folder",
        "its contents name a file twice",
        "its unpacked_bytes must say about how much space its contents take",
    )


@frozen(kw_only=True)
class Silent(Sound):
    """It says nothing that is of use."""

    licence: ClassVar[str] = ""
    page: ClassVar[str] = "example.org"
    folder: ClassVar[str] = "../elsewhere"
    lacks: ClassVar[Any] = None
    commands: ClassVar[Any] = {"do": 1}
    contents: ClassVar[tuple[str, ...]] = ("/x", "/x")


@frozen(kw_only=True)
class Faulty(Sound):
    """Something is wrong about its files."""

    fault: str = param("none", help="what is wrong")
    asked: ClassVar[list[int]] = []

    def files(self) -> Any:
        self.asked.append(1)
        file = RemoteFile(url="https://example.org/a", path="a")
        return {
            "none": [],
            "strings": ["https://example.org/a"],
            "twice": [file, file],
            "inside": [file, RemoteFile(url="https://example.org/b", path="a/b")],
            "open": [RemoteFile(url="http://example.org/a", path="a")],
            "other": [file, RemoteFile(url="https://x", path=str(len(self.asked)))],
        }[self.fault]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("none", "files gives none"),
        ("strings", "files must give neurokit.RemoteFile, not ['https://example.org/a']"),
        ("twice", "two files have the same path"),
        ("inside", "the path 'a' is that of a file, and of a folder of others"),
        (
            "open",
            "http://example.org/a has no checksum, and comes by http, where anyone can change it",
        ),
        ("other", "files gives other files, or another order, the second time"),
    ],
)
def test_files_are_checked(fault: str, sentence: str) -> None:
    violated(Faulty(fault=fault), sentence)


@frozen(kw_only=True)
class Unpacked(Sound):
    """It cannot be unpacked."""

    contents: ClassVar[tuple[str, ...]] = ("b",)
    unpacked_bytes: ClassVar[int] = 1


@frozen(kw_only=True)
class Unsaid(Sound):
    """It unpacks, and does not say what."""

    def unpack(self, downloaded: Any, folder: Path) -> None:
        """Nothing."""


def test_unpacking_is_checked() -> None:
    violated(Unpacked(), "'a' is no zip archive, and there is no unpack that takes it")
    violated(Unsaid(), "it has an unpack, and no contents that this makes")


def test_an_unpack_that_does_not_do_what_it_announces(served: Served, tmp_path: Path) -> None:
    @frozen(kw_only=True)
    class Lazy(Unpacked):
        """It makes nothing."""

        def unpack(self, downloaded: Any, folder: Path) -> None:
            """Nothing."""

    served.files["a"] = b"1"
    with pytest.raises(NeurokitError) as caught:
        plan_fetch(Lazy(url=f"{served.url}/a"), tmp_path).carry_out()
    assert str(caught.value) == ("Lazy did not unpack b, which it announces; tell its authors")
