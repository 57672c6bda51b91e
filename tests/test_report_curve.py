"""The scores at other thresholds: those that decoding and scoring anew would give."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from neurokit import NeurokitError, load_recipe
from neurokit.pipeline import Outcome, execute
from neurokit.prediction import Prediction
from neurokit.reporting.curves import threshold_curves
from neurokit.scores import scores_of
from neurokit.stages.thresholds import THRESHOLDS

SHORT = ["train.epochs=1", "train.steps_per_epoch=1", "train.batch_size=1"]


@pytest.fixture
def outcome(tiny: Path) -> Outcome:
    return execute(load_recipe(str(tiny), SHORT))


def _file(outcome: Outcome) -> Path:
    return outcome.folder / "results_step=1" / THRESHOLDS


def _read(outcome: Outcome) -> Any:
    return json.loads(_file(outcome).read_text())


def _again(outcome: Outcome, *overrides: str) -> Outcome:
    recipe = load_recipe("tiny.toml", [*SHORT, *overrides])
    return execute(recipe, "test", resume=outcome.folder)


def test_each_score_is_that_of_decoding_with_the_threshold(tiny: Path, outcome: Outcome) -> None:
    outcome = _again(outcome, "decoder.threshold=0.33")
    found = _read(outcome)
    recipe = load_recipe(str(tiny))
    assert recipe.data.test is not None
    (volume,) = recipe.data.test.volumes()
    prediction = Prediction.open(outcome.folder / "results_step=1" / "test_im_prediction.h5")
    assert found["own"] == 0.33
    assert found["thresholds"] == sorted([*np.linspace(0.05, 0.95, 19).round(6), 0.33])
    assert list(found["scores"]) == ["adapted_rand", "voi"]
    for place in (0, 6, 10, 19):
        threshold = found["thresholds"][place]
        decoder: Any = attrs.evolve(recipe.decoder, threshold=threshold)  # type: ignore[misc]
        scores = scores_of(recipe.metrics, decoder.decode(prediction), volume)
        for name, row in found["scores"].items():
            assert row[place] == scores[name]
    assert outcome.scores is not None
    own = found["thresholds"].index(0.33)
    for name, row in found["scores"].items():
        assert row[own] == outcome.scores["mean"][name]
    assert len({*found["scores"]["voi"]}) > 1


def test_it_is_made_again_only_when_something_changed(outcome: Outcome) -> None:
    before = _file(outcome).stat().st_mtime_ns
    _again(outcome)
    assert _file(outcome).stat().st_mtime_ns == before
    _again(outcome, "decoder.merge_function=affmean")
    assert _file(outcome).stat().st_mtime_ns != before
    assert not list(_file(outcome).parent.glob(".shared_*"))


@pytest.mark.parametrize(
    ("scores", "own", "words"),
    [
        ([0.5, 0.2, 0.4], 0.1, "Best at 0.5: voi 0.2000, beside 0.5000 at the recipe's 0.1."),
        ([0.5, 0.2, 0.4], 0.5, "The recipe's threshold is the best of these: voi 0.2000."),
        (
            [0.5, 0.2, 0.20001],
            0.9,
            "The recipe's threshold is as good as the best of these: voi 0.2000.",
        ),
        (
            [0.2, 0.2, 0.4],
            0.5,
            "The recipe's threshold is as good as the best of these: voi 0.2000.",
        ),
        (
            [0.2, 0.2, 0.2],
            0.9,
            "The threshold makes no difference here: voi 0.2000 at all of these.",
        ),
        ([math.nan] * 3, 0.1, ""),
    ],
)
def test_the_curve_in_words(tmp_path: Path, scores: list[float], own: float, words: str) -> None:
    found = {"thresholds": [0.1, 0.5, 0.9], "scores": {"voi": scores}, "own": own}
    (tmp_path / THRESHOLDS).write_text(json.dumps(found))
    (curve,) = threshold_curves(tmp_path, {"voi": "lower is better"})
    assert curve.note == words


def test_what_is_shared_changes_no_segmentation(tiny: Path, outcome: Outcome) -> None:
    from neurokit.volumes import open_array

    (file,) = outcome.segmentations
    prediction = Prediction.open(file.with_name("test_im_prediction.h5"))
    alone = load_recipe(str(tiny)).decoder.decode(prediction)
    np.testing.assert_array_equal(open_array(f"{file}::main")[...], alone)


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(["metrics=[]"], id="nothing is scored"),
        pytest.param(["decoder.engine=package"], id="every threshold costs as much as the first"),
    ],
)
def test_without_a_curve_there_is_no_stale_one(outcome: Outcome, overrides: list[str]) -> None:
    assert _file(outcome).exists()
    _again(outcome, *overrides)
    assert not _file(outcome).exists()


def test_a_curve_that_cannot_be_made_ends_no_run(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*arguments: Any) -> Any:
        raise NeurokitError("agglomerating would need more memory than is free")

    monkeypatch.setattr("neurokit.stages.thresholds.score_settings", fails)
    again = _again(outcome, "decoder.threshold=0.4")
    assert again.scores is not None
    assert not _file(outcome).exists()
    assert (
        "the scores at other thresholds are left out: agglomerating would need more memory than "
        "is free"
    ) in caplog.messages


def test_a_volume_too_large_to_keep_gets_none(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurokit.stages.thresholds._MOST_VOXELS", 6 * 40 * 44 - 1)
    _again(outcome)
    assert not _file(outcome).exists()
