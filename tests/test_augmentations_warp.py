"""Warps: against interpolation by scipy, and the deformations that their parameters promise."""

from __future__ import annotations

from math import degrees

import numpy as np
import pytest
import torch
from attrs import evolve
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates
from test_augmentations import CPU, draws, placed

from neurokit import Batch, NeurokitError, mirrored
from neurokit.components.augmentations.resampling import mirrored_places, spline_weights
from neurokit.components.augmentations.warp import Warp

STIFF = Warp(probability=1.0, displacement_nm=0.0, rotation_degrees=0.0, scale=0.0, shear=0.0)


def sources(
    warp: Warp,
    samples: int,
    shape: tuple[int, int, int],
    voxel_size_nm: tuple[float, float, float],
) -> torch.Tensor:
    """Where each voxel of warped samples came from, in nanometres from the centre, B3ZYX."""
    whole = placed(samples, shape, voxel_size_nm)
    return in_nm(warp.apply(whole, draws(range(samples))))


def in_nm(whole: Batch) -> torch.Tensor:
    """The places that the image of a batch tells, in nanometres from the centre."""
    centre = (torch.tensor(whole.labels_BZYX.shape[1:]) - 1) / 2
    lengths = torch.tensor(whole.voxel_size_nm)
    return (whole.image_BCZYX - centre[:, None, None, None]) * lengths[:, None, None, None]


@pytest.mark.parametrize("shape", [(5, 18, 23), (1, 9, 9), (4, 1, 7), (2, 2, 2)])
@pytest.mark.parametrize("settings", [{}, {"displacement_z_nm": 20.0, "tilt_degrees": 60.0}])
def test_images_are_interpolated_as_by_scipy(
    settings: dict[str, float], shape: tuple[int, int, int]
) -> None:
    warp = Warp(probability=1.0, **settings)
    generator = torch.Generator().manual_seed(1)
    for step in range(4):
        texture = torch.rand((3, 1, *shape), generator=generator)
        whole = placed(3, shape, (20.0, 8.0, 6.0))
        both = evolve(whole, image_BCZYX=torch.cat([whole.image_BCZYX, texture], 1))
        after = warp.apply(both, draws(range(3), step)).image_BCZYX
        for sample in range(3):
            expected = map_coordinates(
                texture[sample, 0].double().numpy(),
                after[sample, :3].double().numpy(),
                order=1,
                mode="mirror",
            )
            np.testing.assert_allclose(after[sample, 3].numpy(), expected, atol=2e-5)


def test_sections_stay_apart_unless_asked() -> None:
    whole = placed(4, (5, 20, 20))
    after = Warp(probability=1.0).apply(whole, draws(range(4)))
    assert torch.allclose(after.image_BCZYX[:, 0], whole.image_BCZYX[:, 0], atol=1e-5)
    for settings in ({"displacement_z_nm": 30.0}, {"tilt_degrees": 20.0}):
        after = Warp(probability=1.0, **settings).apply(whole, draws(range(4)))
        moved_z = (after.image_BCZYX[:, 0] - whole.image_BCZYX[:, 0]).abs()
        assert moved_z.max() > 0.3


def test_a_warp_that_moves_nothing_is_none() -> None:
    whole = placed(2, (4, 11, 8))
    for warp in (STIFF, evolve(STIFF, tilt_degrees=1e-6)):
        after = warp.apply(whole, draws(range(2)))
        assert torch.allclose(after.image_BCZYX, whole.image_BCZYX, atol=1e-4)
        assert torch.equal(after.labels_BZYX, whole.labels_BZYX)


def test_displacements_have_their_strength_everywhere_and_are_smooth() -> None:
    shape, voxel_size_nm = (3, 41, 37), (30.0, 6.0, 8.0)
    warp = evolve(STIFF, displacement_nm=12.0, spacing_nm=60.0)
    after = sources(warp, 500, shape, voxel_size_nm)
    displaced = (after - in_nm(placed(1, shape, voxel_size_nm)))[:, 1:]
    unmirrored = displaced[..., 10:-10, 8:-8]
    assert unmirrored.mean(0).abs().max() < 3
    deviation = unmirrored.std(0)
    assert deviation.min() > 0.85 * 12
    assert deviation.max() < 1.15 * 12
    for axis, length_nm in ((-3, 30), (-2, 6), (-1, 8)):
        gradient = unmirrored.diff(dim=axis) / length_nm
        assert 0.8 * 12 / 60 < gradient.std() < 1.4 * 12 / 60
        bend = gradient.diff(dim=axis)  # a kink between grid points would be as large as a gradient
        assert axis == -3 or bend.abs().max() < 0.5 * gradient.abs().max()


def test_displacements_along_z_have_their_own_strength() -> None:
    shape, voxel_size_nm = (31, 15, 15), (8.0, 8.0, 8.0)
    warp = evolve(STIFF, displacement_z_nm=14.0, spacing_nm=80.0)
    after = sources(warp, 300, shape, voxel_size_nm)
    displaced = (after - in_nm(placed(1, shape, voxel_size_nm)))[:, :, 10:-10]
    assert displaced[:, 1:].abs().max() < 1e-3
    assert 0.9 * 14 < displaced[:, 0].std(0).mean() < 1.1 * 14


def test_tissue_hardly_ever_folds() -> None:
    warp = evolve(STIFF, displacement_nm=40.0, spacing_nm=160.0)
    after = sources(warp, 60, (1, 80, 80), (10.0, 10.0, 10.0))[:, 1:, 0, 20:-20, 20:-20]
    (yy, xy), (yx, xx) = (after.diff(dim=axis)[:, :, :39, :39].unbind(1) for axis in (-2, -1))
    folded = (yy * xx - xy * yx) / 100 <= 0
    assert folded.double().mean() < 0.002


def _linear_map(after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """The matrix that maps places before to those after, from all voxels; it must fit them all."""
    flat_before = before.flatten(1).T.double()
    flat_after = after.flatten(1).T.double()
    matrix: torch.Tensor = torch.linalg.lstsq(flat_before, flat_after).solution.T
    assert torch.allclose(flat_before @ matrix.T, flat_after, atol=1e-2)
    return matrix


def _maps(warp: Warp, samples: int = 60) -> list[torch.Tensor]:
    """The linear maps of warps in nanometres (z, y, x), seen in the middle of long samples."""
    shape, voxel_size_nm = (17, 21, 29), (10.0, 8.0, 6.0)
    middle = (slice(6, 11), slice(8, 13), slice(12, 17))
    before = in_nm(placed(1, shape, voxel_size_nm))[(0, slice(None), *middle)]
    after = sources(warp, samples, shape, voxel_size_nm)[(slice(None), slice(None), *middle)]
    return [_linear_map(each, before) for each in after]


def test_rotations_keep_distances_in_nanometres() -> None:
    angles = []
    for matrix in _maps(evolve(STIFF, rotation_degrees=30.0)):
        assert torch.allclose(matrix @ matrix.T, torch.eye(3).double(), atol=1e-3)
        assert matrix[0, 0] == pytest.approx(1, abs=1e-4)
        angles.append(degrees(torch.atan2(matrix[2, 1], matrix[1, 1]).item()))
    assert -30 < min(angles) < -24
    assert 24 < max(angles) < 30


def test_tilts_keep_distances_and_leave_the_plane_about_any_axis() -> None:
    about, tilts = [], []
    for matrix in _maps(evolve(STIFF, tilt_degrees=30.0)):
        assert torch.allclose(matrix @ matrix.T, torch.eye(3).double(), atol=1e-3)
        assert torch.linalg.det(matrix) > 0
        tilts.append(degrees(torch.acos(matrix[0, 0].clamp(-1, 1)).item()))
        about.append(degrees(torch.atan2(matrix[0, 2], matrix[0, 1]).item()) % 180)
    assert 25 < max(tilts) < 30.1
    assert min(about) < 30
    assert max(about) > 150
    assert any(70 < angle < 110 for angle in about)


def test_scales_and_shears_stay_within_their_bounds() -> None:
    factors = []
    for matrix in _maps(evolve(STIFF, scale=0.2)):
        assert torch.allclose(matrix, matrix.diag().diag(), atol=1e-3)
        assert matrix[0, 0] == pytest.approx(1, abs=1e-4)
        factors.append(matrix.diag()[1:])
    y, x = torch.stack(factors).T
    for each in (y, x):
        assert 0.8 < each.min() < 0.85
        assert 1.15 < each.max() < 1.2
    assert torch.corrcoef(torch.stack([y, x]))[0, 1].abs() < 0.5
    shears = []
    for matrix in _maps(evolve(STIFF, shear=0.3)):
        expected = torch.eye(3).double()
        expected[2, 1] = matrix[2, 1]
        assert torch.allclose(matrix, expected, atol=1e-3)
        shears.append(matrix[2, 1].item())
    assert -0.3 < min(shears) < -0.24
    assert 0.24 < max(shears) < 0.3


def test_anisotropic_tissue_is_warped_the_same_at_any_resolution() -> None:
    """Half the voxel size shows the same deformation with twice the detail."""
    warp = Warp(probability=1.0, spacing_nm=100.0, displacement_nm=20.0, rotation_degrees=20.0)
    coarse = sources(warp, 3, (1, 25, 25), (30.0, 8.0, 8.0))
    fine = sources(warp, 3, (1, 49, 49), (30.0, 4.0, 4.0))
    # Mirrored at the same lines; but a fine voxel's place is read between others on the image.
    assert torch.allclose(coarse, fine[..., ::2, ::2], atol=0.05)


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_places_are_mirrored_as_positions_are(size: int) -> None:
    whole = torch.arange(-35, 36)
    expected = torch.from_numpy(mirrored(whole.numpy(), size))
    assert torch.equal(mirrored_places(whole, size), expected)
    assert torch.equal(mirrored_places(whole.float(), size), expected.float())
    if size > 1:
        between = mirrored_places(whole + 0.25, size)
        low, high = expected, torch.from_numpy(mirrored(whole.numpy() + 1, size))
        assert torch.equal(between, low + 0.25 * (high - low))


@pytest.mark.parametrize(("size", "step"), [(9, 0.3), (1, 2.0), (12, 1.0), (5, 1.7), (40, 0.01)])
def test_spline_weights_are_those_of_scipy(size: int, step: float) -> None:
    weights = spline_weights(size, step, CPU).double().numpy()
    points = weights.shape[1]
    basis = BSpline(np.arange(-3, points + 1), np.eye(points), 3)(np.arange(size) * step)
    expected = basis / np.linalg.norm(basis, axis=1, keepdims=True)
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def test_displacements_that_would_fold_are_refused() -> None:
    with pytest.raises(NeurokitError) as error:
        Warp(displacement_nm=90.0)
    assert str(error.value) == (
        "displacement_nm 90 would fold tissue over itself where spacing_nm is 300; "
        "take at most 75, or a wider spacing"
    )
    with pytest.raises(NeurokitError, match=r"^displacement_z_nm 30 would fold"):
        Warp(displacement_z_nm=30.0, displacement_nm=0.0, spacing_nm=100.0)
