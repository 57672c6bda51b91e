"""The part of a volume that a metric scores, and the mistakes in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import frozen
from conftest import TINY
from violations import violated

from neurokit import Metric, NeurokitError, Volume, load_recipe, param
from neurokit.components.metrics import VOI, AdaptedRand
from neurokit.observers.report import Report
from neurokit.pipeline import execute
from neurokit.reporting.page import gathered
from neurokit.reporting.region import Block, Region, scored_region
from neurokit.testing import conform

CHALLENGE = (100, 1024, 1024)
CROP = (slice(25, 75), slice(97, 928), slice(97, 928))
SMALL = (slice(1, 5), slice(4, 30), slice(6, 41))


def _volume(shape: tuple[int, int, int]) -> Volume:
    """A volume of labels that takes no memory."""
    labels = np.broadcast_to(np.ones(1, np.int32), shape)
    return Volume("big", np.broadcast_to(np.zeros(1, np.uint8), shape), (30, 6, 6), labels)


def test_all_is_scored_unless_a_metric_says_otherwise() -> None:
    assert VOI().region(_volume((2, 3, 4))) == (slice(0, 2), slice(0, 3), slice(0, 4))
    assert VOI(crop="snemi3d-gc").region(_volume(CHALLENGE)) == CROP


def test_the_challenge_crop_has_no_region_in_other_volumes() -> None:
    with pytest.raises(NeurokitError) as caught:
        AdaptedRand(crop="snemi3d-gc").region(_volume((2, 3, 4)))
    assert str(caught.value) == (
        "crop 'snemi3d-gc' is for volumes of 100 x 1024 x 1024, and 'big' has shape 2 x 3 x 4; "
        'use crop = "none"'
    )


@frozen(kw_only=True)
class Paths(Metric):
    """It scores against skeletons."""

    truth: ClassVar[Any] = "skeletons"
    headline: ClassVar[str] = "paths"
    higher_is_better: ClassVar[bool] = True

    def score(self, segmentation: Any, truth: Volume) -> dict[str, float]:
        """Nothing is wrong."""
        return {"paths": 1.0}


@pytest.mark.parametrize(
    ("metrics", "region"),
    [
        ([], None),
        ([AdaptedRand()], None),
        ([AdaptedRand(), VOI(crop="snemi3d-gc")], None),
        ([VOI(crop="snemi3d-gc"), AdaptedRand()], Region(CROP, "voi")),
        ([Paths(), VOI(crop="snemi3d-gc")], Region(CROP, "voi")),
        (
            [AdaptedRand(crop="snemi3d-gc"), AdaptedRand()],
            Region(CROP, "adapted_rand[crop=snemi3d-gc]"),
        ),
    ],
)
def test_the_first_metric_that_can_score_decides(metrics: Any, region: Region | None) -> None:
    assert scored_region(metrics, _volume(CHALLENGE)) == region


def test_a_region_in_words() -> None:
    assert Region(CROP, "voi").words == "z 25:75, y 97:928, x 97:928"


class Counting:
    """An array that remembers which of its voxels were read."""

    def __init__(self, array: Any) -> None:
        self.array, self.read = array, np.zeros(array.shape, bool)
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, index: Any) -> Any:
        self.read[index] = True
        return self.array[index]


@pytest.mark.parametrize("seed", range(20))
def test_a_block_is_read_like_the_block_of_an_array(seed: int) -> None:
    random = np.random.default_rng(seed)
    array = Counting(random.integers(0, 99, (6, 7, 8)).astype(np.int16))
    block = Block(array, (slice(1, 5), slice(2, 4), slice(0, 8)))
    wanted = array.array[1:5, 2:4, 0:8]
    assert (block.shape, block.dtype) == (wanted.shape, np.dtype(np.int16))
    assert not array.read.any()
    z, y = (int(random.integers(-size, size)) for size in wanted.shape[:2])
    start, stop = sorted(int(each) for each in random.integers(-9, 9, 2))
    for index in (..., z, (z, y), slice(start, stop), (..., slice(start, stop, 2)), (z, ..., 3)):
        np.testing.assert_array_equal(block[index], wanted[index])
    assert not array.read[:1].any()
    assert not array.read[:, 4:].any()
    with pytest.raises(IndexError):
        block[4]


def test_the_mistakes_of_a_report_are_of_what_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurokit.components.metrics._CHALLENGE_SHAPE", (6, 40, 44))
    monkeypatch.setattr("neurokit.components.metrics._CHALLENGE_CROP", SMALL)
    cropped = 'use = "adapted_rand"\ncrop = "snemi3d-gc"'
    (tmp_path / "tiny.toml").write_text(TINY.replace('use = "adapted_rand"', cropped))
    recipe = load_recipe(str(tmp_path / "tiny.toml"), ["train.epochs=1", "train.steps_per_epoch=2"])
    folder = execute(recipe, outputs=tmp_path, plugins=[Report()]).folder
    page = gathered(folder)
    (volume,) = page.volumes
    assert volume.region == Region(SMALL, "adapted_rand")
    assert page.results is not None
    assert volume.counts is not None
    score = page.results.mean["adapted_rand"]
    assert volume.counts.adapted_rand == pytest.approx(score, rel=1e-12)
    assert volume.merges or volume.splits
    for view in (*volume.merges, *volume.splits):
        place = view.mistake.place_ZYX
        assert all(each.start <= at < each.stop for at, each in zip(place, SMALL, strict=True))
        assert f"--at {','.join(map(str, place))}" in view.command
    html = " ".join((folder / "report.html").read_text(encoding="utf-8").split())
    assert f"({score:.4f} over z 1:5, y 4:30, x 6:41 of phantom-2-0, with each voxel" in html
    assert (
        "Only z 1:5, y 4:30, x 6:41 of phantom-2-0 is looked at here, as that is what adapted_rand "
        "scores. Places are of the whole volume." in html
    )
    # The other metric scores all of it, and so do its mistakes where it comes first.
    first = recipe.metrics[::-1]
    (whole,) = recipe.data.test.volumes()  # type: ignore[union-attr]
    assert scored_region(first, whole) is None


@frozen(kw_only=True)
class Upper(Metric):
    """The share of voxels in the right one of segment and background, in the first sections."""

    headline: ClassVar[str] = "upper"
    higher_is_better: ClassVar[bool] = True
    said: ClassVar[Any] = None
    scored: int = param(3, help="sections that are scored")

    def score(self, segmentation: Any, truth: Volume) -> dict[str, float]:
        """The share."""
        if truth.labels is None or segmentation.shape != truth.shape:
            raise NeurokitError("no labels that fit")
        right = (segmentation > 0) == (truth.labels[...] > 0)
        return {"upper": float(right[: self.scored].mean())}

    def region(self, truth: Volume) -> Any:
        """Three sections, or what a test wants."""
        return self.said or (slice(0, 3), slice(0, 12), slice(0, 12))


def _striped() -> Volume:
    """A volume whose labels no segmentation has by chance."""
    labels = np.zeros((8, 12, 12), np.int32)
    labels[:, ::3] = np.arange(1, 5)[None, :, None]
    return Volume("striped", np.zeros(labels.shape, np.uint8), (1, 1, 1), labels)


@pytest.mark.parametrize("scored", [1, 3])
def test_a_metric_of_a_part_conforms(scored: int) -> None:
    conform(Upper(scored=scored), volume=_striped())


def test_a_metric_that_scores_more_than_it_says_does_not_conform() -> None:
    violated(
        Upper(scored=4),
        "score changes with what lies outside of the region that it says it scores",
        volume=_striped(),
    )


@pytest.mark.parametrize(
    "said",
    [
        "all",
        (slice(0, 3),),
        [slice(0, 3), slice(0, 12), slice(0, 12)],
        (slice(3), slice(0, 12), slice(0, 12)),
        (slice(0, 3), slice(None), slice(0, 12)),
        (slice(0, 3), slice(0, 13), slice(0, 12)),
        (slice(3, 3), slice(0, 12), slice(0, 12)),
        (slice(-5, -2), slice(0, 12), slice(0, 12)),
        (slice(0, 3, 2), slice(0, 12), slice(0, 12)),
        (0, slice(0, 12), slice(0, 12)),
    ],
)
def test_what_is_no_region_does_not_conform(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Upper, "said", said)
    violated(
        Upper(),
        f"region must give a slice with start and stop for each axis of [8, 12, 12] voxels, not "
        f"{said!r}",
        volume=_striped(),
    )
