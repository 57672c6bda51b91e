"""The augmentation banis: each change alone, against hand-drawn cases and slow ways."""

from __future__ import annotations

from collections import Counter
from itertools import permutations, product
from math import cos, radians, sin
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from neurokit import Batch, SampleRandom
from neurokit.testing import conform
from neurokit_nisb.affine import affine_map, moved
from neurokit_nisb.augmentation import Banis

NOTHING = {
    "probability": 1.0,
    "dropped_sections": 0.0,
    "shifted_sections": 0.0,
    "contrast": 0.0,
    "brightness": 0.0,
    "noise": 0.0,
    "rotation_degrees": 0.0,
    "scale": 0.0,
    "shear": 0.0,
}
ISOTROPIC = (10.0, 10.0, 10.0)


def alone(**parameters: Any) -> Banis:
    """Orientation and one change."""
    return Banis(**(NOTHING | parameters))


def draws(count: int, step: int = 0) -> SampleRandom:
    return SampleRandom(11, step, range(count), torch.device("cpu"))


def batch_of(
    count: int, shape: tuple[int, int, int], lengths: tuple[float, float, float] = ISOTROPIC
) -> Batch:
    """The same sample many times; grey values and labels both name the voxel."""
    labels = torch.arange(1, 1 + int(np.prod(shape)), dtype=torch.int32).reshape(shape)
    image = (labels.float() / 1000)[None]
    return Batch(image.repeat(count, 1, 1, 1, 1), labels.repeat(count, 1, 1, 1), lengths)


def orientations(sample: torch.Tensor, orders: list[tuple[int, ...]]) -> dict[bytes, int]:
    """Every way in which axes can be exchanged and flipped, numbered."""
    ways = [
        sample.permute(order).flip([axis for axis in range(3) if flips[axis]]).contiguous()
        for order, flips in product(orders, product([False, True], repeat=3))
    ]
    return {way.numpy().tobytes(): number for number, way in enumerate(ways)}


@pytest.mark.parametrize(
    ("shape", "lengths", "cubic", "orders"),
    [
        ((3, 3, 3), (20.0, 9.0, 9.0), True, list(permutations(range(3)))),
        ((3, 3, 3), (20.0, 9.0, 9.0), False, [(0, 1, 2), (0, 2, 1)]),
        ((2, 3, 3), ISOTROPIC, True, [(0, 1, 2), (0, 2, 1)]),
        ((3, 2, 3), ISOTROPIC, False, [(0, 1, 2), (2, 1, 0)]),
        ((2, 3, 4), ISOTROPIC, True, [(0, 1, 2)]),
    ],
)
def test_every_orientation_is_as_likely(
    shape: tuple[int, int, int],
    lengths: tuple[float, float, float],
    cubic: bool,
    orders: list[tuple[int, ...]],
) -> None:
    batch = batch_of(20 * 8 * len(orders), shape, lengths)
    changed = alone(probability=0.0, cubic_voxels=cubic).apply(batch, draws(len(batch.labels_BZYX)))
    known = orientations(batch.labels_BZYX[0], orders)
    assert len(known) == 8 * len(orders)
    counts = Counter(known[labels.numpy().tobytes()] for labels in changed.labels_BZYX)
    assert len(counts) == 8 * len(orders)
    assert max(counts.values()) < 45
    assert torch.equal(changed.image_BCZYX[:, 0], changed.labels_BZYX.float() / 1000)


def test_quarter_turns_are_among_them() -> None:
    cube = torch.arange(27).reshape(3, 3, 3)
    known = orientations(cube, list(permutations(range(3))))
    for plane in ((0, 1), (0, 2), (1, 2)):
        for quarters in range(4):
            assert cube.rot90(quarters, plane).contiguous().numpy().tobytes() in known


@pytest.mark.parametrize("cubic", [True, False])
def test_dropped_sections_are_black_and_keep_their_labels(cubic: bool) -> None:
    batch = batch_of(200, (6, 6, 6))
    banis = alone(dropped_sections=0.3, cubic_voxels=cubic)
    changed = banis.apply(batch, draws(200))
    dropped: Counter[int] = Counter()
    total = 0
    for image, labels in zip(changed.image_BCZYX[:, 0], changed.labels_BZYX, strict=True):
        assert sorted(labels.flatten().tolist()) == list(range(1, 217))
        black = image == 0
        assert torch.equal(image[~black], labels[~black].float() / 1000)
        if not black.any() or black.all():
            continue
        sections = [[bool(black.select(axis, i).all()) for i in range(6)] for axis in range(3)]
        (axis,) = [axis for axis in range(3) if any(sections[axis])]
        assert black.sum() == 36 * sum(sections[axis])
        dropped[axis] += 1
        total += sum(sections[axis])
    assert set(dropped) == ({0, 1, 2} if cubic else {0})
    assert 200 * 6 * 0.25 < total < 200 * 6 * 0.35


def shift_of(labels: torch.Tensor, whole: torch.Tensor) -> tuple[int, int]:
    """How far a plane of different labels was moved, found by looking for its known voxels."""
    down, along = next(
        (down, along)
        for down, along in product(range(-3, 4), repeat=2)
        if all(
            labels[y, x]
            == (
                whole[y - down, x - along]
                if 0 <= y - down < labels.shape[0] and 0 <= x - along < labels.shape[1]
                else -1
            )
            for y, x in product(*map(range, labels.shape))
        )
    )
    return down, along


def test_shifted_sections_take_their_labels_along() -> None:
    batch = batch_of(60, (1, 7, 9), (30.0, 5.0, 10.0))
    banis = alone(shifted_sections=1.0, most_shift=3, cubic_voxels=False)
    changed = banis.apply(batch, draws(60))
    ways = [batch.labels_BZYX[0, 0].flip(list(axes)) for axes in ((), (0,), (1,), (0, 1))]
    found = set()
    for image, labels in zip(changed.image_BCZYX[:, 0, 0], changed.labels_BZYX[:, 0], strict=True):
        known = labels != -1
        assert torch.equal(image[known], labels[known].float() / 1000)
        assert (image > 0).all()
        whole = next(way for way in ways if _is_moved(labels, way))
        found.add(shift_of(labels, whole))
    downs, alongs = zip(*found, strict=True)
    assert set(downs) == set(alongs) == set(range(-3, 4))


def _is_moved(labels: torch.Tensor, whole: torch.Tensor) -> bool:
    try:
        shift_of(labels, whole)
    except StopIteration:
        return False
    return True


def test_what_comes_into_view_is_mirrored() -> None:
    image = torch.arange(1.0, 6.0).reshape(1, 1, 1, 1, 5).repeat(600, 1, 1, 1, 1)
    batch = Batch(image, torch.ones(600, 1, 1, 5, dtype=torch.int32), (30.0, 5.0, 5.0))
    banis = alone(shifted_sections=1.0, most_shift=2, cubic_voxels=False)
    changed = banis.apply(batch, draws(600))
    both = torch.cat([changed.image_BCZYX.flatten(1), changed.labels_BZYX.flatten(1)], 1)
    seen = {tuple(each) for each in both.tolist()}
    known = {  # where the one row stays in its place; where it does not, all is unknown
        (1, 2, 3, 4, 5, 1, 1, 1, 1, 1),
        (2, 1, 2, 3, 4, -1, 1, 1, 1, 1),
        (3, 2, 1, 2, 3, -1, -1, 1, 1, 1),
        (2, 3, 4, 5, 4, 1, 1, 1, 1, -1),
        (3, 4, 5, 4, 3, 1, 1, 1, -1, -1),
    }
    unflipped = known | {(*each[:5], -1, -1, -1, -1, -1) for each in known}
    flipped = {tuple(6 - grey for grey in each[:5]) + each[5:] for each in unflipped}
    assert seen == unflipped | flipped


def test_sections_across_other_axes_are_shifted_too() -> None:
    batch = batch_of(100, (7, 7, 7))
    changed = alone(shifted_sections=0.2, most_shift=2).apply(batch, draws(100))
    moved_along = Counter(
        axis
        for labels in changed.labels_BZYX
        for axis in range(3)
        if any((labels.select(axis, i) == -1).any() for i in range(7))
        and not all((labels.select(axis, i) == -1).any() for i in range(7))
    )
    assert set(moved_along) == {0, 1, 2}


def test_grey_values() -> None:
    batch = batch_of(300, (2, 3, 4))
    changed = alone(contrast=0.1, brightness=0.2).apply(batch, draws(300))
    values = changed.labels_BZYX.flatten(1).double().numpy() / 1000
    factors, added = [], []
    for before, after in zip(values, changed.image_BCZYX.flatten(1).double().numpy(), strict=True):
        factor, offset = np.polyfit(before, after, 1)
        np.testing.assert_allclose(before * factor + offset, after, atol=1e-6)
        factors.append(factor)
        added.append(offset)
    assert 0.9 <= min(factors) < 0.91
    assert 1.09 < max(factors) <= 1.1
    assert -0.2 <= min(added) < -0.18
    assert 0.18 < max(added) <= 0.2


def test_noise() -> None:
    batch = batch_of(200, (8, 8, 8))
    changed = alone(noise=0.5).apply(batch, draws(200))
    added = changed.image_BCZYX[:, 0] - changed.labels_BZYX.float() / 1000
    strengths = added.flatten(1).std(1)
    assert added.mean().abs() < 0.01
    assert strengths.min() < 0.02
    assert 0.45 < strengths.max() < 0.55


def test_each_change_is_made_to_a_share_of_the_samples() -> None:
    batch = batch_of(400, (3, 4, 5))
    for change in ({"dropped_sections": 1.0}, {"brightness": 0.1}, {"noise": 0.1}, {"scale": 0.2}):
        changed = alone(**(change | {"probability": 0.25})).apply(batch, draws(400))
        same = (changed.image_BCZYX[:, 0] == changed.labels_BZYX.float() / 1000).flatten(1).all(1)
        assert 260 < int(same.sum()) < 340


@pytest.mark.parametrize("seed", range(6))
def test_affine_maps_equal_those_of_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(int(size) for size in random.integers(1, 9, 3))
    lengths = (20.0, 9.0, 9.0) if seed % 2 else (1.0, 1.0, 1.0)
    matrix = np.eye(3) + random.uniform(-0.5, 0.5, (3, 3))
    image = random.random(shape).astype(np.float32)
    labels = random.integers(-1, 2**31 - 1, shape)
    of_voxels = np.diag(1 / np.array(lengths)) @ matrix @ np.diag(lengths)
    centre = (np.array(shape) - 1) / 2
    offset = centre - of_voxels @ centre
    expected = [
        ndimage.affine_transform(array, of_voxels, offset, order=order, mode="mirror")
        for array, order in ((image.astype(np.float64), 1), (labels, 0))
    ]
    found_image, found_labels = moved(
        torch.from_numpy(image)[None], torch.from_numpy(labels), torch.from_numpy(matrix), lengths
    )
    np.testing.assert_allclose(found_image[0].numpy(), expected[0], atol=1e-4)
    assert (found_labels.numpy() == expected[1]).mean() > 0.98  # ties may round either way


def test_the_affine_map_stretches_then_shears_then_turns() -> None:
    angles, stretches, shears = [10.0, 20.0, 30.0], [0.9, 1.1, 1.2], [0.1, 0.2, 0.3, 0.4, 0.5, -0.1]
    a, b, c = (radians(each) for each in angles)
    about_z = np.array([[1, 0, 0], [0, cos(a), -sin(a)], [0, sin(a), cos(a)]])
    about_y = np.array([[cos(b), 0, -sin(b)], [0, 1, 0], [sin(b), 0, cos(b)]])
    about_x = np.array([[cos(c), -sin(c), 0], [sin(c), cos(c), 0], [0, 0, 1]])
    shear = np.array([[1, 0.1, 0.2], [0.3, 1, 0.4], [0.5, -0.1, 1]])
    expected = about_z @ about_y @ about_x @ shear @ np.diag(stretches)
    found = affine_map(torch.tensor(angles), torch.tensor(stretches), torch.tensor(shears))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-7)


def test_what_is_switched_off_changes_no_bit() -> None:
    batch = batch_of(20, (4, 5, 6))
    changed = alone(probability=1.0).apply(batch, draws(20))
    assert torch.equal(changed.image_BCZYX[:, 0], changed.labels_BZYX.float() / 1000)


@pytest.mark.parametrize("cubic", [True, False])
def test_four_samples_are_four_times_one(cubic: bool) -> None:
    batch = batch_of(4, (6, 8, 8), (20.0, 9.0, 9.0))
    banis = Banis(cubic_voxels=cubic)
    for step in range(8):
        whole = banis.apply(batch, draws(4, step))
        for index in range(4):
            part = Batch(batch.image_BCZYX[:1], batch.labels_BZYX[:1], batch.voxel_size_nm)
            one = banis.apply(part, SampleRandom(11, step, [index], torch.device("cpu")))
            assert torch.equal(one.image_BCZYX[0], whole.image_BCZYX[index])
            assert torch.equal(one.labels_BZYX[0], whole.labels_BZYX[index])


@pytest.mark.parametrize("cubic", [True, False])
def test_conforms(cubic: bool) -> None:
    banis = Banis(cubic_voxels=cubic)
    conform(banis)
    conform(banis, shape=(12, 12, 12), voxel_size_nm=(20.0, 9.0, 9.0), image_channels=2)
