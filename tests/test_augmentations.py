"""What holds of every augmentation, and flips and quarter turns."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from attrs import evolve

from neurokit import Augmentation, Batch, NeurokitError, SampleRandom
from neurokit.components.augmentations.damage import BlurredSections, MissingBox, MissingSections
from neurokit.components.augmentations.em_neuron import EmNeuron
from neurokit.components.augmentations.grey import Contrast, Noise, SectionContrast
from neurokit.components.augmentations.one_of import OneOf
from neurokit.components.augmentations.orientation import Flip, Plane, Rotate90
from neurokit.components.augmentations.shifts import LostSection, Misalignment
from neurokit.components.augmentations.warp import Warp
from neurokit.components.datasets.phantom import Phantom

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


def placed(
    samples: int,
    shape: tuple[int, int, int],
    voxel_size_nm: tuple[float, float, float] = (30.0, 6.0, 6.0),
    dtype: torch.dtype = torch.int64,
) -> Batch:
    """Samples whose image tells of each voxel where it was (z, y, x), and whose labels do, too."""
    axes = [torch.arange(size, dtype=torch.float32) for size in shape]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij")).repeat(samples, 1, 1, 1, 1)
    return Batch(places, labels_at(places, shape, dtype), voxel_size_nm)


def labels_at(
    places_B3ZYX: torch.Tensor, shape: Sequence[int], dtype: torch.dtype = torch.int64
) -> torch.Tensor:
    """The labels that `placed` gives to the voxels nearest to these places: huge, and all other."""
    z, y, x = places_B3ZYX.round().long().unbind(1)
    number = (z * shape[1] + y) * shape[2] + x
    return (torch.iinfo(dtype).max - number).to(dtype)


def alone(whole: Batch, samples: Sequence[int]) -> Batch:
    """Some samples of a batch, as a batch."""
    rows = list(samples)
    return Batch(whole.image_BCZYX[rows], whole.labels_BZYX[rows], whole.voxel_size_nm)


def repeated(samples: int) -> Batch:
    """The same sample again and again."""
    one = batch(1)
    return Batch(
        one.image_BCZYX.expand(samples, -1, -1, -1, -1),
        one.labels_BZYX.expand(samples, -1, -1, -1),
        one.voxel_size_nm,
    )


AUGMENTATIONS: list[Augmentation] = [
    Flip(),
    Flip(axes="x"),
    Flip(probability=1.0),
    Rotate90(),
    Rotate90(planes=ALL_PLANES),
    Rotate90(probability=1.0),
]
MOVING: list[Augmentation] = [
    Flip(),
    Rotate90(),
    Warp(),
    Warp(probability=1.0, displacement_z_nm=15.0, tilt_degrees=30.0),
    Misalignment(probability=0.5, displacement_nm=40.0),
    Misalignment(slip_probability=0.0, displacement_nm=500.0),
    LostSection(),
    LostSection(most=4),
]
STILL: list[Augmentation] = [
    Contrast(),
    Noise(probability=0.5),
    SectionContrast(),
    SectionContrast(probability=0.5, gamma=0.3, fade_probability=0.4),
    MissingSections(),
    MissingSections(probability=0.5, most=1),
    BlurredSections(),
    BlurredSections(probability=0.5, sigma_nm=(60.0, 80.0)),
    MissingBox(),
    MissingBox(probability=0.5, size_nm=(10.0, 1e4), depth_nm=(0.0, 1e4)),
]
TOGETHER: list[Augmentation] = [
    OneOf(choices=(Warp(), Noise(), Misalignment(), Contrast()), probability=0.8),
    EmNeuron(),
]
EVERY = [*MOVING, *STILL, *TOGETHER]
SHAPES = [(5, 12, 12), (1, 9, 9), (2, 8, 8), (3, 1, 1), (1, 1, 1), (7, 17, 17)]


def named(augmentation: object) -> str:
    """A short name in the listing of tests."""
    return type(augmentation).__name__


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("augmentation", EVERY, ids=named)
def test_a_sample_is_the_same_alone_and_in_any_batch(
    augmentation: Augmentation, shape: tuple[int, int, int]
) -> None:
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(-1, 9, (4, *shape), dtype=torch.int32, generator=generator)
    whole = Batch(torch.rand((4, 1, *shape), generator=generator), labels, (30.0, 6.0, 6.0))
    image, labels = whole.image_BCZYX.clone(), whole.labels_BZYX.clone()
    for step in range(5):
        together = augmentation.apply(whole, draws(range(4), step))
        assert together.image_BCZYX.shape == image.shape
        assert together.image_BCZYX.dtype == torch.float32
        assert together.image_BCZYX.isfinite().all()
        assert together.labels_BZYX.dtype == torch.int32
        assert together.voxel_size_nm == whole.voxel_size_nm
        for samples in ([0], [1], [2], [3], [3, 1], [1, 3, 0]):
            part = augmentation.apply(alone(whole, samples), draws(samples, step))
            assert torch.equal(part.image_BCZYX, together.image_BCZYX[samples])
            assert torch.equal(part.labels_BZYX, together.labels_BZYX[samples])
    assert torch.equal(whole.image_BCZYX, image), "the batch that came in was changed"
    assert torch.equal(whole.labels_BZYX, labels), "the batch that came in was changed"


@pytest.mark.parametrize("augmentation", EVERY, ids=named)
def test_what_a_sample_draws_later_does_not_depend_on_the_others(
    augmentation: Augmentation,
) -> None:
    for step in range(8):
        random = draws(range(4), step)
        augmentation.apply(batch(4, (5, 12, 12)), random)
        following = random.uniform(0, 1)
        for sample in range(4):
            own = draws([sample], step)
            augmentation.apply(alone(batch(4, (5, 12, 12)), [sample]), own)
            assert torch.equal(own.uniform(0, 1), following[[sample]])


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("augmentation", MOVING, ids=named)
def test_every_label_stays_with_its_tissue(augmentation: Augmentation, dtype: torch.dtype) -> None:
    shape = (6, 15, 15)
    known = 0
    for step in range(6):
        after = augmentation.apply(placed(3, shape, dtype=dtype), draws(range(3), step))
        expected = labels_at(after.image_BCZYX, shape, dtype)
        # Halfway between two voxels, the last bit of the image decides which is nearest.
        part = after.image_BCZYX - after.image_BCZYX.floor()
        undecided = ((part - 0.5).abs() < 1e-3).any(1)
        ignored = after.labels_BZYX == -1
        assert after.labels_BZYX.dtype == dtype
        assert torch.equal(
            after.labels_BZYX[~undecided & ~ignored], expected[~undecided & ~ignored]
        )
        known += int((~undecided & ~ignored).sum())
    assert known > 6 * 3 * 6 * 15 * 15 / 10


@pytest.mark.parametrize("augmentation", STILL, ids=named)
def test_what_changes_the_image_alone_leaves_labels(augmentation: Augmentation) -> None:
    before = batch(4, (5, 12, 12))
    after = augmentation.apply(before, draws(range(4)))
    assert torch.equal(after.labels_BZYX, before.labels_BZYX)
    assert not torch.equal(after.image_BCZYX, before.image_BCZYX)


@pytest.mark.parametrize(
    "augmentation", [*MOVING, OneOf(choices=tuple(MOVING)), EmNeuron()], ids=named
)
def test_labels_fit_a_phantom(augmentation: Augmentation) -> None:
    """Neurites painted in greys of their own: inside them, greys and labels must still agree."""
    (volume,) = Phantom(shape=(14, 40, 40), seed=5, voxel_size_nm=(10.0, 10.0, 10.0)).volumes()
    assert volume.labels is not None
    labels = torch.from_numpy(volume.labels[...].astype("int64"))[None].repeat(6, 1, 1, 1)
    painted = Batch(_paint(labels)[:, None], labels, volume.voxel_size_nm)
    if isinstance(augmentation, EmNeuron):
        augmentation = _without_greys(augmentation)
    after = augmentation.apply(painted, draws(range(6), 1))
    off = (after.image_BCZYX[:, 0] - _paint(after.labels_BZYX)).abs() > 1e-4
    judged = _inside(after.labels_BZYX) & (after.labels_BZYX != -1)
    assert judged.sum() > 0.1 * judged.numel()
    assert off[judged].double().mean() < 0.01  # slivers between voxels that all agree
    assert not torch.equal(after.labels_BZYX, labels)
    # The same labels, elsewhere, do not fit.
    wrong = (after.image_BCZYX[:, 0] - _paint(after.labels_BZYX.roll(9, 3))).abs() > 1e-4
    assert wrong[judged].double().mean() > 0.1


def _paint(labels: torch.Tensor) -> torch.Tensor:
    return (labels * 37 % 101).float() / 100


def _without_greys(whole: EmNeuron) -> EmNeuron:
    return evolve(
        whole,
        defect=OneOf(choices=(Misalignment(), LostSection())),
        section_contrast=SectionContrast(probability=0.0),
        contrast=Contrast(probability=0.0),
        noise=Noise(probability=0.0),
    )


def _inside(labels_BZYX: torch.Tensor) -> torch.Tensor:
    """Voxels all of whose neighbours, and theirs, in the volume have their label."""
    inside = torch.ones_like(labels_BZYX, dtype=torch.bool)
    for axis in (1, 2, 3):
        size = labels_BZYX.shape[axis]
        for distance in (1, 2):
            low = labels_BZYX.narrow(axis, 0, size - distance)
            high = labels_BZYX.narrow(axis, distance, size - distance)
            inside.narrow(axis, distance, size - distance).logical_and_(low == high)
            inside.narrow(axis, 0, size - distance).logical_and_(low == high)
    return inside


@pytest.mark.parametrize(
    "component",
    [
        *(Flip, Rotate90, Warp, Contrast, SectionContrast, Noise),
        *(Misalignment, LostSection, MissingSections, BlurredSections, MissingBox),
    ],
)
def test_a_probability_of_0_changes_nothing_and_of_1_every_sample(
    component: type[Augmentation],
) -> None:
    before = batch(30, (5, 16, 16))
    still = component(probability=0.0).apply(before, draws(range(30)))  # type: ignore[call-arg]
    assert torch.equal(still.image_BCZYX, before.image_BCZYX)
    assert torch.equal(still.labels_BZYX, before.labels_BZYX)
    after = component(probability=1.0).apply(before, draws(range(30)))  # type: ignore[call-arg]
    changed = (after.image_BCZYX != before.image_BCZYX).flatten(1).any(1)
    assert changed.all()
    half = component(probability=0.5).apply(before, draws(range(30)))  # type: ignore[call-arg]
    changed = (half.image_BCZYX != before.image_BCZYX).flatten(1).any(1)
    assert changed.any()
    if component not in (Flip, Contrast):  # each sample has three chances
        assert not changed.all()


@pytest.mark.parametrize("labels", [0, -1])
@pytest.mark.parametrize("augmentation", EVERY, ids=named)
def test_background_and_what_is_ignored_stay(augmentation: Augmentation, labels: int) -> None:
    image = torch.rand((2, 1, 5, 12, 12), generator=torch.Generator().manual_seed(0))
    uniform = torch.full((2, 5, 12, 12), labels, dtype=torch.int32)
    after = augmentation.apply(Batch(image, uniform, (30.0, 6.0, 6.0)), draws(range(2)))
    assert set(after.labels_BZYX.flatten().tolist()) <= {labels, -1}


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


def counts(after: torch.Tensor, candidates: Sequence[torch.Tensor]) -> list[int]:
    """How many samples equal each candidate; every sample must equal exactly one."""
    found = [[bool(torch.equal(sample, candidate)) for candidate in candidates] for sample in after]
    assert all(sum(row) == 1 for row in found)
    return [sum(column) for column in zip(*found, strict=True)]


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
