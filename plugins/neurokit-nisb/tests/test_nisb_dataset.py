"""The dataset nisb on cubes laid out as NISB's are, and skeletons traced from labels."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any, Literal

import networkx  # type: ignore[import-untyped]
import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from numpy.typing import NDArray
from skimage.draw import line_nd

from neurokit import Dataset, NeurokitError, Volume, read_skeletons, write_skeletons
from neurokit.testing import conform
from neurokit_nisb import cubes
from neurokit_nisb.dataset import Nisb
from neurokit_nisb.nerl import Nerl
from neurokit_nisb.traced import Traced
from neurokit_nisb.tracing import trace
from neurokit_nisb.transposed import Transposed

SHAPE = (5, 6, 7)


def drawn_volume(seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> Volume:
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, shape).astype(np.uint8)
    coarse = random.integers(0, 4, [-(-size // 3) for size in shape])
    labels = coarse.repeat(3, 0).repeat(3, 1).repeat(3, 2)[: shape[0], : shape[1], : shape[2]]
    return Volume("drawn", image, (20.0, 9.0, 9.0), labels.astype(np.uint32), "drawn")


def written_cube(
    root: Path, place: str = "base/train/seed0", seed: int = 0, zarr_format: Literal[2, 3] = 2
) -> Volume:
    volume = drawn_volume(seed)
    cubes.write_cube(root / place, volume, zarr_format)
    return volume


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_cube_is_read_as_it_was_written(zarr_format: Literal[2, 3], tmp_path: Path) -> None:
    volume = written_cube(tmp_path, zarr_format=zarr_format)
    stored: Any = zarr.open_group(tmp_path / "base/train/seed0/data.zarr", mode="r")
    assert stored.metadata.zarr_format == zarr_format
    assert stored["img"].shape == (7, 6, 5, 1)
    assert stored["seg"][6, 0, 4] == volume.labels[4, 0, 6]  # type: ignore[index]

    (found,) = Nisb(root=str(tmp_path)).volumes()
    assert found.name == "base-train-seed0"
    assert found.voxel_size_nm == (20.0, 9.0, 9.0)
    assert found.labels is not None
    assert [found.image.dtype.name, found.labels.dtype.name] == ["uint8", "uint32"]
    np.testing.assert_array_equal(found.image[...], volume.image[...])
    np.testing.assert_array_equal(found.labels[...], volume.labels[...])  # type: ignore[index]
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.image[1:3, 2], volume.image[1:3, 2])
    assert found.skeletons is not None
    assert set(found.skeletons.ids.tolist()) <= set(np.unique(volume.labels[...]))  # type: ignore[index]


def test_indexing_is_that_of_an_array() -> None:
    random = np.random.default_rng(1)
    plain = random.integers(0, 99, SHAPE)
    of_channels = np.stack([plain, 1 + plain], -1).transpose(2, 1, 0, 3)
    for seen, wanted in (
        (Transposed(plain.transpose()), plain),
        (Transposed(of_channels, 0), plain),
        (Transposed(of_channels, 1), plain + 1),
    ):
        assert seen.shape == SHAPE
        for index in (
            ...,
            2,
            -1,
            (1, 2, 3),
            (..., 3),
            (1, ..., 3),
            (slice(1, 4), slice(None), slice(2, 7, 2)),
            (slice(0, 0), 1),
            (..., slice(1, 3)),
            (slice(2, 4), 1, slice(3)),
        ):
            np.testing.assert_array_equal(seen[index], wanted[index])
        with pytest.raises(IndexError):
            seen[1, 2, 3, 4]


def test_cubes_are_found_and_chosen(tmp_path: Path) -> None:
    for seed in (10, 9, 100):
        written_cube(tmp_path, f"liconn/val/seed{seed}", seed)
    (tmp_path / "liconn/val/seeds").mkdir()
    found = Nisb(root=str(tmp_path), setting="liconn", split="val").volumes()
    assert [each.name for each in found] == [f"liconn-val-seed{seed}" for seed in (9, 10, 100)]
    assert found[0].voxel_size_nm == (12.0, 9.0, 9.0)
    assert len({each.fingerprint for each in found}) == 3
    chosen = Nisb(root=str(tmp_path), setting="liconn", split="val", seeds=(100, 9)).volumes()
    assert [each.name for each in chosen] == ["liconn-val-seed100", "liconn-val-seed9"]


def test_folders_of_other_names_are_no_cubes(tmp_path: Path) -> None:
    for name in (
        "seed7",
        "seed0",
        "seed07",
        "seed007",
        "seed0101",
        "seed+1",
        "seed1b",
        "seed\u0661",
    ):
        written_cube(tmp_path, f"base/val/{name}")
    dataset = Nisb(root=str(tmp_path), split="val")
    assert [each.name for each in dataset.volumes()] == ["base-val-seed0", "base-val-seed7"]


def test_one_of_several_channels(tmp_path: Path) -> None:
    folder = tmp_path / "multichannel/test/seed101"
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3)).astype(np.uint8)
    group = zarr.open_group(folder / "data.zarr", mode="w", zarr_format=2)
    group.create_array("img", data=image)
    dataset = Nisb(root=str(tmp_path), setting="multichannel", split="test", channel=2)
    (found,) = dataset.volumes()
    np.testing.assert_array_equal(found.image[...], image[..., 2].transpose())
    assert found.labels is None
    assert found.skeletons is None
    first = Nisb(root=str(tmp_path), setting="multichannel", split="test", channel=1).volumes()[0]
    assert first.fingerprint != found.fingerprint
    with pytest.raises(NeurokitError) as caught:
        Nisb(root=str(tmp_path), setting="multichannel", split="test", channel=3).volumes()
    assert str(caught.value) == (
        f"{folder / 'data.zarr'}::img has shape (4, 5, 6, 3); it must have the axes x, y, z, "
        f"channel, and a channel 3"
    )
    group.create_array("seg", data=np.zeros((4, 5, 7), np.uint32))
    with pytest.raises(NeurokitError) as caught:
        dataset.volumes()
    assert str(caught.value) == (
        f"{folder / 'data.zarr'}::seg has shape (4, 5, 7), and the image (4, 5, 6) (x, y, z); "
        f"they must be the same"
    )


def test_skeletons_of_the_newer_file(tmp_path: Path) -> None:
    written_cube(tmp_path)
    folder = tmp_path / "base/train/seed0"
    safe, pickled = folder / "skeleton.npz", folder / "skeleton.pkl"
    graph = networkx.Graph()
    graph.add_node(0, id=5, index_position=(6, 5, 4), nm_position=(54.0, 45.0, 80.0))
    pickled.write_bytes(pickle.dumps(graph))
    dataset = Nisb(root=str(tmp_path))

    def ids() -> list[int]:
        skeletons = dataset.volumes()[0].skeletons
        assert skeletons is not None
        return sorted(set(skeletons.ids.tolist()))

    of_labels = sorted(set(read_skeletons(safe).ids.tolist()))
    os.utime(pickled, ns=(10**18, 10**18))
    os.utime(safe, ns=(10**18, 10**18))
    assert ids() == of_labels
    os.utime(pickled, ns=(10**18 + 1, 10**18 + 1))
    assert ids() == [5]
    assert dataset.volumes()[0].skeletons.voxels.tolist() == [[4, 5, 6]]  # type: ignore[union-attr]
    safe.unlink()
    assert ids() == [5]


def test_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hint = (
        "\nget it: neurokit fetch nisb split=val, and so on (CC BY-SA 4.0); a cube of the setting "
        "base is 27 um wide, and all of NISB some 3 TB"
        "\nwithout it: neurokit run neurokit_nisb:nisb_demo.toml trains on synthetic tissue"
    )
    with pytest.raises(NeurokitError) as caught:
        Nisb(root="NISB", split="val").volumes()
    assert str(caught.value) == (
        f"file not found: NISB/base/val/seed<n> in {tmp_path}; check root, setting and seeds{hint}"
    )
    with pytest.raises(NeurokitError) as caught:
        Nisb(root=str(tmp_path), seeds=(3,)).volumes()
    assert str(caught.value) == (
        f"file not found: {tmp_path / 'base/train/seed3/data.zarr'}; "
        f"check root, setting and seeds{hint}"
    )
    with pytest.raises(NeurokitError, match=r"^seeds names one twice: \[1, 1\]$"):
        Nisb(root="NISB", seeds=(1, 1))
    written_cube(tmp_path)
    shutil.rmtree(tmp_path / "base/train/seed0/data.zarr/img")
    with pytest.raises(NeurokitError, match=r" holds no array 'img'; "):
        Nisb(root=str(tmp_path)).volumes()


def test_the_maker_of_cubes(tmp_path: Path) -> None:
    command = [str(tmp_path / "NISB"), "--shape", "16", "40", "48", "--format", "3"]
    result = CliRunner().invoke(cubes.main, command)
    assert result.exit_code == 0, result.output
    root = tmp_path / "NISB"
    places = [root / "base" / place for place in ("train/seed0", "val/seed100", "test/seed101")]
    assert result.output == "".join(f"{place}\n" for place in places)
    each = [Nisb(root=str(root), split=split).volumes()[0] for split in ("train", "val", "test")]
    assert [volume.shape for volume in each] == [(16, 40, 48)] * 3
    assert len({volume.image[...].tobytes() for volume in each}) == 3
    for volume in each:
        assert volume.skeletons is not None
        assert volume.labels is not None
        labels = np.asarray(volume.labels[...])
        inside = labels[tuple(volume.skeletons.voxels.T)]
        np.testing.assert_array_equal(inside, volume.skeletons.ids)
        assert Nerl().score(labels, volume)["nerl"] == 1.0
    conform(Nisb(root=str(root)))


def test_the_maker_refuses(tmp_path: Path) -> None:
    result = CliRunner().invoke(cubes.main, [str(tmp_path), "--shape", "0", "4", "4"])
    assert result.exit_code == 1
    assert "[data.train.shape] must be at least 1, not 0" in result.output
    (tmp_path / "base").write_text("in the way")
    result = CliRunner().invoke(cubes.main, [str(tmp_path), "--shape", "8", "16", "16"])
    assert result.exit_code == 1
    assert result.output == (
        f"Error: cannot write {tmp_path / 'base/train/seed0'}: Not a directory\n"
    )


def rods(*ends: tuple[tuple[int, int, int], tuple[int, int, int]]) -> NDArray[np.int64]:
    """Lines one voxel wide, numbered from 1."""
    labels = np.zeros((12, 12, 12), np.int64)
    for number, (start, stop) in enumerate(ends, 1):
        labels[line_nd(start, stop, endpoint=True)] = number  # type: ignore[no-untyped-call]
    return labels


def test_a_straight_rod_is_its_own_skeleton() -> None:
    labels = rods(((2, 1, 1), (2, 1, 9)), ((5, 2, 3), (9, 2, 3)), ((11, 11, 11), (11, 11, 11)))
    labels[8:, 8:, 8:10] = -1
    skeletons = trace(labels, (20.0, 9.0, 9.0))
    assert np.bincount(skeletons.ids).tolist() == [0, 9, 5, 1]
    np.testing.assert_array_equal(labels[tuple(skeletons.voxels.T)], skeletons.ids)
    of_edges = skeletons.ids[skeletons.edges[:, 0]]
    assert skeletons.lengths_nm[of_edges == 1].tolist() == [9.0] * 8
    assert skeletons.lengths_nm[of_edges == 2].tolist() == [20.0] * 4


def test_a_diagonal_step_is_as_long_as_it_is() -> None:
    labels = rods(((2, 2, 2), (2, 6, 6)))
    skeletons = trace(labels, (20.0, 9.0, 9.0))
    assert skeletons.lengths_nm == pytest.approx([9 * 2**0.5] * 4)


@pytest.mark.parametrize("seed", range(5))
def test_every_object_gets_a_tree_inside_itself(seed: int) -> None:
    labels = np.asarray(drawn_volume(seed, (14, 15, 16)).labels[...]).astype(np.int64)  # type: ignore[index]
    labels[0] = -1
    labels[labels == 3] = 2**40
    skeletons = trace(labels, (20.0, 9.0, 9.0))
    np.testing.assert_array_equal(labels[tuple(skeletons.voxels.T)], skeletons.ids)
    assert set(skeletons.ids.tolist()) == set(np.unique(labels[labels > 0]).tolist())
    graph = networkx.Graph(skeletons.edges.tolist())
    assert networkx.is_forest(graph)
    assert graph.number_of_edges() == len(skeletons.edges)


def test_labels_without_an_object() -> None:
    skeletons = trace(np.zeros((3, 3, 3), np.uint8), (1.0, 1.0, 1.0))
    assert (skeletons.ids.shape, skeletons.voxels.shape) == ((0,), (0, 3))
    assert (skeletons.edges.shape, skeletons.lengths_nm.shape) == ((0, 2), (0,))


class Drawn(Dataset):
    """Volumes as they are given."""

    def __init__(self, *volumes: Volume) -> None:
        self.given = list(volumes)

    def volumes(self) -> list[Volume]:
        return self.given


def test_volumes_of_another_dataset_are_traced() -> None:
    first, second = drawn_volume(1), drawn_volume(2)
    found = Traced(of=Drawn(first, second)).volumes()
    assert [each.labels for each in found] == [first.labels, second.labels]
    assert found[1].skeletons is not None
    expected = trace(np.asarray(second.labels[...]), (20.0, 9.0, 9.0))  # type: ignore[index]
    assert found[1].skeletons.fingerprint == expected.fingerprint
    assert found[1].fingerprint != second.fingerprint
    bare = Volume("bare", first.image, (1.0, 1.0, 1.0), source="bare")
    with pytest.raises(NeurokitError, match=r"^'bare' has no labels to trace skeletons in$"):
        Traced(of=Drawn(bare)).volumes()


def test_damaged_skeletons(tmp_path: Path) -> None:
    written_cube(tmp_path)
    safe = tmp_path / "base/train/seed0/skeleton.npz"
    write_skeletons(safe, read_skeletons(safe))
    safe.write_bytes(safe.read_bytes()[:50])
    with pytest.raises(NeurokitError, match=r"skeleton.npz holds no skeletons .*or is damaged$"):
        Nisb(root=str(tmp_path)).volumes()
