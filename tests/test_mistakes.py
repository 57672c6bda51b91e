"""Merges and splits: what they cost, and where they are, against a slow way to find them."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurokit import NeurokitError, Volume
from neurokit.registry import installed
from neurokit.reporting.mistakes import Mistake, Mistakes, Piece, find_mistakes

CUBE = (1.0, 1.0, 1.0)
FLAT = (30.0, 6.0, 5.0)
REACH = 8

Labels = NDArray[Any]


def _found(segmentation: Any, truth: Any, most: int = 10) -> Mistakes:
    return find_mistakes(np.asarray(segmentation), np.asarray(truth), CUBE, most)


def _slow_contacts(whole: Labels, piece: Labels, name: int) -> dict[Any, list[Any]]:
    """Where pieces of a whole meet, voxel by voxel and line by line."""
    found = defaultdict(list)
    for place in map(tuple, np.argwhere((whole == name) & (piece > 0))):
        for axis in range(3):
            for gap in range(REACH + 1):
                behind = list(place)
                behind[axis] -= gap + 1
                if behind[axis] < 0 or whole[tuple(behind)] != name:
                    break
                other = piece[tuple(behind)]
                if other > 0:
                    if other != piece[place]:
                        middle = list(place)
                        middle[axis] -= (gap + 1) // 2
                        pair = frozenset((int(other), int(piece[place])))
                        found[pair].append(tuple(map(int, middle)))
                    break
    return found


def _squares(places: NDArray[Any], spacing: tuple[float, ...]) -> NDArray[Any]:
    """Squared distances of places from their middle."""
    offsets = (places - places.mean(axis=0)) * np.asarray(spacing)
    return np.asarray((offsets**2).sum(axis=1))


def _check(
    mistake: Mistake, whole: Labels, piece: Labels, spacing: tuple[float, float, float]
) -> None:
    """One mistake against what is counted slowly."""
    inside = piece[(whole == mistake.id) & (piece > 0)]
    sizes = {int(name): int((inside == name).sum()) for name in np.unique(inside)}
    assert mistake.pieces == len(sizes) > 1
    assert mistake.cost == sum(a * b for a, b in combinations(sizes.values(), 2))
    order = sorted(sizes, key=lambda name: (-sizes[name], name))
    assert mistake.largest == tuple(Piece(name, sizes[name]) for name in order[:4])
    assert mistake.large == sum(100 * size >= len(inside) for size in sizes.values())
    assert mistake.large + mistake.slivers == len(sizes)
    shown = {each.id: each.voxels for each in mistake.shown}
    assert mistake.largest_meet == any(
        sorted(sizes[each] for each in pair) == sorted(sizes[each] for each in order[:2])
        for pair in _slow_contacts(whole, piece, mistake.id)
    )
    assert mistake.named == tuple(
        Piece(name, sizes[name]) for name in order if name in {*order[:4], *shown}
    )
    assert shown.items() <= sizes.items()
    assert mistake.shown[0].voxels >= mistake.shown[1].voxels
    contacts = _slow_contacts(whole, piece, mistake.id)
    assert mistake.meets == bool(contacts)
    if contacts:
        a, b = shown
        most = max(np.prod([float(sizes[each]) for each in pair]) for pair in contacts)
        assert frozenset(shown) in contacts
        assert sizes[a] * sizes[b] == most
        places = np.array(contacts[frozenset(shown)])
    else:
        assert sorted(shown.values()) == sorted(sizes.values())[-2:]
        smaller = mistake.shown[1].id
        places = np.argwhere((whole == mistake.id) & (piece == smaller))
    squares = _squares(places, spacing)
    here = np.flatnonzero((places == mistake.place_ZYX).all(axis=1))
    assert len(here)
    assert squares[here].min() == pytest.approx(squares.min())
    assert whole[mistake.place_ZYX] == mistake.id


def _blobs(random: np.random.Generator, shape: tuple[int, int, int], names: Labels) -> Labels:
    """Labels in lumps, some of them with a rim of background."""
    coarse = random.choice(names, [-(-n // 3) for n in shape])
    labels = coarse.repeat(3, 0).repeat(3, 1).repeat(3, 2)[: shape[0], : shape[1], : shape[2]]
    labels = np.ascontiguousarray(labels)
    labels[random.random(shape) < random.choice([0.0, 0.3, 0.9])] = 0
    return labels


@pytest.mark.parametrize("seed", range(40))
def test_random_labels_against_the_slow_way(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(int(each) for each in random.integers(1, 14, 3))
    largest = 2**63 - 1
    true_names = np.array([-1, 0, 1, 2, 3, 2**40, largest][: int(random.integers(3, 8))])
    names = np.array([0, 1, 4, 70000, largest], np.uint64)[: int(random.integers(2, 6))]
    truth = _blobs(random, shape, true_names)  # type: ignore[arg-type]  # three axes
    segmentation = _blobs(random, shape, names)  # type: ignore[arg-type]
    found = find_mistakes(segmentation, truth, FLAT)
    signed = segmentation.astype(np.int64)
    for merge in found.merges:
        _check(merge, signed, truth, FLAT)
    for split in found.splits:
        _check(split, truth, signed, FLAT)
    for kind in (found.merges, found.splits):
        assert [each.cost for each in kind] == sorted((each.cost for each in kind), reverse=True)
        assert len({each.id for each in kind}) == len(kind)
    assert len(found.merges) == found.merged_segments
    assert len(found.splits) == found.split_neurons
    assert sum(each.large > 1 for each in found.merges) == found.largely_merged
    assert sum(each.large > 1 for each in found.splits) == found.largely_split
    _check_sums(found, signed.ravel(), truth.ravel())


def _check_sums(found: Mistakes, segments: Labels, neurons: Labels) -> None:
    """The counts of pairs, each pair of voxels looked at."""
    segments, neurons = segments[neurons > 0], neurons[neurons > 0]
    first, second = np.triu_indices(len(neurons), 1)
    one_neuron = neurons[first] == neurons[second]
    in_segments = (segments[first] > 0) & (segments[second] > 0)
    one_segment = (segments[first] == segments[second]) & in_segments
    assert found.joined_wrongly == (one_segment & ~one_neuron).sum()
    assert found.parted_wrongly == (one_neuron & ~one_segment & in_segments).sum()
    assert found.lost == (one_neuron & ~in_segments).sum()
    assert (found.joined, found.true) == (one_segment.sum(), one_neuron.sum())


@pytest.mark.parametrize("seed", range(5))
def test_costs_add_up_to_the_adapted_rand_error(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = _blobs(random, (9, 20, 17), np.arange(-1, 30))
    segmentation = _blobs(random, (9, 20, 17), np.arange(25))
    metric = installed().component("metric", "adapted_rand")()
    volume = Volume("random", np.zeros(truth.shape, np.uint8), FLAT, truth)
    score = metric.score(segmentation, volume)["adapted_rand"]  # type: ignore[attr-defined]
    found = find_mistakes(segmentation, truth, FLAT)
    assert found.adapted_rand == pytest.approx(score, rel=1e-12)
    assert found.share(found.all_wrong) == 1
    assert sum(each.cost for each in found.merges) <= found.joined_wrongly


def test_slabs_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    truth, segmentation = (_blobs(random, (17, 9, 8), np.arange(6)) for _ in range(2))
    whole = find_mistakes(segmentation, truth, FLAT)
    for thickness in (1, 2, 7):
        starts = range(0, 17, thickness)
        cut = [(start, min(17, start + thickness)) for start in starts]
        monkeypatch.setattr("neurokit.reporting.places.slabs", lambda shape, cut=cut: cut)
        assert find_mistakes(segmentation, truth, FLAT) == whole


def test_a_merge_is_where_its_neurons_touch() -> None:
    truth = np.zeros((3, 5, 8), int)
    truth[:, :, :4], truth[:, :, 4:] = 7, 9
    found = _found(np.ones((3, 5, 8), int), truth)
    assert found.splits == ()
    (merge,) = found.merges
    # 60 voxels of each; the contact is the plane between x = 3 and x = 4, its middle (1, 2, 4).
    both = (Piece(7, 60), Piece(9, 60))
    assert merge == Mistake(1, 2, 2, both, both, 3600.0, (1, 2, 4), True)
    assert merge.largest_meet
    assert found.joined_wrongly == found.all_wrong == 3600
    assert found.share(merge.cost) == 1


def test_neurons_meet_across_a_membrane_without_label() -> None:
    truth = [[[5, 5, 0, 0, 6, 6]]]
    (merge,) = _found(np.ones((1, 1, 6), int), truth).merges
    assert (merge.place_ZYX, merge.meets) == ((0, 0, 3), True)
    (merge,) = _found([[[1, 1, 1, 0, 1, 1]]], truth).merges
    # The line leaves the segment: the middle of the smaller, or of two equal ones the second.
    assert (merge.place_ZYX, merge.meets) == ((0, 0, 4), False)
    assert merge.shown == (Piece(5, 2), Piece(6, 2))


@pytest.mark.parametrize(("gap", "meets"), [(0, True), (8, True), (9, False)])
def test_they_meet_across_eight_voxels_at_most(gap: int, meets: bool) -> None:
    line = np.array([3, *([0] * gap), 4])
    for axis in range(3):
        shape = [1, 1, 1]
        shape[axis] = gap + 2
        truth = line.reshape(shape)
        (merge,) = _found(np.ones(shape, int), truth).merges
        assert merge.meets == meets
        assert merge.place_ZYX[axis] == (gap + 1 - (gap + 1) // 2 if meets else gap + 1)


def test_a_third_neuron_between_two_keeps_them_apart() -> None:
    truth = np.array([[[1] * 20 + [2] + [3] * 20]])
    (merge,) = _found(np.ones_like(truth), truth).merges
    # 1 and 3 would cost most, and do not meet; 1 and 2 cost as much as 2 and 3, and come first.
    assert merge.shown == (Piece(1, 20), Piece(2, 1))
    assert merge.place_ZYX == (0, 0, 20)
    assert merge.cost == 20 + 400 + 20
    assert not merge.largest_meet
    assert merge.largest == merge.named == (Piece(1, 20), Piece(3, 20), Piece(2, 1))


def test_a_piece_of_less_than_a_hundredth_is_a_sliver() -> None:
    truth = np.repeat([1, 2, 3], [198, 2, 1])[None, None]
    (merge,) = _found(np.ones_like(truth), truth).merges
    # 2 of 201 voxels are less than a hundredth, of 200 they are one.
    assert (merge.pieces, merge.large, merge.slivers) == (3, 1, 2)
    assert _found(np.ones_like(truth), truth).largely_merged == 0
    (merge,) = _found(np.ones((1, 1, 200), int), truth[..., :200]).merges
    assert (merge.pieces, merge.large, merge.slivers) == (2, 2, 0)


def test_the_pieces_that_meet_are_named_beside_the_largest() -> None:
    # Four large neurons, kept apart by the membrane; two specks that touch.
    wide = np.zeros(9, int)
    line = np.concatenate([*(np.r_[[name] * 9, wide] for name in (1, 2, 3, 4)), [5, 6]])
    truth = line[None, None]
    (merge,) = _found(np.ones_like(truth), truth).merges
    assert merge.largest == tuple(Piece(name, 9) for name in (1, 2, 3, 4))
    assert merge.shown == (Piece(5, 1), Piece(6, 1))
    assert merge.named == (*merge.largest, *merge.shown)


def test_a_split_is_where_its_segments_touch() -> None:
    truth = np.full((1, 6, 4), 2**63 - 1)
    segmentation = np.full((1, 6, 4), 8, np.uint64)
    segmentation[0, 4:] = 2**63 - 1
    found = _found(segmentation, truth)
    assert found.merges == ()
    (split,) = found.splits
    assert (split.id, split.pieces, split.cost) == (2**63 - 1, 2, 16 * 8)
    assert split.shown == (Piece(8, 16), Piece(2**63 - 1, 8))
    assert split.place_ZYX == (0, 4, 1)


def test_what_is_left_as_background_is_counted_apart() -> None:
    found = _found([[[1, 1, 0, 2]]], [[[1, 1, 1, 1]]])
    # Of six pairs one is joined, two are parted between segments, three have the lost voxel.
    assert (found.parted_wrongly, found.lost, found.true) == (2, 3, 6)
    assert [each.cost for each in found.splits] == [2]


def test_background_and_ignored_voxels_are_in_no_mistake() -> None:
    found = _found([[[1, 1, 1, 1]]], [[[-1, 0, 5, 5]]])
    assert (found.merges, found.splits, found.all_wrong) == ((), (), 0)


@pytest.mark.parametrize(
    ("segmentation", "truth"),
    [
        pytest.param([[[0]]], [[[0]]], id="one voxel of background"),
        pytest.param([[[3]]], [[[4]]], id="one voxel"),
        pytest.param([[[0, 0]]], [[[1, 2]]], id="nothing segmented"),
        pytest.param([[[1, 2]]], [[[0, -1]]], id="nothing labelled"),
        pytest.param(np.zeros((0, 3, 3), int), np.zeros((0, 3, 3), int), id="empty"),
        pytest.param([[[4, 4, 9]]], [[[1, 1, 2]]], id="perfect"),
    ],
)
def test_without_mistakes(segmentation: Any, truth: Any) -> None:
    found = _found(segmentation, truth)
    assert (found.merges, found.splits, found.all_wrong, found.share(0)) == ((), (), 0, 0)
    assert found.adapted_rand == 0


def test_only_the_worst_are_named_and_all_are_counted() -> None:
    truth = np.arange(1, 25).reshape(1, 1, 24)
    segmentation = np.repeat(np.arange(1, 9), 3).reshape(1, 1, 24)
    found = _found(segmentation, truth, most=2)
    assert [each.id for each in found.merges] == [1, 2]
    assert (found.merged_segments, found.joined_wrongly) == (8, 24)


def test_volumes_of_two_shapes_are_refused() -> None:
    with pytest.raises(NeurokitError) as refusal:
        _found(np.zeros((1, 2, 3), int), np.zeros((1, 2, 4), int))
    assert str(refusal.value) == (
        "a segmentation of shape [1, 2, 3] cannot be held against labels of shape [1, 2, 4]; "
        "both must cover the same voxels"
    )


def _some_region(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """A block of at least one voxel."""
    bounds = [sorted(random.choice(size + 1, 2, replace=False)) for size in shape]
    return tuple(slice(int(start), int(stop)) for start, stop in bounds)


@pytest.mark.parametrize("seed", range(30))
def test_of_a_region_what_lies_outside_does_not_count(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(int(each) for each in random.integers(2, 14, 3))
    truth = _blobs(random, shape, np.array([-1, 0, 1, 2, 3, 2**40]))  # type: ignore[arg-type]
    segmentation = _blobs(random, shape, np.array([0, 1, 4, 70000]))  # type: ignore[arg-type]
    region: Any = _some_region(random, shape)
    found = find_mistakes(segmentation, truth, FLAT, region=region)
    # Places are of the whole volume, in which all else is now no label.
    inside_truth, inside_segmentation = np.zeros_like(truth), np.zeros_like(segmentation)
    inside_truth[region], inside_segmentation[region] = truth[region], segmentation[region]
    for merge in found.merges:
        _check(merge, inside_segmentation, inside_truth, FLAT)
    for split in found.splits:
        _check(split, inside_truth, inside_segmentation, FLAT)
    assert len(found.merges) == found.merged_segments
    assert len(found.splits) == found.split_neurons
    _check_sums(found, segmentation[region].ravel(), truth[region].ravel())


def test_the_whole_is_a_region_too() -> None:
    random = np.random.default_rng(4)
    truth, segmentation = (_blobs(random, (7, 9, 8), np.arange(6)) for _ in range(2))
    whole = find_mistakes(segmentation, truth, FLAT)
    assert whole.merges
    region = (slice(0, 7), slice(0, 9), slice(0, 8))
    assert find_mistakes(segmentation, truth, FLAT, region=region) == whole
