"""The skeleton-aware distance transform, against slow sums over all voxels and drawn objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from neurokit_sdt.skeletons import skeleton_of
from neurokit_sdt.transform import blocks_of, skeleton_distance

WHOLE = ((False, False), (False, False), (False, False))
ANISOTROPIC = (30.0, 6.0, 8.0)


def random_labels(seed: int, shape: tuple[int, int, int] = (3, 3, 3)) -> Any:
    """Boxes of objects 1..3 and background that touch each other, some sizes odd."""
    random = np.random.default_rng(seed)
    boxes = random.integers(0, 4, shape)
    for axis in range(3):
        boxes = np.repeat(boxes, random.integers(1, 6, boxes.shape[axis]), axis)
    return boxes.astype(np.int32)


def slow_distance(labels: Any, skeleton: Any, voxel_size: Any, alpha: float) -> Any:
    """The formula with the distances of every voxel to every other one."""
    places = np.argwhere(np.ones(labels.shape)) * np.array(voxel_size)
    ids, on_skeleton = labels.ravel(), skeleton.ravel()
    values = np.zeros(len(ids))
    for voxel in np.flatnonzero(ids > 0):
        distances = np.linalg.norm(places - places[voxel], axis=1)
        own = ids == ids[voxel]
        to_border = distances[~own].min(initial=np.inf)
        to_skeleton = distances[own & on_skeleton].min()
        share = 1.0 if np.isinf(to_border) else to_border / (to_border + to_skeleton)
        values[voxel] = share**alpha
    return values.reshape(labels.shape)


@pytest.mark.parametrize("alpha", [0.8, 1.0, 2.5])
@pytest.mark.parametrize("voxel_size", [ANISOTROPIC, (10.0, 10.0, 10.0), (40.0, 4.0, 4.0)])
@pytest.mark.parametrize("seed", range(3))
def test_the_formula(seed: int, voxel_size: Any, alpha: float) -> None:
    labels = random_labels(seed)
    values = skeleton_distance(labels, voxel_size, alpha)
    assert values.dtype == np.float32
    expected = slow_distance(labels, values == 1, voxel_size, alpha)
    assert np.allclose(values, expected, rtol=1e-5, atol=0)
    assert len(np.unique(values)) > 10


def test_the_skeleton_is_that_of_each_object_alone() -> None:
    labels = random_labels(7)
    values = skeleton_distance(labels, ANISOTROPIC, 0.8)
    for number in np.unique(labels[labels > 0]):
        border = ndimage.distance_transform_edt(np.pad(labels == number, 1, mode="edge"))
        assert (values[labels == number] == 1).any()
        assert border.max() > 0
        alone = np.where(labels == number, number, 0).astype(np.int32)
        assert np.array_equal(
            skeleton_distance(alone, ANISOTROPIC, 0.8), np.where(labels == number, values, 0)
        )


def test_a_straight_neurite_has_its_middle_for_a_skeleton() -> None:
    """A tube along x, 30 nm voxels in z and 6 nm in y and x, from face to face of the volume."""
    z, y, _ = np.indices((11, 41, 60))
    tube = (((z - 5) * 30) ** 2 + ((y - 20) * 6) ** 2 < 90**2).astype(np.int32)
    values = skeleton_distance(tube, (30.0, 6.0, 6.0), 0.8)
    on_skeleton = np.argwhere(values == 1)
    reached = np.unique(on_skeleton[:, 2])
    assert reached.min() <= 2, "it reaches the first face but for half a block"
    assert reached.max() >= 57, "and the last one"
    assert len(reached) == np.ptp(reached) + 1, "without a gap"
    assert (np.abs(on_skeleton[:, 0] - 5) <= 1).all()
    assert (np.abs(on_skeleton[:, 1] - 20) <= 3).all()
    assert values[5, 20].min() > 0.85
    assert values[5, 5].max() < 0.25


def test_the_faces_of_the_volume_are_no_borders() -> None:
    assert (skeleton_distance(np.ones((4, 9, 7), np.int32), ANISOTROPIC, 0.8) == 1).all()
    assert (skeleton_distance(np.ones((1, 1, 1), np.int32), ANISOTROPIC, 0.8) == 1).all()


def test_touching_objects_have_a_border_between_them() -> None:
    labels = np.ones((3, 30, 30), np.int32)
    labels[:, :, 15:] = 2
    values = skeleton_distance(labels, (10.0, 10.0, 10.0), 1.0)
    beside, middle = values[1, 15, 13:17], values[1, 15].reshape(2, 15).max(axis=1)
    assert beside[1] < beside[0] < middle[0]
    assert beside[2] < beside[3] < middle[1]


def test_what_is_ignored_has_no_border_and_no_value() -> None:
    """A neurite along x, half of it outside of what was labelled."""
    labels = np.zeros((7, 21, 60), np.int32)
    labels[2:5, 5:16] = 1
    whole = skeleton_distance(labels, (30.0, 10.0, 10.0), 0.8)
    partly = labels.copy()
    partly[:, :, 30:] = -1
    values = skeleton_distance(partly, (30.0, 10.0, 10.0), 0.8)
    assert (values[:, :, 30:] == 0).all()
    assert np.allclose(values[:, :, :30], whole[:, :, :30])


@pytest.mark.parametrize("label", [0, -1])
def test_no_object_no_value(label: int) -> None:
    assert not skeleton_distance(np.full((2, 3, 4), label, np.int32), ANISOTROPIC, 0.8).any()
    assert skeleton_distance(np.zeros((0, 3, 4), np.int32), ANISOTROPIC, 0.8).shape == (0, 3, 4)


def test_blocks_are_about_as_long_along_each_axis() -> None:
    assert blocks_of((30.0, 6.0, 6.0)) == (1, 5, 5)
    assert blocks_of((40.0, 4.0, 4.0)) == (1, 7, 7)
    assert blocks_of((10.0, 10.0, 10.0)) == (3, 3, 3)
    assert blocks_of((50.0, 50.0, 50.0)) == (1, 1, 1)


@pytest.mark.parametrize("voxel_size", [(0.02, 0.009, 0.009), (1e-300, 1e-300, 1e-300)])
def test_blocks_stay_small_where_voxels_are_said_to_be_tiny(voxel_size: Any) -> None:
    """As where micrometres, or metres, stand for nanometres."""
    assert blocks_of(voxel_size) == (16, 16, 16)
    assert blocks_of((30.0, *voxel_size[1:])) == (1, 16, 16)


def test_voxels_in_micrometres_give_a_distance_all_the_same() -> None:
    labels = random_labels(3, (6, 12, 12))
    values = skeleton_distance(labels, (0.02, 0.009, 0.009), 0.8)
    assert ((values > 0) == (labels > 0)).all()
    expected = slow_distance(labels, values == 1, (0.02, 0.009, 0.009), 0.8)
    assert np.allclose(values, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("blocks", [(1, 1, 1), (1, 3, 3), (2, 2, 2)])
@pytest.mark.parametrize("seed", range(4))
def test_every_part_of_an_object_has_a_skeleton(seed: int, blocks: Any) -> None:
    noise = np.random.default_rng(seed).random((18, 45, 44))
    smooth = ndimage.gaussian_filter(noise, 1.5)
    voxels = smooth > np.quantile(smooth, 0.93)
    depth = ndimage.distance_transform_edt(np.pad(voxels, 1))[1:-1, 1:-1, 1:-1]
    skeleton = skeleton_of(depth, blocks, WHOLE)
    assert not (skeleton & ~voxels).any()
    assert 0 < skeleton.sum() < voxels.sum()
    # Parts that do not touch in blocks either, as those share a skeleton there.
    pooled = voxels
    for axis, size in enumerate(blocks):
        pooled = np.logical_or.reduceat(pooled, np.arange(0, voxels.shape[axis], size), axis)
    parts, count = ndimage.label(pooled, np.ones((3, 3, 3)))
    for axis, size in enumerate(blocks):
        parts = np.repeat(parts, size, axis)
    parts = parts[: voxels.shape[0], : voxels.shape[1], : voxels.shape[2]]
    assert count > 10
    assert set(parts[skeleton]) == set(range(1, count + 1))


@pytest.mark.parametrize(
    "size", [(1, 1, 1), (2, 2, 2), (4, 4, 4), (2, 2, 9), (4, 4, 20), (1, 4, 4), (6, 6, 20)]
)
def test_objects_of_even_thickness_keep_their_skeleton(size: Any) -> None:
    """scikit-image's thinning removes most of these altogether."""
    depth = ndimage.distance_transform_edt(np.pad(np.ones(size), 1))[1:-1, 1:-1, 1:-1]
    skeleton = skeleton_of(depth, (1, 1, 1), WHOLE)
    _, parts = ndimage.label(skeleton, np.ones((3, 3, 3)))
    assert parts == 1
    longest = max(size)
    reached = np.ptp(np.argwhere(skeleton), axis=0).max() + 1
    assert reached >= longest - sorted(size)[1]


def test_a_skeleton_on_blocks_is_as_connected_as_one_on_voxels() -> None:
    """Two branches that leave a thick stem, found on blocks of five voxels."""
    voxels = np.zeros((9, 90, 90), bool)
    voxels[2:7, 30:60, :40] = True
    voxels[3:6, 34:40, 40:] = True
    voxels[3:6, 50:56, 40:] = True
    depth = ndimage.distance_transform_edt(np.pad(voxels, 1), (30, 6, 6))[1:-1, 1:-1, 1:-1]
    skeleton = skeleton_of(depth, (1, 5, 5), WHOLE)
    _, count = ndimage.label(skeleton, np.ones((3, 3, 3)))
    assert count == 1
    for branch in (slice(34, 40), slice(50, 56)):
        along_x = np.flatnonzero(skeleton[3:6, branch, 40:].any(axis=(0, 1)))
        assert 38 <= along_x.max() < 50, "it reaches the end of the branch, but for its radius"
        assert len(along_x) == along_x.max() + 1, "without a gap"
