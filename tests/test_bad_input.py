"""What users get wrong: one clear line each, an exit code, and nothing half written."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from children import child
from conftest import offered
from frail import command
from test_cli import SHORT, invoke

from neurokit import load_recipe
from neurokit.trainer import Trainer


@pytest.fixture
def files(tiny: Path) -> Path:
    """A recipe on files, which are whole."""
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (6, 40, 40)).astype(np.uint8)
    labels = random.integers(0, 9, (6, 40, 40)).astype(np.uint16)
    tifffile.imwrite("image.tif", image)
    tifffile.imwrite("compressed.tif", image, compression="zlib", photometric="minisblack")
    tifffile.imwrite("labels.tif", labels)
    tifffile.imwrite("small.tif", labels[:, :, 1:])
    tifffile.imwrite("float.tif", labels.astype(np.float32))
    with h5py.File("both.h5", "w") as file:
        file["image"], file["labels"] = image, labels
        file["four"], file["two"] = np.stack([image, image]), image[0]
    text = tiny.read_text()
    for part in ("train", "test"):
        start = text.index(f"[data.{part}]")
        end = text.index("\n\n", start)
        table = 'use = "files"\nimage = "image.tif"\nlabels = "labels.tif"\n'
        text = f"{text[:start]}[data.{part}]\n{table}voxel_size_nm = [30, 6, 6]{text[end:]}"
    tiny.write_text(text)
    return tiny


def _refused(recipe: Path, *arguments: object, code: int = 1) -> str:
    before = sorted(path.name for path in Path.cwd().rglob("*"))
    result = invoke("run", recipe, *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert sorted(path.name for path in Path.cwd().rglob("*")) == before
    return result.stderr.removeprefix("error: ").rstrip("\n")


def test_the_files_are_good(files: Path) -> None:
    assert invoke("check", files).exit_code == 0


def _cases() -> list[tuple[str, str]]:
    here = "{here}"
    return [
        (
            "data.train.image=gone.tif",
            f"[data.train] image file not found: gone.tif in {here}; check the path",
        ),
        (
            "data.test.labels=gone.h5::main",
            f"[data.test] labels file not found: gone.h5 in {here}; check the path",
        ),
        (
            "data.train.image=both.h5::imag",
            "[data.train] image both.h5 holds no array 'imag'; did you mean both.h5::image?",
        ),
        (
            "data.train.labels=both.h5",
            "[data.train] labels both.h5 holds several arrays; choose one of both.h5::four, "
            "both.h5::image, both.h5::labels, both.h5::two",
        ),
        (
            "data.train.labels=small.tif",
            "[data.train] image and labels of '{folder}' differ in shape: image.tif is "
            "6 x 40 x 40 and small.tif is 6 x 40 x 39 (z, y, x); name the labels of this very "
            "image",
        ),
        (
            "data.train.labels=float.tif",
            "[data.train] the labels of '{folder}' (float.tif) have type float32; they must be "
            "integers, one id an object: convert them, rounding nothing",
        ),
        (
            "data.train.image=both.h5::four",
            "[data.train] the image of 'both' (both.h5::four) has shape 2 x 6 x 40 x 40; "
            "it must have the three axes z, y, x: save one channel of it",
        ),
        (
            "data.train.image=both.h5::two",
            "[data.train] the image of 'both' (both.h5::two) has shape 40 x 40; "
            "it must have the three axes z, y, x",
        ),
        (
            "data.train.image=image.jpg",
            "[data.train] image unknown file type: image.jpg; the name must end in .tif, .tiff, "
            ".png, .h5, .hdf5, .hdf, .zarr",
        ),
        (
            "train.patch_size=[8,32,32]",
            "the training volume '{folder}' (image.tif) is [6, 40, 40] voxels, smaller than "
            "train.patch_size [8, 32, 32]; lower that, or raise train.pad",
        ),
    ]


@pytest.mark.parametrize(("override", "message"), _cases())
def test_data_that_does_not_fit(files: Path, override: str, message: str) -> None:
    expected = message.replace("{here}", str(Path.cwd())).replace("{folder}", Path.cwd().name)
    assert _refused(files, override) == expected


@pytest.mark.parametrize("name", ["image.tif", "compressed.tif", "both.h5"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_truncated_files(files: Path, name: str, share: float) -> None:
    path = Path(name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    spec = f"{name}::image" if name.endswith(".h5") else name
    told = _refused(files, f"data.train.image={spec}")
    assert told.startswith(f"[data.train] image {name} ")
    assert "truncated" in told or "damaged" in told or "cannot be read" in told


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "decoder.use=waters",
            "[decoder.use] unknown decoder 'waters'; did you mean 'waterz'?",
        ),
        (
            "decoder.use=voi",
            f"[decoder.use] 'voi' is a metric, not a decoder; installed: {offered('decoder')}",
        ),
        (
            "decoder.treshold=0.5",
            "[decoder.treshold] unknown parameter 'treshold'; did you mean 'threshold'?",
        ),
        ("decoder.threshold=1.5", "[decoder.threshold] must be at most 1, not 1.5"),
        ("decoder.threshold=nan", "[decoder.threshold] must be a number, not nan"),
        ("decoder.threshold=high", "[decoder.threshold] must be a number, not the string 'high'"),
        ("train.epochs=2.0", "[train.epochs] must be an integer, not 2.0"),
        (
            "train.patch_size=[8, 64]",
            "[train.patch_size] must be a list of 3 integers, not a list of 2",
        ),
    ],
)
def test_recipes_that_are_wrong(tiny: Path, override: str, message: str) -> None:
    assert _refused(tiny, override, code=2) == f"override: {message}"


def test_a_recipe_that_is_missing(tiny: Path) -> None:
    assert _refused(tiny.with_name("gone.toml"), code=2) == (
        f"{tiny.with_name('gone.toml')}: there is no such recipe"
    )


def test_a_checkpoint_that_does_not_fit(tiny: Path) -> None:
    Trainer.start(load_recipe(tiny)).checkpoint().save(Path("a.ckpt"))
    test = ("--mode", "test", "--checkpoint", "a.ckpt")
    told = _refused(tiny, *test, "model.widths=[4,8]")
    assert told.startswith("the checkpoint a.ckpt is of another architecture: its '")
    assert told.endswith("; use the recipe it was trained with")
    Path("a.ckpt").write_bytes(Path("a.ckpt").read_bytes()[:999])
    assert _refused(tiny, *test) == (
        "the checkpoint a.ckpt is damaged; use another one of its folder"
    )
    Path("a.ckpt").unlink()
    assert _refused(tiny, *test) == "there is no checkpoint a.ckpt"


def test_a_place_that_cannot_be_written(tiny: Path) -> None:
    Path("outputs").touch()
    assert _refused(tiny) == (
        "cannot make a run folder under outputs/tiny: Not a directory; "
        "choose another place with --outputs"
    )


def _partial_files() -> list[Path]:
    return [path for path in Path("outputs").rglob(".*")]


def test_a_disk_that_fills_while_results_are_written(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("neurokit.atomic._flush", full)
    result = invoke("run", tiny, *SHORT)
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: cannot write outputs/tiny/")
    assert last.endswith(
        "/recipe.toml: No space left on device; free some space or choose another place"
    )
    assert _partial_files() == []


@pytest.mark.parametrize(
    ("limit", "file"), [(20_000, "checkpoints/"), (120_000, "results_step=1/")]
)
def test_a_full_disk(tiny: Path, limit: int, file: str) -> None:
    said = Path("said.txt")
    run = child(command, ["run", str(tiny), *SHORT], said, limit)
    run.join()
    assert run.exitcode == 1
    assert "Traceback" not in said.read_text()
    last = said.read_text().splitlines()[-1]
    assert last.startswith("error: cannot write outputs/tiny/")
    assert f"/{file}" in last
    assert last.endswith(": File too large; free some space or choose another place")
    assert _partial_files() == []
    assert not list(Path("outputs").rglob("test_im_prediction.h5"))
