"""A whole run: what is left where, what is kept, and what is done again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import TINY

from neurokit import NeurokitError, load_recipe
from neurokit.pipeline import Outcome, execute
from neurokit.run_folder import Run

SHORT = ["train.epochs=1", "train.steps_per_epoch=2"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """One run, from which each test works on a copy."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.toml").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder, execute(load_recipe("tiny.toml", SHORT))


@pytest.fixture
def work(finished: tuple[Path, Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a copy of the finished run, in a working directory of its own."""
    folder, outcome = finished
    shutil.copytree(folder, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return outcome.folder


def _test(folder: Path, *overrides: str, **options: Any) -> Outcome:
    recipe = load_recipe("tiny.toml", [*SHORT, *overrides])
    return execute(recipe, "test", resume=folder, **options)


def _times(folder: Path) -> dict[str, int]:
    names = ("test_im_prediction.h5", "test_im_segmentation.h5")
    return {name: (folder / "results_step=2" / name).stat().st_mtime_ns for name in names}


def test_everything_is_where_it_belongs(work: Path) -> None:
    files = sorted(str(path.relative_to(work)) for path in work.rglob("*") if path.is_file())
    (best,) = (name for name in files if "epoch=001-train_loss_total_epoch=" in name)
    assert files == sorted(
        [
            best,
            "checkpoints/last.ckpt",
            "environment.json",
            "recipe.toml",
            "results_step=2/metrics.json",
            "results_step=2/recipe.toml",
            "results_step=2/test_im_prediction.h5",
            "results_step=2/test_im_segmentation.h5",
            "results_step=2/thresholds.json",
            "run.log",
        ]
    )


def test_the_prediction_describes_itself(work: Path) -> None:
    with h5py.File(work / "results_step=2" / "test_im_prediction.h5") as file:
        assert list(file) == ["main"]
        assert file["main"].shape == (3, 6, 40, 44)
        attributes = dict(file["main"].attrs)
    assert list(attributes["channel_names"]) == ["z1", "y1", "x1"]
    assert attributes["offsets"].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert attributes["voxel_size_nm"].tolist() == [30, 6, 6]
    assert attributes["checkpoint"] == str(work / "checkpoints" / "last.ckpt")
    assert attributes["step"] == 2
    assert attributes["volume"] == "phantom-2-0"
    assert len(attributes["fingerprint"]) == 16


def test_the_segmentation_is_what_was_scored(finished: tuple[Path, Outcome], work: Path) -> None:
    with h5py.File(work / "results_step=2" / "test_im_segmentation.h5") as file:
        labels = file["main"][...]
        attributes = dict(file["main"].attrs)
    assert attributes["neurons"] == labels.max()
    assert attributes["voxel_size_nm"].tolist() == [30, 6, 6]
    recipe = load_recipe(work / "recipe.toml")
    assert recipe.data.test is not None
    (volume,) = recipe.data.test.volumes()
    expected: dict[str, float] = {}
    for metric in recipe.metrics:
        expected |= metric.score(labels, volume)
    scores = json.loads((work / "results_step=2" / "metrics.json").read_text())
    assert scores == {
        "checkpoint": str(work / "checkpoints" / "last.ckpt"),
        "step": 2,
        "no_test": [],
        "mean": expected,
        "volumes": {"phantom-2-0": expected},
    }
    assert finished[1].scores == scores
    assert finished[1].unscored is None


def test_testing_again_computes_nothing_new(work: Path) -> None:
    before = _times(work)
    outcome = _test(work)
    assert outcome.folder == work
    assert outcome.scores is not None
    assert _times(work) == before


def test_another_decoder_keeps_the_prediction(work: Path) -> None:
    before = _times(work)
    _test(work, "decoder.threshold=0.9")
    after = _times(work)
    assert after["test_im_prediction.h5"] == before["test_im_prediction.h5"]
    assert after["test_im_segmentation.h5"] > before["test_im_segmentation.h5"]


def test_another_inferer_predicts_again(work: Path) -> None:
    before = _times(work)
    _test(work, "inferer.overlap=0.25")
    after = _times(work)
    assert after["test_im_prediction.h5"] > before["test_im_prediction.h5"]
    assert after["test_im_segmentation.h5"] > before["test_im_segmentation.h5"]


def test_another_volume_predicts_again(work: Path) -> None:
    before = _times(work)
    _test(work, "data.test.seed=3")
    assert _times(work)["test_im_prediction.h5"] > before["test_im_prediction.h5"]


def test_a_damaged_prediction_is_made_again(work: Path) -> None:
    path = work / "results_step=2" / "test_im_prediction.h5"
    whole = h5py.File(path)["main"][...]
    path.write_bytes(path.read_bytes()[:1000])
    _test(work)
    np.testing.assert_array_equal(h5py.File(path)["main"][...], whole)


def test_a_checkpoint_is_tested_in_its_run(work: Path) -> None:
    recipe = load_recipe("tiny.toml", SHORT)
    outcome = execute(recipe, "test", checkpoint=work / "checkpoints" / "last.ckpt")
    assert outcome.folder == work.absolute()
    shutil.copy(work / "checkpoints" / "last.ckpt", "elsewhere.ckpt")
    outcome = execute(recipe, "test", checkpoint=Path("elsewhere.ckpt"))
    assert outcome.folder != work
    assert (outcome.folder / "results_step=2" / "metrics.json").is_file()


def test_without_labels_nothing_is_scored(work: Path) -> None:
    recipe = load_recipe("tiny.toml")
    assert recipe.data.test is not None
    (volume,) = recipe.data.test.volumes()
    with h5py.File("unknown.h5", "w") as file:
        file["main"] = np.asarray(volume.image[...])
    table = "data.test={use='files', image='unknown.h5', voxel_size_nm=[30, 6, 6]}"
    outcome = _test(work, table)
    assert (outcome.scores, outcome.unscored) == (None, "the test volume has no labels")
    assert not (work / "results_step=2" / "metrics.json").exists()
    assert [path.name for path in outcome.segmentations] == ["test_im_segmentation.h5"]


def test_without_metrics_nothing_is_scored(work: Path) -> None:
    assert _test(work, "metrics=[]").unscored == "the recipe names no metrics"


def test_each_of_several_volumes_has_its_folder(work: Path) -> None:
    outcome = _test(work, "data.test.count=2")
    names = ["phantom-2-0", "phantom-2-1"]
    results = work / "results_step=2"
    assert outcome.segmentations == [results / name / "test_im_segmentation.h5" for name in names]
    scores = json.loads((results / "metrics.json").read_text())
    assert list(scores["volumes"]) == names
    for key, mean in scores["mean"].items():
        assert mean == pytest.approx(np.mean([scores["volumes"][name][key] for name in names]))


def test_metrics_that_share_scores_are_kept_apart(work: Path) -> None:
    metrics = "metrics=[{use='adapted_rand'}, {use='adapted_rand', background='segment'}]"
    outcome = _test(work, metrics)
    assert outcome.scores is not None
    assert [key for key in outcome.scores["mean"] if "_" not in key.removeprefix("adapted_")] == [
        "adapted_rand",
        "adapted_rand[background=segment]",
    ]
    with pytest.raises(NeurokitError) as caught:
        _test(work, "metrics=[{use='voi'}, {use='voi'}]")
    assert str(caught.value) == "two of the recipe's metrics give the score 'voi'; remove one"


def test_a_finished_run_is_left_as_it_is(work: Path) -> None:
    before = _times(work) | {"last": (work / "checkpoints/last.ckpt").stat().st_mtime_ns}
    outcome = execute(Run.open(work).recipe, resume=work)
    assert outcome.folder == work
    after = _times(work) | {"last": (work / "checkpoints/last.ckpt").stat().st_mtime_ns}
    assert after == before


def test_another_training_does_not_go_on_in_its_place(work: Path) -> None:
    recipe = load_recipe("tiny.toml", [*SHORT, "optimizer.lr=1", "data.train.seed=9"])
    with pytest.raises(NeurokitError) as caught:
        execute(recipe, resume=work)
    assert str(caught.value) == (
        f"{work} was trained with another optimizer and data.train; continue it with its own "
        f"recipe: neurokit run --resume {work}; or start anew from its weights with "
        f"--checkpoint {work}/checkpoints/last.ckpt"
    )


def test_a_run_without_a_checkpoint_is_not_said_to_have_one(tiny: Path) -> None:
    run = Run.create(load_recipe(tiny, SHORT))
    with pytest.raises(NeurokitError) as caught:
        execute(load_recipe(tiny, [*SHORT, "train.epochs=9"]), "train", resume=run.folder)
    assert str(caught.value) == (
        f"{run.folder} was trained with another train.epochs; continue it with its own recipe: "
        f"neurokit run --resume {run.folder}; or leave out --resume to start anew"
    )


@pytest.mark.parametrize("harmless", ["train.volume_memory_gib=0", "train.keep_best=1"])
def test_what_changes_no_weight_may_be_changed_on_going_on(tiny: Path, harmless: str) -> None:
    first = execute(load_recipe(tiny, SHORT), "train")
    again = execute(load_recipe(tiny, [*SHORT, harmless]), "train", resume=first.folder)
    assert again.folder == first.folder


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "train.epochs=9",
            "{run} was trained with another train.epochs; continue it with its own ",
        ),
        (
            "train.batch_size=5",
            "{run}/checkpoints/last.ckpt was trained with 2 samples a step, and would go on with "
            "5; train.batch_size times train.accumulate times the number of processes must stay "
            "the same",
        ),
    ],
)
def test_what_changes_the_weights_may_not(tiny: Path, override: str, message: str) -> None:
    first = execute(load_recipe(tiny, SHORT), "train")
    with pytest.raises(NeurokitError) as caught:
        execute(load_recipe(tiny, [*SHORT, override]), "train", resume=first.folder)
    assert str(caught.value).startswith(message.format(run=first.folder))


def test_a_resumed_run_has_its_own_checkpoint(tiny: Path) -> None:
    first = execute(load_recipe(tiny, SHORT), "train")
    with pytest.raises(NeurokitError) as caught:
        execute(
            load_recipe(tiny, SHORT), "train", checkpoint=Path("other.ckpt"), resume=first.folder
        )
    assert str(caught.value) == (
        "--resume goes on from the run's own checkpoint; leave out --checkpoint, or leave out "
        "--resume to start anew from its weights"
    )


def test_training_alone_needs_no_test_volumes(tiny: Path) -> None:
    recipe = load_recipe(tiny, [*SHORT, "data={train={use='phantom', shape=[8, 40, 48]}}"])
    outcome = execute(recipe, "train", outputs=Path("elsewhere"))
    assert outcome.folder.parent == Path("elsewhere/tiny")
    assert outcome.segmentations == []
    assert (outcome.scores, outcome.unscored) == (None, None)
    assert not list(outcome.folder.glob("results*"))


def test_testing_needs_a_network(tiny: Path) -> None:
    with pytest.raises(NeurokitError) as caught:
        execute(load_recipe(tiny), "test")
    assert str(caught.value) == "testing needs a trained network: give --checkpoint or --resume"
    with pytest.raises(NeurokitError, match=r"^gone is not the folder of a run"):
        execute(load_recipe(tiny), "test", resume=Path("gone"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train.patch_size=[4,31,32]"], "train.patch_size [4, 31, 32] must be a multiple of "),
        (["inferer.window=[4,32,31]"], "the inferer's window [4, 32, 31] must be a multiple of "),
        (
            ["decoder.channels=['z1','y1','x3']"],
            "the decoder reads what the target does not have: there is no channel 'x3'; "
            "there are z1, y1, x1",
        ),
        (
            ["train.patch_size=[16,32,32]"],
            "the training volume 'phantom-1-0' is [8, 40, 48] voxels, smaller than "
            "train.patch_size [16, 32, 32]; lower that, or raise train.pad",
        ),
        (
            ["data={}"],
            "the recipe has no [data.train]; add it, or run with --mode test and --checkpoint",
        ),
        (
            [
                "inferer.test_time_augmentation.enabled=true",
                'target={use="affinity", offsets=[[1,0,0],[0,1,0],[0,0,2]]}',
                "decoder.channels=['z1','y1','x2']",
            ],
            "the view 't' of inferer.test_time_augmentation cannot be used: it shows the affinity "
            "y1 as x1, which no channel is; leave it out of views, or add that channel to the "
            "target",
        ),
        (
            ["train.patch_size=[4,24,32]"],
            "rotate90 cannot turn samples of 24 x 32 voxels in the plane yx; make the two sizes "
            "equal in train.patch_size, or leave the plane out",
        ),
        (
            ["inferer.memory_gib=1e-4"],
            "inference takes 0.01 GiB at least, and has 0.00; raise inferer.memory_gib, or lower ",
        ),
        (["system.num_gpus=99", "system.device=auto"], "system.num_gpus is 99 and 0 can be seen"),
        (
            ["system.device=tpu"],
            "system.device is 'tpu'; it must be auto, cpu, cuda or cuda:<number>",
        ),
    ],
)
def test_what_does_not_fit_is_told_before_any_work(
    tiny: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(NeurokitError) as caught:
        execute(load_recipe(tiny, overrides))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not Path("outputs").exists()


def test_old_scores_do_not_outlive_a_failed_test(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*anything: object) -> None:
        raise NeurokitError("no score")

    monkeypatch.setattr("neurokit.stages.evaluate.scores_of", fails)
    with pytest.raises(NeurokitError, match=r"^no score$"):
        _test(work, "decoder.threshold=0.9")
    assert not (work / "results_step=2" / "metrics.json").exists()


def test_a_run_without_its_last_checkpoint_does_not_start_anew(work: Path) -> None:
    last = work / "checkpoints" / "last.ckpt"
    last.unlink()
    with pytest.raises(NeurokitError) as error:
        execute(load_recipe("tiny.toml", SHORT), "train", resume=work)
    assert str(error.value) == (
        f"{last} is gone, and training would start anew; to go on from an earlier epoch, copy its "
        f"checkpoint there"
    )
