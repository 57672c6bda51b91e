"""Targets that compute something once of all the labels of a volume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from installing import plugin_installed

from neurokit import NeurokitError, load_recipe, open_array
from neurokit.pipeline import Outcome, execute

ENTRY_POINTS = "[neurokit.target]\nsize = neurokit_marked:Size\n"
SHORT = (
    "target={use='size'}",
    "train.epochs=1",
    "train.steps_per_epoch=2",
    "data.validation={use='phantom', shape=[6, 40, 44], seed=3}",
)


@pytest.fixture
def size(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A recipe, where the target `size` is installed."""
    folder = tmp_path_factory.mktemp("marked")
    with plugin_installed("marked", ENTRY_POINTS, folder, monkeypatch):
        yield tiny


def trained(recipe: Path, *overrides: str) -> Outcome:
    return execute(load_recipe(recipe, [*SHORT, *overrides]), "train")


def prepared() -> list[Path]:
    return sorted(Path("outputs/tiny/prepared").glob("*.h5"))


def test_what_it_prepares_is_kept_beside_the_runs(size: Path) -> None:
    trained(size)
    files = prepared()
    assert [file.name.rpartition("-")[0] for file in files] == ["phantom-1-0", "phantom-3-0"]
    data = load_recipe(size, SHORT).data
    assert data.train is not None
    (volume,) = data.train.volumes()
    assert volume.labels is not None
    labels_ZYX = np.asarray(volume.labels[...])
    marked_ZYX = open_array(f"{files[0]}::main")[...]
    for label in np.unique(labels_ZYX[labels_ZYX > 0]):
        inside = labels_ZYX == label
        assert set(marked_ZYX[inside]) == {2 if inside.sum() > 4096 else 1}
    np.testing.assert_array_equal(marked_ZYX == 0, labels_ZYX == 0)
    assert {1, 2} <= set(np.unique(marked_ZYX))


def test_another_run_uses_it_again(size: Path) -> None:
    trained(size)
    before = {file: file.stat().st_mtime_ns for file in prepared()}
    trained(size)
    assert {file: file.stat().st_mtime_ns for file in prepared()} == before


def test_other_parameters_are_prepared_anew(size: Path) -> None:
    trained(size)
    trained(size, "target.voxels=2000")
    assert len(prepared()) == 4


def test_streamed_samples_are_the_held_ones(size: Path) -> None:
    held, streamed = trained(size), trained(size, "train.volume_memory_gib=0")
    logs = [(outcome.folder / "run.log").read_text() for outcome in (held, streamed)]
    losses = [
        [line.split(" INFO ")[1] for line in log.splitlines() if "epoch 1" in line] for log in logs
    ]
    assert losses[0] == losses[1] != []


def test_a_finished_run_prepares_nothing(size: Path) -> None:
    outcome = trained(size)
    for file in prepared():
        file.unlink()
    execute(load_recipe(size, SHORT), "train", resume=outcome.folder)
    assert prepared() == []


def test_what_cannot_stand_for_labels_is_refused(size: Path) -> None:
    with pytest.raises(NeurokitError) as error:
        trained(size, "target.faulty=true")
    assert str(error.value) == (
        "the target Size made of the labels of 'phantom-1-0' an array of shape (40, 48) and type "
        "int64, which must be of shape (8, 40, 48) and integers"
    )
    assert prepared() == []
