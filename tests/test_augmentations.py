from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from neurokit import Augmentation, Batch, NeurokitError, SampleRandom
from neurokit.components.augmentations import Flip, Plane, Rotate90, SectionContrast

CPU = torch.device("cpu")
ALL_PLANES: tuple[Plane, ...] = ("yx", "zx", "zy")


def batch(
    samples: int, shape: tuple[int, int, int] = (4, 4, 4), seed: int = 0, channels: int = 1
) -> Batch:
    """Samples in which no two voxels look alike, their labels a function of the first channel."""
    generator = torch.Generator().manual_seed(seed)
    count = channels * shape[0] * shape[1] * shape[2]
    rows = [torch.randperm(count, generator=generator) for _ in range(samples)]
    image = torch.stack(rows).reshape(samples, channels, *shape).float()
    return Batch(image, labels_of(image), (6.0, 6.0, 6.0))


def labels_of(image_BCZYX: torch.Tensor) -> torch.Tensor:
    """Labels from -1 upwards that can be computed again wherever the voxels went."""
    return image_BCZYX[:, 0].long() % 7 - 1


def draws(indices: Sequence[int], step: int = 0) -> SampleRandom:
    return SampleRandom(42, step, indices, CPU)


AUGMENTATIONS: list[Augmentation] = [
    Flip(),
    Flip(axes="x"),
    Flip(probability=1.0),
    Rotate90(),
    Rotate90(planes=ALL_PLANES),
    Rotate90(probability=1.0),
]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_labels_follow_the_image(augmentation: Augmentation) -> None:
    for step in range(10):
        before = batch(4, seed=step, channels=2)
        after = augmentation.apply(before, draws(range(4), step))
        assert torch.equal(after.labels_BZYX, labels_of(after.image_BCZYX))
        assert after.image_BCZYX.shape == before.image_BCZYX.shape
        assert after.image_BCZYX.dtype == torch.float32
        assert after.labels_BZYX.dtype == torch.int64
        assert after.voxel_size_nm == before.voxel_size_nm
        for old, new in zip(before.image_BCZYX, after.image_BCZYX, strict=True):
            assert torch.equal(old.flatten(1).sort().values, new.flatten(1).sort().values)


@pytest.mark.parametrize("augmentation", [*AUGMENTATIONS, SectionContrast()])
def test_the_batch_that_came_in_is_not_changed(augmentation: Augmentation) -> None:
    given = batch(6)
    image, labels = given.image_BCZYX.clone(), given.labels_BZYX.clone()
    augmentation.apply(given, draws(range(6)))
    assert torch.equal(given.image_BCZYX, image)
    assert torch.equal(given.labels_BZYX, labels)


@pytest.mark.parametrize("augmentation", [*AUGMENTATIONS, SectionContrast()])
def test_a_sample_does_not_depend_on_its_batch(augmentation: Augmentation) -> None:
    whole = batch(8)
    together = augmentation.apply(whole, draws(range(8)))
    for indices in ([3], [6, 1], [7, 0, 5, 2]):
        part = Batch(whole.image_BCZYX[indices], whole.labels_BZYX[indices], whole.voxel_size_nm)
        alone = augmentation.apply(part, draws(indices))
        assert torch.equal(alone.image_BCZYX, together.image_BCZYX[indices])
        assert torch.equal(alone.labels_BZYX, together.labels_BZYX[indices])


@pytest.mark.parametrize("augmentation", [Flip(probability=0.0), Rotate90(probability=0.0)])
def test_probability_zero_changes_nothing(augmentation: Augmentation) -> None:
    before = batch(5)
    after = augmentation.apply(before, draws(range(5)))
    assert torch.equal(after.image_BCZYX, before.image_BCZYX)


def counts(after: torch.Tensor, candidates: Sequence[torch.Tensor]) -> list[int]:
    """How many samples equal each candidate; every sample must equal exactly one."""
    found = [[bool(torch.equal(sample, candidate)) for candidate in candidates] for sample in after]
    assert all(sum(row) == 1 for row in found)
    return [sum(column) for column in zip(*found, strict=True)]


def repeated(samples: int) -> Batch:
    one = batch(1)
    return Batch(
        one.image_BCZYX.expand(samples, -1, -1, -1, -1),
        one.labels_BZYX.expand(samples, -1, -1, -1),
        one.voxel_size_nm,
    )


def test_all_eight_flips_are_equally_common() -> None:
    before = repeated(800)
    after = Flip().apply(before, draws(range(800)))
    sample = before.image_BCZYX[0]
    candidates = [
        sample.flip(axes) for n in range(4) for axes in itertools.combinations((1, 2, 3), n)
    ]
    assert len(candidates) == 8
    assert all(60 < count < 140 for count in counts(after.image_BCZYX, candidates))


def test_only_the_named_axes_are_flipped() -> None:
    before = repeated(200)
    after = Flip(axes="xz").apply(before, draws(range(200)))
    sample = before.image_BCZYX[0]
    candidates = [sample, sample.flip(1), sample.flip(3), sample.flip(1, 3)]
    assert all(count > 20 for count in counts(after.image_BCZYX, candidates))


def test_a_certain_flip_mirrors_and_undoes_itself() -> None:
    before = batch(3, (3, 5, 2))
    flip = Flip(axes="y", probability=1.0)
    once = flip.apply(before, draws(range(3)))
    assert torch.equal(once.image_BCZYX, before.image_BCZYX.flip(3))
    twice = flip.apply(once, draws(range(3)))
    assert torch.equal(twice.image_BCZYX, before.image_BCZYX)
    assert torch.equal(twice.labels_BZYX, before.labels_BZYX)


@pytest.mark.parametrize(("plane", "dimensions"), [("yx", (2, 3)), ("zx", (1, 3)), ("zy", (1, 2))])
def test_all_four_rotations_of_a_plane_occur(plane: Any, dimensions: tuple[int, int]) -> None:
    before = repeated(600)
    after = Rotate90(planes=(plane,)).apply(before, draws(range(600)))
    sample = before.image_BCZYX[0]
    candidates = [sample.rot90(quarters, dimensions) for quarters in range(4)]
    still, *turned = counts(after.image_BCZYX, candidates)
    assert 240 < still < 360
    assert all(60 < count < 140 for count in turned)


def test_a_certain_turn_never_leaves_a_sample_as_it_was() -> None:
    before = repeated(90)
    after = Rotate90(probability=1.0).apply(before, draws(range(90)))
    sample = before.image_BCZYX[0]
    candidates = [sample.rot90(quarters, (2, 3)) for quarters in (1, 2, 3)]
    assert all(count > 10 for count in counts(after.image_BCZYX, candidates))


def test_the_same_turn_four_times_is_none() -> None:
    before = batch(12)
    turned = before
    for _ in range(4):
        turned = Rotate90(planes=("zy",)).apply(turned, draws(range(12)))
    assert torch.equal(turned.image_BCZYX, before.image_BCZYX)
    assert torch.equal(turned.labels_BZYX, before.labels_BZYX)


def test_turning_in_all_planes_reaches_all_24_orientations() -> None:
    after = Rotate90(planes=ALL_PLANES).apply(repeated(1500), draws(range(1500)))
    assert len({tuple(sample.flatten().tolist()) for sample in after.image_BCZYX}) == 24


def test_anisotropic_voxels_turn_within_sections() -> None:
    given = batch(20, (3, 5, 5))
    given = Batch(given.image_BCZYX, given.labels_BZYX, (30.0, 6.0, 6.0))
    after = Rotate90(probability=1.0).apply(given, draws(range(20)))
    assert not torch.equal(after.image_BCZYX, given.image_BCZYX)
    for z in range(3):
        old = given.image_BCZYX[:, 0, z].flatten(1).sort().values
        assert torch.equal(after.image_BCZYX[:, 0, z].flatten(1).sort().values, old)


def test_unequal_sizes_cannot_be_turned() -> None:
    with pytest.raises(NeurokitError) as raised:
        Rotate90(planes=("yx", "zy")).apply(batch(2, (3, 5, 5)), draws(range(2)))
    assert str(raised.value) == (
        "rotate90 cannot turn samples of 3 x 5 voxels in the plane zy; "
        "make the two sizes equal in train.patch_size, or leave the plane out"
    )


def test_unequal_voxel_sizes_cannot_be_turned() -> None:
    given = batch(2)
    given = Batch(given.image_BCZYX, given.labels_BZYX, (30.0, 6.0, 6.0))
    with pytest.raises(NeurokitError) as raised:
        Rotate90(planes=("zx",)).apply(given, draws(range(2)))
    assert str(raised.value) == (
        "rotate90 cannot turn voxels of 30 x 6 nm in the plane zx: "
        "the tissue would change its shape; leave the plane out"
    )


@pytest.mark.parametrize("axes", ["", "a", "zyxt", "xx", "z y"])
def test_unknown_axes_are_refused(axes: str) -> None:
    with pytest.raises(NeurokitError) as raised:
        Flip(axes=axes)
    assert str(raised.value) == f"axes must be one or more of the letters zyx, not '{axes}'"


@pytest.mark.parametrize(
    ("component", "parameters", "message"),
    [
        (Flip, {"probability": 1.5}, "probability must be at most 1, not 1.5"),
        (Rotate90, {"probability": -1.0}, "probability must be at least 0, not -1.0"),
        (Rotate90, {"planes": ("xy",)}, "planes must be one of yx, zx, zy, not xy"),
    ],
)
def test_impossible_parameters_are_refused(
    component: type[Augmentation], parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        component(**parameters)


def certain_fading() -> SectionContrast:
    return SectionContrast(fade_probability=1.0, fade_contrast=(0.25, 0.25), fade_noise=0.0)


def test_sections_change_by_contrast_and_brightness_alone() -> None:
    given = batch(2, (3, 16, 18))
    changed = SectionContrast(contrast=0.3, fade_probability=0).apply(given, draws(range(2)))
    assert torch.equal(changed.labels_BZYX, given.labels_BZYX)
    gains = set()
    for before, after in zip(
        given.image_BCZYX.flatten(0, 2), changed.image_BCZYX.flatten(0, 2), strict=True
    ):
        gain = after.std() / before.std()
        expected = (before - before.mean()) * gain + after.mean()
        assert torch.allclose(after, expected, rtol=1e-3, atol=1e-1)
        gains.add(round(float(gain), 4))
    assert len(gains) == 6  # each section of each sample has its own


def test_a_faded_section_keeps_its_share_of_contrast() -> None:
    given = batch(2, (3, 16, 18))
    changed = certain_fading().apply(given, draws(range(2)))
    ratio = changed.image_BCZYX.std((-2, -1)) / given.image_BCZYX.std((-2, -1))
    assert torch.allclose(ratio, torch.full_like(ratio, 0.25), rtol=1e-3)


def test_fading_contrasts_must_rise() -> None:
    with pytest.raises(NeurokitError) as error:
        SectionContrast(fade_contrast=(0.5, 0.1))
    assert str(error.value) == "fade_contrast must be two rising numbers, not 0.5, 0.1"
