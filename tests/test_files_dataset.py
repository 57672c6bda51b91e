"""The dataset of a user's own files."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from neurokit import NeurokitError
from neurokit.components.datasets.files import Files

SIZE = (30.0, 6.0, 6.0)


@pytest.fixture
def tissue(tmp_path: Path) -> tuple[Path, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    random = np.random.default_rng(3)
    image = random.integers(0, 255, (6, 7, 8)).astype(np.uint8)
    labels = random.integers(0, 2**40, (6, 7, 8))
    tifffile.imwrite(tmp_path / "cortex.tif", image)
    with h5py.File(tmp_path / "labels.h5", "w") as file:
        file["main"] = labels
    return tmp_path, image, labels


def test_image_and_labels(tissue: Any) -> None:
    folder, image, labels = tissue
    dataset = Files(
        image=f"{folder}/cortex.tif", labels=f"{folder}/labels.h5::main", voxel_size_nm=SIZE
    )
    (volume,) = dataset.volumes()
    assert volume.name == "cortex"
    assert volume.voxel_size_nm == SIZE
    np.testing.assert_array_equal(volume.image[...], image)
    assert volume.labels is not None
    np.testing.assert_array_equal(volume.labels[...], labels)
    (alone,) = Files(image=f"{folder}/cortex.tif", voxel_size_nm=SIZE).volumes()
    assert alone.labels is None
    assert alone.fingerprint != volume.fingerprint
    (unset,) = Files(image=f"{folder}/cortex.tif", labels="", voxel_size_nm=SIZE).volumes()
    assert unset.labels is None
    assert unset.fingerprint == alone.fingerprint


def test_sections(tissue: Any) -> None:
    folder, image, labels = tissue

    def of(sections: tuple[int, int] | None) -> Any:
        return Files(
            image=f"{folder}/cortex.tif",
            labels=f"{folder}/labels.h5",
            voxel_size_nm=SIZE,
            sections=sections,
        ).volumes()[0]

    part = of((2, 5))
    assert part.shape == (3, 7, 8)
    np.testing.assert_array_equal(part.image[...], image[2:5])
    np.testing.assert_array_equal(part.labels[1:, 3], labels[3:5, 3])
    fingerprints = {of(sections).fingerprint for sections in ((2, 5), (1, 4), (0, 6), None)}
    assert len(fingerprints) == 4
    with pytest.raises(NeurokitError) as caught:
        of((2, 7))
    assert str(caught.value) == (
        "image sections [2, 7) are not among the 6 there are; choose 0 <= start < stop <= 6"
    )


def test_sections_that_are_none() -> None:
    for start, stop in ((3, 3), (4, 2)):
        with pytest.raises(NeurokitError) as caught:
            Files(image="a.tif", voxel_size_nm=SIZE, sections=(start, stop))
        assert str(caught.value) == (
            f"sections [{start}, {stop}) are none: the first must come before the end"
        )
    with pytest.raises(ValueError, match="sections must be at least 0, not -1"):
        Files(image="a.tif", voxel_size_nm=SIZE, sections=(-1, 2))


def test_voxels_have_a_size() -> None:
    with pytest.raises(ValueError, match=r"voxel_size_nm must be above 0, not 0"):
        Files(image="a.tif", voxel_size_nm=(30, 0, 6))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("SNEMI/train-input.tif", "train-input"),
        ("fib25/raw.tif", "fib25"),
        ("fib25/IMG.tif", "fib25"),
        ("fib25/train.h5::raw", "train"),
        ("fib25/data.h5::raw", "fib25"),
        ("fib25/sections.tif", "sections"),
        ("fib25-1.2/z*.tif", "fib25-1.2"),
    ],
)
def test_names_say_something(tmp_path: Path, place: str, name: str) -> None:
    path = tmp_path / place.partition("::")[0]
    path = path.with_name(path.name.replace("*", "1"))
    path.parent.mkdir()
    if path.suffix == ".tif":
        tifffile.imwrite(path, np.zeros((1, 3, 4), np.uint8), photometric="minisblack")
    else:
        with h5py.File(path, "w") as file:
            file["raw"] = np.zeros((2, 3, 4))
    assert Files(image=f"{tmp_path}/{place}", voxel_size_nm=SIZE).volumes()[0].name == name


def _error(dataset: Files) -> str:
    with pytest.raises(NeurokitError) as caught:
        dataset.volumes()
    return str(caught.value)


def test_missing_files_say_where_to_get_them(tissue: Any) -> None:
    folder, _, _ = tissue
    there, gone = f"{folder}/cortex.tif", f"{folder}/gone.tif"
    assert _error(Files(image=gone, voxel_size_nm=SIZE)) == (
        f"image file not found: {gone}; check the path"
    )
    hint = "it is on the archive's page"
    assert _error(Files(image=there, labels=gone, voxel_size_nm=SIZE, hint=hint)) == (
        f"labels file not found: {gone}; check the path\n{hint}"
    )
    assert _error(Files(image=f"{folder}/labels.h5::x", voxel_size_nm=SIZE, hint=hint)) == (
        f"image {folder}/labels.h5 holds no array 'x'; it holds labels.h5::main"
    )


def test_labels_that_do_not_fit(tissue: Any) -> None:
    folder, _, _ = tissue
    tifffile.imwrite(folder / "small.tif", np.zeros((6, 7, 7), np.uint16))
    dataset = Files(image=f"{folder}/cortex.tif", labels=f"{folder}/small.tif", voxel_size_nm=SIZE)
    assert _error(dataset) == (
        f"image and labels of 'cortex' differ in shape: {folder}/cortex.tif is 6 x 7 x 8 and "
        f"{folder}/small.tif is 6 x 7 x 7 (z, y, x); name the labels of this very image"
    )


def test_a_file_for_each_section(tissue: Any) -> None:
    folder, image, labels = tissue
    for name in ("block/sections", "block/seg", "other"):
        (folder / name).mkdir(parents=True)
    for z, (section, ids) in enumerate(zip(image, labels, strict=True)):
        Image.fromarray(section).save(folder / f"block/sections/z{z + 8}.png")
        tifffile.imwrite(folder / f"block/seg/z{z + 8}.tif", ids.astype(np.uint16))
    pattern = f"{folder}/block/sections/*.png"
    (volume,) = Files(
        image=pattern, labels=f"{folder}/block/seg/*.tif", voxel_size_nm=SIZE
    ).volumes()
    assert volume.name == "block"
    assert volume.title == f"'block' ({pattern})"
    np.testing.assert_array_equal(volume.image[...], image)
    assert volume.labels is not None
    np.testing.assert_array_equal(volume.labels[...], labels.astype(np.uint16))
    (part,) = Files(image=pattern, voxel_size_nm=SIZE, sections=(1, 3)).volumes()
    np.testing.assert_array_equal(part.image[...], image[1:3])
    hint = "it is on the archive's page"
    gone = Files(image=f"{folder}/other/*.png", voxel_size_nm=SIZE, hint=hint)
    assert _error(gone) == (f"image no file matches {folder}/other/*.png; check the path\n{hint}")
    tifffile.imwrite(folder / "other/z1.png", image)
    gone = Files(image=f"{folder}/other/*.png", voxel_size_nm=SIZE, hint=hint)
    assert _error(gone) == (
        f"image {folder}/other/z1.png is not a png file, or its start is damaged"
    )


def test_image_and_labels_the_wrong_way_round(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    grey = random.integers(0, 255, (4, 64, 64)).astype(np.uint8)
    ids = np.kron(random.integers(1, 40000, (4, 8, 8)), np.ones((1, 8, 8), int))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["raw"], file["labels"] = grey, ids
        file["even"], file["noise"] = np.zeros_like(grey), random.integers(0, 99, grey.shape)

    def of(image: str, labels: str) -> Files:
        return Files(
            image=f"{tmp_path}/w.h5::{image}",
            labels=f"{tmp_path}/w.h5::{labels}",
            voxel_size_nm=SIZE,
        )

    assert _error(of("labels", "raw")) == (
        f"the image {tmp_path}/w.h5::labels looks like labels, and the labels "
        f"{tmp_path}/w.h5::raw like an image; swap the two"
    )
    for pair in (("raw", "labels"), ("raw", "noise"), ("even", "noise"), ("labels", "labels")):
        assert len(of(*pair).volumes()) == 1
