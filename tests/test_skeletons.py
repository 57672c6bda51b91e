"""Skeletons: what they must be, and the file they are kept in."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from neurokit import NeurokitError, Skeletons, Volume, load_recipe, read_skeletons, write_skeletons

FORK = Skeletons(
    ids=np.array([4, 4, 4, 9]),
    voxels=np.array([[0, 0, 0], [0, 0, 3], [0, 4, 3], [7, 7, 7]]),
    edges=np.array([[0, 1], [1, 2]]),
    lengths_nm=np.array([27.0, 36.0]),
)
NONE = Skeletons(
    np.zeros(0, np.int64), np.zeros((0, 3), np.int64), np.zeros((0, 2), np.int64), np.zeros(0)
)


@pytest.mark.parametrize("skeletons", [FORK, NONE])
def test_what_is_written_is_read(skeletons: Skeletons, tmp_path: Path) -> None:
    file = tmp_path / "skeletons.npz"
    write_skeletons(file, skeletons)
    read = read_skeletons(file)
    for name in ("ids", "voxels", "edges", "lengths_nm"):
        np.testing.assert_array_equal(getattr(read, name), getattr(skeletons, name))
        assert getattr(read, name).dtype == getattr(skeletons, name).dtype
    assert read.fingerprint == skeletons.fingerprint
    assert [each.name for each in tmp_path.iterdir()] == ["skeletons.npz"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ids": np.array([4, 4, 0, 9])}, "a node has the id 0, and ids must be above 0"),
        (
            {"voxels": np.zeros((4, 2), np.int64)},
            "'voxels' has shape (4, 2), not (4, 3)",
        ),
        ({"ids": np.ones(4, np.int32)}, "'ids' has type int32, not int64"),
        (
            {"edges": np.array([[0, 1], [1, 4]])},
            "an edge names a node that is not among the 4",
        ),
        ({"edges": np.array([[0, 1], [-1, 2]])}, "an edge names a node that is not among the 4"),
        ({"edges": np.array([[0, 1], [2, 3]])}, "an edge joins nodes of two neurons"),
        (
            {"lengths_nm": np.array([1.0, np.nan])},
            "an edge has a length that is negative or not finite",
        ),
        ({"lengths_nm": np.array([1.0])}, "'lengths_nm' has shape (1,), not (2,)"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(NeurokitError) as error:
        evolve(FORK, **changes)
    assert str(error.value) == f"these are no skeletons: {problem}"


def test_the_fingerprint_follows_the_content() -> None:
    moved = evolve(FORK, voxels=FORK.voxels + 1)
    assert moved.fingerprint != FORK.fingerprint
    image = np.zeros((8, 8, 8), np.uint8)
    prints = {
        Volume("a", image, (20, 9, 9), skeletons=each).fingerprint for each in (None, FORK, moved)
    }
    assert len(prints) == 3


class _Trap:
    """What runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_pickle_inside_is_not_executed(tmp_path: Path) -> None:
    file, mark = tmp_path / "trap.npz", tmp_path / "sprung"
    trap = np.array([_Trap(mark)], dtype=object)
    contents = [pickle.dumps(_Trap(mark)), b"neurons", b""]
    for content in (None, *contents):
        if content is None:
            np.savez(file, ids=trap)
        else:
            file.write_bytes(content)
        with pytest.raises(NeurokitError) as error:
            read_skeletons(file)
        assert str(error.value) == (
            f"{file} holds no skeletons as neurokit.write_skeletons writes them, or is damaged"
        )
    assert not mark.exists()


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NeurokitError) as error:
        read_skeletons(Path("neurons.npz"))
    assert str(error.value) == f"file not found: neurons.npz in {tmp_path}; check the path"


def test_the_files_dataset_reads_them(tiny: Path) -> None:
    write_skeletons(Path("neurons.npz"), FORK)
    np.save("unused.npy", np.zeros(1))
    recipe = load_recipe(tiny)
    (volume,) = recipe.data.test.volumes() if recipe.data.test else []
    assert volume.skeletons is None
    import tifffile

    tifffile.imwrite("image.tif", np.zeros((8, 8, 8), np.uint8))
    given = (
        'data.test={use="files",image="image.tif",voxel_size_nm=[20,9,9],skeletons="neurons.npz"}'
    )
    test = load_recipe(tiny, [given]).data.test
    assert test is not None
    (volume,) = test.volumes()
    assert volume.skeletons is not None
    assert volume.skeletons.fingerprint == FORK.fingerprint


def test_integers_of_other_types_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "small.npz"
    np.savez(
        file,
        ids=FORK.ids.astype(np.uint8),
        voxels=FORK.voxels.astype(np.int16),
        edges=FORK.edges.astype(np.uint64),
        lengths_nm=FORK.lengths_nm,
    )
    assert read_skeletons(file).fingerprint == FORK.fingerprint
    np.savez(file, ids=np.full(4, 2**63, np.uint64), **_without_ids())
    with pytest.raises(NeurokitError) as error:
        read_skeletons(file)
    assert str(error.value) == (f"{file}: these are no skeletons: 'ids' has type uint64, not int64")


def _without_ids() -> dict[str, Any]:
    return {name: getattr(FORK, name) for name in ("voxels", "edges", "lengths_nm")}
