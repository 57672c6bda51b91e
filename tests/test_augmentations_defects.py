"""Imaging defects of serial sections, against hand-drawn cases and slow ways."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from test_augmentations import batch, draws, placed

from neurokit import Augmentation, Batch, NeurokitError
from neurokit.components.augmentations.damage import BlurredSections, MissingBox, MissingSections
from neurokit.components.augmentations.shifts import LostSection, Misalignment


def changed_boxes(before: Batch, after: Batch) -> list[tuple[slice, ...] | None]:
    """The smallest box around what changed in each sample's image, None where nothing did."""
    boxes: list[tuple[slice, ...] | None] = []
    for old, new in zip(before.image_BCZYX, after.image_BCZYX, strict=True):
        where = (old != new).any(0).nonzero()
        if len(where) == 0:
            boxes.append(None)
            continue
        low, high = where.amin(0).tolist(), where.amax(0).tolist()
        boxes.append(tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True)))
    return boxes


def shifts(after: Batch) -> list[list[tuple[int, int]]]:
    """How far each section of samples made by `placed` was moved (y, x), read off its middle."""
    samples = []
    middle = [size // 2 for size in after.labels_BZYX.shape[2:]]
    for image in after.image_BCZYX:
        here = image[1:, :, middle[0], middle[1]]
        moved = torch.tensor(middle)[:, None] - here.long()
        samples.append([(int(y), int(x)) for y, x in moved.T])
    return samples


def test_a_section_slips_or_all_from_one_on_move() -> None:
    whole = placed(300, (5, 33, 33), (30.0, 5.0, 10.0))
    after = Misalignment(displacement_nm=40.0).apply(whole, draws(range(300)))
    kinds: Counter[tuple[str, int]] = Counter()
    found = set()
    for moved in shifts(after):
        shift = next((each for each in moved if each != (0, 0)), (0, 0))
        if shift == (0, 0):
            continue
        found.add(shift)
        sections = [z for z in range(5) if moved[z] == shift]
        assert all(moved[z] == (0, 0) for z in range(5) if z not in sections)
        slipped = len(sections) == 1 and sections != [4]
        assert slipped or sections == list(range(sections[0], 5))
        kinds["slip" if slipped else "translation", sections[0]] += 1
    # The last section alone may have slipped or be all that is translated: it counts as the latter.
    expected = {*(("slip", z) for z in (1, 2, 3)), *(("translation", z) for z in (1, 2, 3, 4))}
    assert set(kinds) == expected
    assert min(kinds.values()) > 20
    assert {y for y, _ in found} == set(range(-8, 9))
    assert {x for _, x in found} == set(range(-4, 5))


def test_labels_of_a_shifted_section_follow_and_what_comes_into_view_is_ignored() -> None:
    whole = placed(30, (3, 9, 11), (30.0, 6.0, 6.0))
    after = Misalignment(displacement_nm=24.0, slip_probability=1.0).apply(whole, draws(range(30)))
    for sample, moved in enumerate(shifts(after)):
        shift_y, shift_x = moved[1]
        for y in range(9):
            for x in range(11):
                from_y, from_x = y - shift_y, x - shift_x
                known = 0 <= from_y < 9 and 0 <= from_x < 11
                expected = whole.labels_BZYX[sample, 1, from_y, from_x] if known else -1
                assert after.labels_BZYX[sample, 1, y, x] == expected
        assert torch.equal(after.labels_BZYX[sample, [0, 2]], whole.labels_BZYX[sample, [0, 2]])


def test_a_hand_drawn_shift() -> None:
    """A section of 1 x 4 pixels: what comes into view is mirrored, without the edge."""
    image = torch.tensor([10.0, 11.0, 12.0, 13.0]).expand(40, 1, 2, 1, 4)
    labels = torch.tensor([5, 6, 7, 8]).expand(40, 2, 1, 4)
    before = Batch(image, labels, (30.0, 6.0, 6.0))
    after = Misalignment(displacement_nm=12.0).apply(before, draws(range(40)))
    seen = {
        (tuple(image[0, 1, 0].tolist()), tuple(labels[1, 0].tolist()))
        for image, labels in zip(after.image_BCZYX, after.labels_BZYX, strict=True)
    }
    # A row of one pixel has nothing to move along y: its labels are ignored unless y stays.
    rows = {
        ((12.0, 11.0, 10.0, 11.0), (-1, -1, 5, 6)),
        ((11.0, 10.0, 11.0, 12.0), (-1, 5, 6, 7)),
        ((10.0, 11.0, 12.0, 13.0), (5, 6, 7, 8)),
        ((11.0, 12.0, 13.0, 12.0), (6, 7, 8, -1)),
        ((12.0, 13.0, 12.0, 11.0), (7, 8, -1, -1)),
    }
    assert seen & rows
    assert seen <= rows | {(pixels, (-1, -1, -1, -1)) for pixels, _ in rows}
    assert torch.equal(after.image_BCZYX[:, :, 0], image[:, :, 0])


def test_two_sections_can_only_be_translated_and_one_stays() -> None:
    for sections in (2, 1):
        whole = placed(40, (sections, 15, 15))
        after = Misalignment(slip_probability=1.0, displacement_nm=30.0).apply(
            whole, draws(range(40))
        )
        assert torch.equal(after.labels_BZYX[:, 0], whole.labels_BZYX[:, 0])
        moved = [each[-1] != (0, 0) for each in shifts(after)]
        assert sum(moved) > 30 if sections == 2 else not any(moved)


def test_sections_behind_a_lost_one_move_up() -> None:
    whole = placed(200, (6, 3, 3))
    after = LostSection().apply(whole, draws(range(200)))
    counts: Counter[int] = Counter()
    for image, labels in zip(after.image_BCZYX, after.labels_BZYX, strict=True):
        order = image[0, :, 0, 0].int().tolist()
        lost = next(z for z in range(1, 6) if order[z] != z)
        counts[lost] += 1
        assert order == [z for z in range(6) if z != lost] + [4]
        assert torch.equal(labels[:5], whole.labels_BZYX[0][order[:5]])
        assert (labels[5] == -1).all()
    assert set(counts) == {1, 2, 3, 4}
    assert min(counts.values()) > 25


def test_several_sections_are_lost_in_a_row() -> None:
    whole = placed(200, (6, 2, 2))
    after = LostSection(most=9).apply(whole, draws(range(200)))
    orders = {tuple(image[0, :, 0, 0].int().tolist()) for image in after.image_BCZYX}
    # One to four of the inner sections are lost; the rest is filled from the end backwards.
    assert orders == {
        (*range(first), *range(first + lost, 6), *range(4, 4 - lost, -1))
        for lost in (1, 2, 3, 4)
        for first in range(1, 6 - lost)
    }
    for image, labels in zip(after.image_BCZYX, after.labels_BZYX, strict=True):
        order = image[0, :, 0, 0].int().tolist()
        assert (labels[order.index(5) + 1 :] == -1).all()
        assert (labels[: order.index(5) + 1] != -1).all()


@pytest.mark.parametrize(
    ("augmentation", "sections"),
    [
        (LostSection(), (1, 2)),
        (LostSection(most=5), (1, 2)),
        (MissingSections(), (1, 2)),
        (Misalignment(), (1,)),
    ],
)
def test_samples_of_few_sections_stay(augmentation: Augmentation, sections: tuple[int]) -> None:
    for each in sections:
        before = batch(5, (each, 6, 6))
        after = augmentation.apply(before, draws(range(5)))
        assert torch.equal(after.image_BCZYX, before.image_BCZYX)
        assert torch.equal(after.labels_BZYX, before.labels_BZYX)


def test_missing_sections_are_grey_wholly_or_in_a_rectangle() -> None:
    before = batch(200, (14, 16, 20), channels=2)
    after = MissingSections(most=3, grey=(0.2, 0.7)).apply(before, draws(range(200)))
    counts: Counter[int] = Counter()
    whole = 0
    sections: Counter[int] = Counter()
    for old, new in zip(before.image_BCZYX, after.image_BCZYX, strict=True):
        changed = (old != new).any(0)
        touched = changed.flatten(1).any(1).nonzero()[:, 0].tolist()
        counts[len(touched)] += 1
        for z in touched:
            sections[z] += 1
            rows, columns = changed[z].any(1), changed[z].any(0)
            assert changed[z].sum() == rows.sum() * columns.sum(), "no rectangle"
            whole += bool(changed[z].all())
            if not changed[z].all():
                assert 4 <= rows.sum() <= 12
                assert 5 <= columns.sum() <= 15
                assert (rows.int().diff() == 1).sum() <= 1
            values = new[:, z][:, changed[z]]
            assert len(set(values.flatten().tolist())) == 1
            assert 0.2 <= values.max() <= 0.7
    assert set(counts) == {1, 2, 3}
    assert min(counts.values()) > 40
    assert set(sections) == set(range(1, 13))
    assert 0.4 < whole / sections.total() < 0.6


def test_a_third_of_the_sections_at_most_is_damaged() -> None:
    for sections, most in ((3, 1), (4, 1), (8, 2), (11, 3)):
        before = batch(60, (sections, 4, 4))
        augmentation = MissingSections(most=9, whole_probability=1.0)
        after = augmentation.apply(before, draws(range(60)))
        gone = (before.image_BCZYX != after.image_BCZYX).all((1, 3, 4)).sum(1)
        assert set(gone.tolist()) == set(range(1, most + 1))


@pytest.mark.parametrize("shape", [(1, 21, 15), (3, 8, 30), (2, 5, 1)])
def test_blurring_is_that_of_scipy(shape: tuple[int, int, int]) -> None:
    before = batch(12, shape)
    before = Batch(before.image_BCZYX / 100, before.labels_BZYX, (30.0, 5.0, 8.0))
    augmentation = BlurredSections(sigma_nm=(12.0, 12.0), whole_probability=1.0)
    after = augmentation.apply(before, draws(range(12)))
    for old, new in zip(before.image_BCZYX[:, 0], after.image_BCZYX[:, 0], strict=True):
        blurred = [z for z in range(shape[0]) if not torch.equal(old[z], new[z])]
        assert len(blurred) == 1
        radii = [int(np.ceil(3 * 12 / length)) for length in (5, 8)]
        expected = gaussian_filter(
            old[blurred[0]].double().numpy(), (12 / 5, 12 / 8), mode="mirror", radius=radii
        )
        np.testing.assert_allclose(new[blurred[0]].numpy(), expected, rtol=1e-4)


def test_rectangles_are_blurred_as_part_of_their_section() -> None:
    before = batch(40, (1, 24, 24))
    sigma = (18.0, 18.0)
    parts = BlurredSections(sigma_nm=sigma, whole_probability=0.0).apply(before, draws(range(40)))
    wholes = BlurredSections(sigma_nm=sigma, whole_probability=1.0).apply(before, draws(range(40)))
    for sample, box in enumerate(changed_boxes(before, parts)):
        assert box is not None
        part = parts.image_BCZYX[sample, 0][box]
        assert torch.allclose(part, wholes.image_BCZYX[sample, 0][box], rtol=1e-5)
        assert 6 <= part.shape[1] <= 18
        assert 6 <= part.shape[2] <= 18


def test_sigmas_are_drawn_from_their_range() -> None:
    before = batch(40, (1, 32, 32))
    blur = BlurredSections(sigma_nm=(6.0, 30.0), whole_probability=1.0)
    after = blur.apply(before, draws(range(40)))
    kept = after.image_BCZYX.flatten(1).std(1) / before.image_BCZYX.flatten(1).std(1)
    assert kept.max() > 0.2  # white noise keeps 1 / (2 sqrt(pi) sigma): 0.28 of one pixel's
    assert kept.min() < 0.08


def test_a_missing_box_has_its_size_in_nanometres() -> None:
    before = batch(200, (12, 40, 40))
    before = Batch(before.image_BCZYX + 10, before.labels_BZYX, (30.0, 6.0, 4.0))
    augmentation = MissingBox(size_nm=(36.0, 72.0), depth_nm=(30.0, 90.0), grey=(0.5, 0.5))
    after = augmentation.apply(before, draws(range(200)))
    lengths = []
    for sample, box in enumerate(changed_boxes(before, after)):
        assert box is not None
        assert (after.image_BCZYX[sample, 0][box] == 0.5).all()
        lengths.append([each.stop - each.start for each in box])
    z, y, x = torch.tensor(lengths).T
    assert set(z.tolist()) == {1, 2, 3}
    assert set(y.tolist()) == set(range(6, 13))
    assert set(x.tolist()) == set(range(9, 19))


def test_a_missing_box_leaves_half_of_the_plane_and_two_thirds_of_the_depth() -> None:
    before = batch(50, (7, 9, 16))
    huge = MissingBox(size_nm=(1e5, 1e6), depth_nm=(1e5, 1e6))
    boxes = changed_boxes(before, huge.apply(before, draws(range(50))))
    sizes = {tuple(each.stop - each.start for each in box) for box in boxes if box is not None}
    assert sizes == {(2, 4, 8)}
    starts = {tuple(each.start for each in box) for box in boxes if box is not None}
    assert {z for z, _, _ in starts} == set(range(6))
    assert {y for _, y, _ in starts} == set(range(6))


@pytest.mark.parametrize(
    ("component", "name", "words"),
    [
        (MissingSections, "grey", "0.9, 0.1"),
        (BlurredSections, "sigma_nm", "0.9, 0.1"),
        (MissingBox, "grey", "0.9, 0.1"),
        (MissingBox, "size_nm", "0.9, 0.1"),
        (MissingBox, "depth_nm", "0.9, 0.1"),
    ],
)
def test_ranges_must_rise(component: type[Augmentation], name: str, words: str) -> None:
    with pytest.raises(NeurokitError) as error:
        component(**{name: (0.9, 0.1)})
    assert str(error.value) == f"{name} must be two rising numbers, not {words}"
