"""A trial: by tables or by voxels, the scores are those of testing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
from attrs import evolve, frozen
from conftest import TINY
from numpy.typing import NDArray

from neurokit import (
    Decoder,
    Metric,
    NeurokitError,
    Prediction,
    Volume,
    affinity_channels,
    load_recipe,
)
from neurokit.graph.fragments import Agglomeration, Fragments
from neurokit.graph.keeping import keeping
from neurokit.prediction import create_prediction
from neurokit.recipe import to_toml
from neurokit.scores import mean_scores, scores_of
from neurokit.tuning.trial import Scored, headline_of, score_settings
from neurokit.tuning.worker import Task, Worker, _Ready

SHAPE = (5, 30, 32)


def subject(seed: int) -> tuple[Prediction, Volume]:
    """Affinities that mean something, and labels of another kind."""
    random = np.random.default_rng(seed)
    values = random.random((3, *SHAPE), dtype=np.float32) ** 0.5
    labels = np.repeat(np.repeat(random.integers(0, 9, (5, 6, 8)), 5, axis=1), 4, axis=2)
    channels = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1)])
    truth = Volume(f"volume {seed}", np.zeros(SHAPE, np.uint8), (30, 6, 6), labels)
    return Prediction(values, channels, fingerprint=f"prediction {seed}"), truth


@pytest.fixture
def recipe(tmp_path: Path) -> Any:
    (tmp_path / "tiny.toml").write_text(TINY)
    metrics = "metrics=[{use='adapted_rand'},{use='voi'},{use='rand_error'}]"
    return load_recipe(tmp_path / "tiny.toml", [metrics])


@pytest.mark.parametrize("kept", [False, True])
def test_tables_give_what_voxels_give(recipe: Any, tmp_path: Path, kept: bool) -> None:
    random = np.random.default_rng(3)
    volumes = [subject(1), subject(2)]
    different = set()
    with keeping(tmp_path / "cache", (10**9 if kept else 0)):
        for _ in range(25):
            low, high = sorted(random.choice(np.arange(0, 11) / 10, 2, replace=False))
            decoder = evolve(
                recipe.decoder,
                threshold=float(random.choice(np.arange(1, 10) / 10)),
                merge_function=str(random.choice(["affmean", "aff85_his256", "aff25_his256"])),
                aff_threshold=(float(low), float(high)),
                dust=evolve(
                    recipe.decoder.dust,
                    enabled=bool(random.integers(2)),
                    merge_size=int(random.integers(50)),
                    remove_size=int(random.integers(20)),
                ),
                section_overlap=evolve(
                    recipe.decoder.section_overlap, enabled=bool(random.integers(2))
                ),
            )
            assert decoder.agglomerate(volumes[0][0]) is not None
            found = score_settings(decoder, recipe.metrics, volumes)
            slow = [
                scores_of(recipe.metrics, np.asarray(decoder.decode(prediction)), truth)
                for prediction, truth in volumes
            ]
            assert found.scores == pytest.approx(mean_scores(slow), rel=1e-12, abs=1e-12)
            assert found.value == found.scores["adapted_rand"]
            different.add(found.value)
    assert len(different) > 10


@frozen(kw_only=True)
class Halves(Decoder):
    """Fragments of one section each, joined to two segments."""

    tables: bool = True

    def decode(self, prediction: Prediction) -> NDArray[np.integer]:
        found = self._agglomeration(prediction)
        return found.labels_ZYX

    def agglomerate(self, prediction: Prediction) -> Agglomeration | None:
        return self._agglomeration(prediction) if self.tables else None

    def _agglomeration(self, prediction: Prediction) -> Agglomeration:
        depth = prediction.shape[0]
        labels = np.broadcast_to(np.arange(1, depth + 1)[:, None, None], prediction.shape)
        sizes = np.bincount(labels.ravel())
        fragments = Fragments(labels.astype(np.uint32), sizes)
        return Agglomeration(fragments, np.array([0, 1, 1, 2, 2, 2], np.uint16))


@frozen(kw_only=True)
class Larger(Metric):
    """Voxels of the largest segment, by voxels or by tables."""

    headline: ClassVar[str] = "larger"
    higher_is_better: ClassVar[bool] = True
    tables: bool = False
    scale: float = 1.0
    name: str = "larger"

    def score(self, segmentation: NDArray[np.integer], truth: Volume) -> dict[str, float]:
        return {self.name: self.scale * np.bincount(segmentation.ravel())[1:].max()}

    def score_agglomeration(
        self, agglomeration: Agglomeration, truth: Volume
    ) -> dict[str, float] | None:
        if not self.tables:
            return None
        sizes = np.bincount(agglomeration.lookup, weights=agglomeration.fragments.sizes)
        return {self.name: self.scale * sizes[1:].max()}


@pytest.mark.parametrize("decoder", [Halves(), Halves(tables=False)])
def test_each_metric_by_what_it_can(decoder: Decoder) -> None:
    metrics = (Larger(tables=True), Larger(scale=2), Larger(scale=3, tables=True))
    found = score_settings(decoder, metrics, [subject(1)])
    largest = 3 * SHAPE[1] * SHAPE[2]
    assert found.scores == {
        "larger[tables=True]": largest,
        "larger[scale=2]": 2 * largest,
        "larger[tables=True,scale=3]": 3 * largest,
    }
    assert found.value == largest
    assert headline_of(metrics) == "larger[tables=True]"


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (Larger(name="other"), "the first metric gives no 'larger', which is its headline"),
        (Larger(scale=float("inf")), "larger is inf"),
        (Larger(scale=float("nan")), "larger is nan"),
    ],
)
def test_a_value_that_cannot_be_compared(metric: Metric, message: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        score_settings(Halves(), [metric], [subject(1)])
    assert str(caught.value) == message


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_rehearsal_goes_all_the_way(
    recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    channels = recipe.target.channels
    with h5py.File(tmp_path / "p.h5", "w") as file:
        create_prediction(file, channels, (6, 40, 40), (30, 6, 6), dtype)
    table = "data.validation={use='phantom', shape=[6, 40, 40], seed=3}"
    whole = load_recipe(tmp_path / "tiny.toml", [table])
    task = Task(to_toml(whole), "validation", (tmp_path / "p.h5",), tmp_path / "cache", 0)
    ready = _Ready(task)
    scored = []

    def noted(*given: Any) -> Scored:
        scored.append((given, score_settings(*given)))
        return scored[-1][1]

    monkeypatch.setattr("neurokit.tuning.worker.score_settings", noted)
    ready.rehearse()
    (((decoder, metrics, ((prediction, truth),)), found),) = scored
    assert (decoder, metrics) == (whole.decoder, whole.metrics)
    assert (prediction.values.dtype, prediction.channels) == (np.dtype(dtype), channels)
    assert truth.labels.dtype == ready.volumes[0][1].labels.dtype  # type: ignore[union-attr]
    assert 0 <= found.value <= 1

    def failing(*_: Any) -> Scored:
        raise ValueError("too few voxels")

    monkeypatch.setattr("neurokit.tuning.worker.score_settings", failing)
    ready.rehearse()


def test_a_worker_that_cannot_load_what_it_scores_on(recipe: Any, tmp_path: Path) -> None:
    gone = tmp_path / "gone.h5"
    task = Task(to_toml(recipe), "test", (gone,), tmp_path / "cache", 0)
    worker = Worker(task, tmp_path / "worker.log")
    with pytest.raises(NeurokitError) as caught:
        worker.start()
    assert str(caught.value) == f"file not found: {gone}; check the path"
    worker.stop()
