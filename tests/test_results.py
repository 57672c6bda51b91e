"""What a test left is found again: its files, scores, recipe and volumes."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from neurokit import NeurokitError, load_recipe
from neurokit.pipeline import Outcome, execute
from neurokit.results import all_results, latest_results

SHORT = ["train.epochs=1", "train.steps_per_epoch=1", "train.batch_size=1"]


@pytest.fixture
def outcome(tiny: Path) -> Outcome:
    return execute(load_recipe(str(tiny), SHORT))


def test_a_test_is_found_with_its_scores_and_volumes(outcome: Outcome) -> None:
    (found,) = all_results(outcome.folder)
    assert outcome.scores is not None
    assert (found.step, found.checkpoint) == (1, str(outcome.checkpoint))
    assert found.mean == outcome.scores["mean"]
    (volume,) = found.volumes
    assert volume.name == "phantom-2-0"
    assert [volume.segmentation] == outcome.segmentations
    assert volume.prediction.is_file()
    assert volume.scores == outcome.scores["volumes"]["phantom-2-0"]
    assert found.open_volumes()["phantom-2-0"].shape == (6, 40, 44)
    assert found.recipe().name == "tiny"
    with h5py.File(volume.segmentation) as file:
        assert file["main"].attrs["checkpoint"] == str(outcome.checkpoint)


def test_the_latest_of_two_tests_is_found(outcome: Outcome, tiny: Path) -> None:
    more = [*SHORT, "train.epochs=2"]
    other = outcome.folder / "results_step=1"
    again = execute(load_recipe(str(tiny), more), outputs=Path("other"))
    moved = outcome.folder / "results_step=2"
    (again.folder / "results_step=2").rename(moved)
    assert [each.step for each in all_results(outcome.folder)] == [1, 2]
    (other / "recipe.toml").write_text((other / "recipe.toml").read_text())
    assert latest_results(outcome.folder).step == 1


def test_data_that_is_gone_is_left_out(outcome: Outcome) -> None:
    recipe = outcome.folder / "results_step=1" / "recipe.toml"
    text = recipe.read_text()
    before, _, rest = text.partition("[data.test]")
    recipe.write_text(
        f'{before}[data.test]\nuse = "files"\nimage = "gone.h5::raw"\n'
        f"voxel_size_nm = [30, 6, 6]\n\n{rest[rest.index('[target') :]}"
    )
    assert latest_results(outcome.folder).open_volumes() == {}


def test_what_is_no_run_or_has_no_results_is_refused(tiny: Path) -> None:
    with pytest.raises(NeurokitError, match=r"^nothing is not the folder of a run; one lies at"):
        latest_results(Path("nothing"))
    trained = execute(load_recipe(str(tiny), SHORT), "train").folder
    assert all_results(trained) == []
    with pytest.raises(NeurokitError) as caught:
        latest_results(trained)
    assert str(caught.value) == (
        f"{trained} holds no results yet; make some: neurokit run --resume {trained} --mode test"
    )


def test_damaged_results_are_named(outcome: Outcome) -> None:
    results = outcome.folder / "results_step=1"
    (results / "metrics.json").write_text("[]")
    with pytest.raises(NeurokitError) as caught:
        all_results(outcome.folder)
    assert str(caught.value) == (
        f"{results / 'metrics.json'} cannot be read as scores; test again to replace it"
    )
    (results / "metrics.json").unlink()
    (results / "test_im_segmentation.h5").write_bytes(b"no HDF5")
    with pytest.raises(NeurokitError) as caught:
        all_results(outcome.folder)
    assert str(caught.value) == (
        f"{results / 'test_im_segmentation.h5'} is damaged, or of another version; remove it and "
        f"test again"
    )


@pytest.mark.parametrize(
    "scores", ['{"volumes": 3}', '{"volumes": {"a": 3}}', '{"mean": {"voi": "low"}}']
)
def test_scores_that_are_none(scores: str, outcome: Outcome) -> None:
    path = outcome.folder / "results_step=1" / "metrics.json"
    path.write_text(scores)
    with pytest.raises(NeurokitError, match=r"cannot be read as scores; test again to replace it"):
        latest_results(outcome.folder)
