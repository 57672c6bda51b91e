"""Phantom: tissue that looks, and is as hard, as it should be."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import waterz
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.metrics import adapted_rand_error

from neurokit import NeurokitError
from neurokit.components.datasets.phantom import Phantom
from neurokit.phantom.connectivity import made_whole
from neurokit.phantom.imaging import Imaging, imaged
from neurokit.phantom.noise import grain, wave_noise
from neurokit.phantom.partition import Grid, partition, shares
from neurokit.phantom.skeletons import Skeletons, grow

SMALL: dict[str, Any] = {"shape": (12, 70, 81), "seed": 5}


def arrays(dataset: Phantom, index: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    volume = dataset.volumes()[index]
    assert volume.labels is not None
    return volume.image[...], volume.labels[...]


@pytest.fixture(scope="module")
def tissue() -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    return arrays(Phantom(shape=(32, 160, 160), seed=3))


def is_whole(labels: NDArray[np.uint32]) -> bool:
    """Whether the labels are 1..n without gaps and each is one 6-connected component."""
    count = int(labels.max())
    used = set(np.unique(labels).tolist()) == set(range(1, count + 1))
    return used and int(components_of(labels).max()) == count


def rand_error(truth: NDArray[np.uint32], found: NDArray[Any]) -> float:
    error, _, _ = adapted_rand_error(truth.astype(int), found.astype(int), ignore_labels=[0])  # type: ignore[no-untyped-call]
    return float(error)


def components_of(labels: NDArray[Any]) -> NDArray[np.integer]:
    numbered: NDArray[np.integer] = label(labels, background=0, connectivity=1)  # type: ignore[no-untyped-call]
    return numbered


def at_border(labels: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Pixels beside one of another label in their section."""
    border = np.zeros(labels.shape, bool)
    down, across = labels[:, 1:] != labels[:, :-1], labels[:, :, 1:] != labels[:, :, :-1]
    border[:, 1:] |= down
    border[:, :-1] |= down
    border[:, :, 1:] |= across
    border[:, :, :-1] |= across
    return border


def test_the_same_parameters_give_the_same_voxels() -> None:
    np.random.seed(1)
    first = arrays(Phantom(**SMALL))
    np.random.seed(2)
    again = arrays(Phantom(**SMALL))
    assert (first[0] == again[0]).all()
    assert (first[1] == again[1]).all()


def test_other_seeds_give_other_tissue() -> None:
    image, labels = arrays(Phantom(**SMALL))
    other_image, other_labels = arrays(Phantom(**{**SMALL, "seed": 6}))
    assert (image != other_image).mean() > 0.5
    assert rand_error(labels, other_labels) > 0.2


def test_imaging_leaves_the_tissue_alone() -> None:
    _, labels = arrays(Phantom(**SMALL))
    _, noisier = arrays(Phantom(**SMALL, noise=0.3, damaged_sections=0.5))
    assert (labels == noisier).all()


def test_count_gives_named_volumes_of_other_tissue() -> None:
    one, two = Phantom(**SMALL, count=2).volumes()
    assert (one.name, two.name) == ("phantom-5-0", "phantom-5-1")
    assert (one.image[...] != two.image[...]).mean() > 0.5
    alone = Phantom(**SMALL).volumes()[0]
    assert (one.image[...] == alone.image[...]).all()
    assert one.source == alone.source != two.source


def test_volumes_carry_what_they_are() -> None:
    (volume,) = Phantom(**SMALL).volumes()
    assert volume.image.dtype == np.uint8
    assert volume.labels is not None
    assert volume.labels.dtype == np.uint32
    assert volume.voxel_size_nm == (30.0, 6.0, 6.0)
    assert volume.source.startswith("phantom 1 of (5, 0): Tissue(shape=(12, 70, 81), ")


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"shape": (12, 70, 80)},
        {"voxel_size_nm": (30.0, 6.0, 6.5)},
        {"calibre_nm": (80.0, 400.0)},
        {"branches_per_um": 1.0},
        {"noise": 0.1},
        {"contrast_variation": 0.2},
        {"damaged_sections": 0.0},
        {"jitter_nm": 0.0},
    ],
)
def test_every_parameter_changes_source_and_fingerprint(change: dict[str, Any]) -> None:
    small: dict[str, Any] = {"shape": (3, 9, 9), "seed": 5}
    (volume,) = Phantom(**small).volumes()
    (changed,) = Phantom(**{**small, **change}).volumes()
    assert volume.source != changed.source
    assert volume.fingerprint != changed.fingerprint


@pytest.mark.parametrize(
    ("shape", "voxel_size_nm"),
    [
        ((1, 1, 1), (30.0, 6.0, 6.0)),
        ((3, 5, 7), (30.0, 6.0, 6.0)),
        ((1, 64, 1), (30.0, 6.0, 6.0)),
        ((17, 33, 49), (40.0, 4.0, 4.0)),
        ((40, 41, 42), (10.0, 10.0, 10.0)),
        ((20, 20, 20), (50.0, 50.0, 50.0)),
    ],
)
def test_any_shape_and_voxel_size(
    shape: tuple[int, int, int], voxel_size_nm: tuple[float, float, float]
) -> None:
    image, labels = arrays(Phantom(shape=shape, voxel_size_nm=voxel_size_nm, seed=4))
    assert image.shape == labels.shape == shape
    assert is_whole(labels)


def test_labels_are_whole_and_balanced(tissue: tuple[NDArray[Any], NDArray[Any]]) -> None:
    _, labels = tissue
    assert is_whole(labels)
    assert 20 <= labels.max() <= 80
    assert np.bincount(labels.ravel()).max() < 0.4 * labels.size


def test_neurites_overlap_from_section_to_section(
    tissue: tuple[NDArray[Any], NDArray[Any]],
) -> None:
    _, labels = tissue
    assert (labels[1:] == labels[:-1]).mean() > 0.75


def test_neurites_are_wide_enough_to_follow(tissue: tuple[NDArray[Any], NDArray[Any]]) -> None:
    _, labels = tissue
    within_reach = np.zeros(labels.shape, bool)
    for number in range(1, labels.max() + 1):
        fits = ndimage.binary_opening(labels == number, np.ones((1, 6, 6)))
        within_reach |= fits
    assert within_reach.mean() > 0.9


def test_membranes_are_darker_than_cytoplasm(tissue: tuple[NDArray[Any], NDArray[Any]]) -> None:
    image, labels = tissue
    border = at_border(labels)
    assert np.median(image[~border]) - np.median(image[border]) > 50
    sections = [np.median(s[~b]) - np.median(s[b]) for s, b in zip(image, border, strict=True)]
    assert np.mean(np.array(sections) > 30) > 0.85


def test_membranes_are_dark_all_along(tissue: tuple[NDArray[Any], NDArray[Any]]) -> None:
    image, labels = tissue
    smooth = ndimage.gaussian_filter(image.astype(np.float32), (0, 1, 1))
    border = at_border(labels)
    cytoplasm = np.median(smooth, axis=(1, 2), keepdims=True)
    assert (smooth < cytoplasm - 15)[border].mean() > 0.9


def error_of(
    affinities: NDArray[np.float32], labels: NDArray[np.uint32], threshold: float
) -> float:
    segmentation = next(
        waterz.agglomerate(
            affinities.copy(),
            [threshold],
            aff_threshold_low=0.1,
            aff_threshold_high=0.999,
            scoring_function="OneMinus<HistogramQuantileAffinity"
            "<RegionGraphType,85,ScoreValue,256,true>>",
        )
    )
    return rand_error(labels, np.asarray(segmentation))


def test_true_affinities_are_enough(tissue: tuple[NDArray[Any], NDArray[Any]]) -> None:
    _, labels = tissue
    affinities = np.zeros((3, *labels.shape), np.float32)
    for axis in range(3):
        along = np.moveaxis(labels, axis, 0)
        np.moveaxis(affinities[axis], axis, 0)[1:] = along[1:] == along[:-1]
    assert error_of(affinities, labels, 0.5) < 0.01


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"shape": (0, 5, 5)}, "shape must be at least 1, not 0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"count": 0}, "count must be at least 1, not 0"),
        ({"voxel_size_nm": (1.0, 6.0, 6.0)}, "voxel_size_nm must be at least 2, not 1.0"),
        ({"calibre_nm": (10.0, 500.0)}, "calibre_nm must be at least 40, not 10.0"),
        ({"noise": 0.6}, "noise must be at most 0.5, not 0.6"),
        ({"damaged_sections": 1.0}, "damaged_sections must be at most 0.5, not 1.0"),
        ({"jitter_nm": float("nan")}, "jitter_nm must be at least 0, not nan"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        Phantom(**parameters)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            {"calibre_nm": (300.0, 200.0)},
            "calibre_nm [300, 200] is no range: the thinnest comes first",
        ),
        (
            {"shape": (1000, 1000, 1000)},
            "shape [1000, 1000, 1000] has 1000000000 voxels, and a phantom at most 268435456: "
            "choose smaller volumes, and more of them by count",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameters: dict[str, Any], text: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        Phantom(**parameters)
    assert str(caught.value) == text


def test_made_whole_keeps_the_largest_component_of_each_label() -> None:
    labels = np.array([[[7, 7, 7, 2, 7, 2, 2, 2, 0]]], np.uint32)
    assert made_whole(labels).tolist() == [[[2, 2, 2, 2, 1, 1, 1, 1, 1]]]


@pytest.mark.parametrize("seed", range(5))
def test_made_whole_of_random_labels(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 5, (6, 7, 8)).astype(np.uint32)
    whole = made_whole(labels)
    assert is_whole(whole)
    for number in range(1, 5):
        pieces = components_of(labels == number)
        largest = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
        assert len(np.unique(whole[largest])) == 1


def test_made_whole_drops_small_labels_but_never_all() -> None:
    labels = np.array([[[1, 1, 1, 2, 3, 3]]], np.uint32)
    assert made_whole(labels, smallest=2).tolist()[0][0][:3] == [1, 1, 1]
    assert made_whole(labels, smallest=2).max() == 2
    assert made_whole(labels, smallest=100).tolist() == [[[1, 1, 1, 1, 1, 1]]]
    assert (made_whole(np.zeros((2, 2, 2), np.uint32)) == 0).all()


def test_noise_has_unit_variance() -> None:
    random = np.random.default_rng(0)
    waves = wave_noise(random, (60, 60, 60), 16, 100)
    grains = grain(random, (20, 200, 200), (30, 6, 6), 14)
    assert 0.85 < waves.std() < 1.15
    assert 0.85 < grains.std() < 1.15
    assert np.abs(np.diff(waves, axis=2)).mean() < 0.6


def test_wave_noise_is_a_cubic_spline_of_normals() -> None:
    waves = wave_noise(np.random.default_rng(7), (9, 14, 5), 16.0, 100.0)
    step = 2 * 16 / 100
    sizes = [int(np.ceil(size * step)) + 4 for size in waves.shape]
    lattice = np.random.default_rng(7).standard_normal(sizes, dtype=np.float32)
    expected = ndimage.map_coordinates(
        lattice, 1 + step * np.indices(waves.shape), order=3, prefilter=False
    )
    np.testing.assert_allclose(waves * 0.33, expected, atol=1e-5)


def test_skeletons_are_packed() -> None:
    extent = np.array([900.0, 900.0, 900.0])
    skeletons = grow(np.random.default_rng(0), extent, (80, 400), 0.5)
    assert set(skeletons.owners) == set(range(1, skeletons.owners.max() + 1))
    inside = ((skeletons.points > 0) & (skeletons.points < extent)).all(axis=1)
    points, radii, owners = (
        part[inside] for part in (skeletons.points, skeletons.radii, skeletons.owners)
    )
    distance = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
    other = owners[:, None] != owners
    share_of_reach = np.where(other, distance / (radii[:, None] + radii), np.inf).min(axis=1)
    assert np.median(share_of_reach) > 0.6
    one, two = skeletons.links.T
    assert (skeletons.owners[one] == skeletons.owners[two]).all()


def test_partition_follows_the_skeletons() -> None:
    points = np.array([[z, 100.0, x] for z in range(0, 1000, 40) for x in (100.0, 700.0)])
    owners = np.array([1, 2] * (len(points) // 2))
    radii = np.where(owners == 1, 100.0, 300.0)
    skeletons = Skeletons(points, radii, owners, np.zeros((0, 2), np.int64))
    grid = Grid((50, 30, 50), 16, 0.0)
    labels = partition(np.random.default_rng(0), skeletons, grid)
    assert is_whole(labels)
    # Equal power lies where (x - 100)^2 - 100^2 = (x - 700)^2 - 300^2; shifts move it some nodes.
    border = (700**2 - 300**2) / 1200 / 16
    assert abs((labels == labels[0, 0, 0]).sum(axis=2).mean() - border) < 3


def test_shares_add_up_and_agree_with_labels() -> None:
    labels = np.ones((6, 8, 20), np.uint32)
    labels[:, :, 12:] = 2
    total = np.zeros(labels.shape, np.float32)
    for share in shares(labels, 1.0):
        total[share.box] += share.values
        assert ((share.values > 0.5) == (labels[share.box] == share.neurite)).all()
    np.testing.assert_allclose(total, 1, atol=1e-3)


def test_damage_never_strikes_neighbours() -> None:
    clean = np.full((60, 24, 24), 0.7, np.float32)
    clean[:, :, ::6] = 0.2
    random = np.random.default_rng(3)
    image = imaged(random, clean, (6.0, 6.0), Imaging(0.0, 0.0, 0.5))
    intact = imaged(random, clean[:1], (6.0, 6.0), Imaging(0.0, 0.0, 0.0))[0]
    damaged = (image != intact).any(axis=(1, 2))
    assert 10 < damaged.sum() < 31
    assert not (damaged[1:] & damaged[:-1]).any()
