"""The targets: labels prepared as a whole, and encoded in patches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from neurokit import Channel, encode_affinities, erode_contacts
from neurokit.testing import conform
from neurokit_sdt.targets import Aff9SDT, SkeletonSDT
from neurokit_sdt.transform import skeleton_distance

VOXEL_SIZE = (30.0, 6.0, 6.0)
OFFSETS = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (5, 0, 0), (0, 5, 0), (0, 0, 5)]
OFFSETS += [(9, 0, 0), (0, 9, 0), (0, 0, 9)]


def tissue(seed: int, shape: tuple[int, int, int] = (12, 48, 50)) -> Any:
    """Objects of large ids, most of them touching, with background and a part to be ignored."""
    random = np.random.default_rng(seed)
    centres = random.random((12, 3)) * shape
    places = np.moveaxis(np.indices(shape), 0, -1)[..., None, :]
    nearest = (((places - centres) * (5, 1, 1)) ** 2).sum(-1).argmin(-1)
    labels = np.array([0, *random.integers(1000, 10**9, 11)])[nearest]
    labels[:3, :9, :9] = -1
    return labels


def encoded(target: Any, labels: Any) -> tuple[Any, Any]:
    wanted, mask = target.encode(torch.from_numpy(labels)[None])
    return wanted[0].numpy(), mask[0].numpy()


@pytest.mark.parametrize(
    "target", [Aff9SDT(), Aff9SDT(erosion=0, alpha=2.0), SkeletonSDT(), SkeletonSDT(background=0.0)]
)
def test_they_conform(target: Any) -> None:
    conform(target)


def test_the_channels() -> None:
    names = [channel.name for channel in Aff9SDT().channels]
    assert names == ["z1", "y1", "x1", "z5", "y5", "x5", "z9", "y9", "x9", "sdt"]
    assert [channel.offset for channel in Aff9SDT().channels] == [*OFFSETS, None]
    assert SkeletonSDT().channels == (Channel("sdt", "tanh"),)


@pytest.mark.parametrize("erosion", [0, 1, 2])
def test_affinities_are_those_of_the_labels_and_the_distance_that_of_the_whole(
    erosion: int,
) -> None:
    labels = tissue(1)
    target = Aff9SDT(erosion=erosion, alpha=1.3, background=-0.5)
    wanted, mask = encoded(target, target.prepare(labels, VOXEL_SIZE))
    eroded = erode_contacts(torch.from_numpy(labels)[None], erosion)
    affinities, known = encode_affinities(eroded, OFFSETS)
    assert np.array_equal(wanted[:9], affinities[0].numpy())
    assert np.array_equal(mask[:9], known[0].numpy())
    ids = eroded[0].numpy()
    _, numbers = np.unique(ids, return_inverse=True)
    distance = skeleton_distance(np.where(ids > 0, numbers, ids).astype(np.int32), VOXEL_SIZE, 1.3)
    assert np.abs(wanted[9] - distance)[ids > 0].max() <= 0.5 / 255 + 1e-6
    assert (wanted[9][ids == 0] == -0.5).all()
    assert np.array_equal(mask[9], ids != -1)


def test_the_distance_target_alone_is_the_last_channel() -> None:
    labels = tissue(2)
    prepared = SkeletonSDT().prepare(labels, VOXEL_SIZE)
    assert np.array_equal(prepared, Aff9SDT().prepare(labels, VOXEL_SIZE))
    alone, together = encoded(SkeletonSDT(), prepared), encoded(Aff9SDT(), prepared)
    assert np.array_equal(alone[0], together[0][9:])
    assert np.array_equal(alone[1], together[1][9:])


def test_a_patch_of_the_whole_is_the_patch_of_its_target() -> None:
    target = Aff9SDT()
    prepared = target.prepare(tissue(3), VOXEL_SIZE)
    wanted, mask = encoded(target, prepared)
    patch = (slice(1, 12), slice(7, 40), slice(5, 44))
    of_patch, known = encoded(target, prepared[patch])
    within = wanted[(slice(None), *patch)]
    assert np.array_equal(of_patch[9], within[9])
    assert np.array_equal(known[9], mask[(9, *patch)])
    # Beside them, only edges that leave the patch are unknown there.
    assert np.array_equal(of_patch[:9] * known[:9], within[:9] * known[:9])
    for channel, (z, y, x) in enumerate(OFFSETS):
        assert np.array_equal(known[channel, z:, y:, x:], mask[(channel, *patch)][z:, y:, x:])


def test_what_augmentation_makes_background_or_unknown_is_that() -> None:
    target = Aff9SDT()
    prepared = target.prepare(tissue(4), VOXEL_SIZE)
    prepared[4, 10:20, 10:20] = 0
    prepared[5, 10:20, 10:20] = -1
    wanted, mask = encoded(target, np.flip(prepared, 2).copy())
    wanted, mask = np.flip(wanted, 3), np.flip(mask, 3)
    assert (wanted[9, 4, 10:20, 10:20] == -1).all()
    assert (mask[9, 4, 10:20, 10:20] == 1).all()
    assert (mask[9, 5, 10:20, 10:20] == 0).all()
    assert (wanted[0, 4, 10:20, 10:20] == 0).all()
    assert (mask[0, 5:7, 10:20, 10:20] == 0).all()


def test_labels_of_other_voxels_have_other_distances() -> None:
    labels = tissue(5)
    target = SkeletonSDT()
    flat, even = (target.prepare(labels, size) for size in (VOXEL_SIZE, (6.0, 6.0, 6.0)))
    assert np.array_equal(flat > 0, even > 0)
    assert not np.array_equal(flat, even)
