"""What notebooks call: the same as the commands, and what it takes and refuses."""

from __future__ import annotations

import doctest
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import torch
from conftest import TINY
from numpy.typing import NDArray

import neurokit
from neurokit import NeurokitError, Outcome, Volume, hookimpl, load_recipe
from neurokit.recipe import to_toml
from neurokit.run_folder import Interrupted, Run
from neurokit.weights import export

SHORT = ["train.epochs=1", "train.steps_per_epoch=2"]
SIZE = (30, 6, 6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where everything happens; a recipe lies in it."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "tiny.toml").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        torch.set_num_threads(1)
        yield folder


@pytest.fixture(scope="module")
def outcome(folder: Path) -> Outcome:
    """A run that trained and was tested, and heard by nobody."""
    return neurokit.run(load_recipe("tiny.toml", SHORT), hooks=[])


@pytest.fixture(scope="module")
def weights(outcome: Outcome) -> Path:
    return export(outcome.folder, Path("tiny.safetensors")).weights


@pytest.fixture(autouse=True)
def _there(folder: Path) -> None:
    """Every test runs in the folder."""
    assert Path.cwd() == folder


@pytest.fixture(scope="module")
def volume(folder: Path) -> Volume:
    """The volume that the run was tested on."""
    dataset = load_recipe("tiny.toml").data.test
    assert dataset is not None
    (volume,) = dataset.volumes()
    return volume


PRECISION = "system.precision=float32"  # as the recipe has it, and its machine is not shared


def segment(
    image: Any, weights: str | Path, overrides: Sequence[str] = (), **options: Any
) -> NDArray[np.integer[Any]]:
    return neurokit.segment(
        image,
        weights=weights,
        voxel_size_nm=SIZE,
        overrides=[PRECISION, *overrides],
        show_progress=False,
        **options,
    )


def stored(path: Path) -> NDArray[Any]:
    with h5py.File(path) as file:
        return np.asarray(file["main"][...])


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(NeurokitError) as caught:
        call()
    return str(caught.value)


# segment


def test_it_gives_what_a_test_gives(outcome: Outcome, weights: Path, volume: Volume) -> None:
    """The same bits, whichever way the weights and the image are given."""
    image_ZYX = np.asarray(volume.image[...])
    with h5py.File("block.h5", "w") as file:
        file["raw"] = image_ZYX
        file["labels"] = np.zeros(image_ZYX.shape, np.uint8)
    tifffile.imwrite("block.tif", image_ZYX)
    expected = stored(outcome.segmentations[0])
    assert expected.any()
    ways: list[tuple[Any, str | Path]] = [
        (image_ZYX, weights),
        (image_ZYX.tolist(), str(weights)),
        (np.asfortranarray(image_ZYX), weights),
        ("block.h5::raw", outcome.checkpoint),
        (Path("block.tif"), outcome.folder),
    ]
    for image, which in ways:
        if isinstance(image, list):  # a list is of 64-bit integers, whose range is its own
            image = np.asarray(image, np.uint8)
        labels_ZYX = segment(image, which)
        assert labels_ZYX.dtype == expected.dtype
        assert np.array_equal(labels_ZYX, expected)
    own = neurokit.segment(volume, weights=weights, overrides=[PRECISION], show_progress=False)
    assert np.array_equal(own, expected)


def test_images_of_other_types(weights: Path, volume: Volume) -> None:
    """Other types go from their own lowest to their own highest value."""
    grey_ZYX = np.asarray(volume.image[...]).astype(np.int64) * 3 - 200
    expected = segment(grey_ZYX.astype(np.float32), weights)
    for image in (grey_ZYX, grey_ZYX.tolist(), torch.from_numpy(grey_ZYX)):
        assert np.array_equal(segment(image, weights), expected)


def test_overrides_are_those_of_the_command(
    outcome: Outcome, weights: Path, volume: Volume
) -> None:
    changes = ["decoder.threshold=0.8", "decoder.dust.enabled=false", "inferer.overlap=0.25"]
    recipe = load_recipe("tiny.toml", [*SHORT, *changes])
    other = neurokit.run(recipe, "test", checkpoint=weights, outputs="other", hooks=[])
    expected = stored(other.segmentations[0])
    assert not np.array_equal(expected, stored(outcome.segmentations[0]))
    image_ZYX = np.asarray(volume.image[...])
    assert np.array_equal(segment(image_ZYX, weights, overrides=changes), expected)
    assert refused(lambda: segment(image_ZYX, weights, overrides=["decoder.treshold=1"])) == (
        "override: [decoder.treshold] unknown parameter 'treshold'; did you mean 'threshold'?"
    )
    assert refused(lambda: segment(image_ZYX, weights, overrides=["train.epochs=1"])) == (
        "override: [train] unknown parameter 'train'; there is system, target, model, inferer, "
        "decoder"
    )


def test_nothing_is_left_behind(
    weights: Path, volume: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = sorted(Path.cwd().rglob("*"))
    segment(np.asarray(volume.image[...]), weights)
    assert sorted(Path.cwd().rglob("*")) == before
    assert list(tmp_path.iterdir()) == []


def test_a_folder_keeps_prediction_and_segmentation(
    outcome: Outcome, weights: Path, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_ZYX = np.asarray(volume.image[...])
    labels_ZYX = segment(image_ZYX, weights, folder="kept/here")
    prediction, segmentation = "test_im_prediction.h5", "test_im_segmentation.h5"
    here = Path("kept/here")
    assert sorted(path.name for path in here.iterdir()) == [prediction, segmentation]
    assert np.array_equal(stored(here / segmentation), labels_ZYX)
    assert np.array_equal(
        stored(here / prediction), stored(outcome.segmentations[0].with_name(prediction))
    )
    with h5py.File(here / segmentation) as file:
        assert file["main"].attrs["checkpoint"] == str(weights)
        assert file["main"].attrs["volume"] == "image"
    # Another threshold decodes what was predicted; another image is predicted anew.
    predicted = (here / prediction).stat().st_mtime_ns
    segment(image_ZYX, weights, folder=here, overrides=["decoder.threshold=0.9"])
    assert (here / prediction).stat().st_mtime_ns == predicted
    segment(255 - image_ZYX, weights, folder=here)
    assert (here / prediction).stat().st_mtime_ns > predicted


def test_voxels_of_another_size(weights: Path, volume: Volume) -> None:
    image_ZYX = np.asarray(volume.image[...])
    with pytest.warns(UserWarning, match="voxels") as caught:
        neurokit.segment(image_ZYX, weights=weights, voxel_size_nm=(30, 8, 8), show_progress=False)
    assert [str(each.message) for each in caught] == [
        "the network tiny.safetensors was trained on voxels of 30 x 6 x 6 nm, and those of 'image' "
        "are 30 x 8 x 8 nm (z, y, x): resample the image, or expect worse"
    ]
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        segment(image_ZYX, weights)


def test_what_does_not_fit_is_refused_before_any_work(
    weights: Path, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurokit.stages.infer.predict", None)
    image_ZYX = np.zeros((6, 40, 44), np.uint8)

    def told(image: Any = image_ZYX, **options: Any) -> str:
        given: dict[str, Any] = {"weights": weights, "voxel_size_nm": SIZE} | options
        return refused(lambda: neurokit.segment(image, **given))

    assert told(voxel_size_nm=None) == (
        "segment needs voxel_size_nm, the edge lengths of a voxel (z, y, x) in nanometres"
    )
    assert told(volume) == "a Volume has its own voxel_size_nm; leave out the other"
    unfit: list[Any] = [(30, 6), 6, "abc"]
    for size in unfit:
        assert told(voxel_size_nm=size) == (
            f"voxel_size_nm must be three numbers (z, y, x), not {size!r}"
        )
    for size in ((30, 6, 0), (float("nan"), 6, 6)):
        assert told(voxel_size_nm=size) == f"voxel_size_nm must be above 0, not {size!r}"
    assert told(image_ZYX[0]) == (
        "the image of 'image' has shape 40 x 44; it must have the three axes z, y, x"
    )
    assert told(image_ZYX[:0]) == "the image of 'image' is empty: 0 x 40 x 44"
    assert told(image_ZYX > 0) == (
        "the image of 'image' has type bool; it must be of integers or floating numbers"
    )
    assert told([[[1], [1, 2]]]) == "the image is no array: it is a list that NumPy cannot take"
    assert told("gone.tif").startswith("file not found: gone.tif in ")
    assert told(weights="phantom_dmo").startswith("there are no weights 'phantom_dmo'; ")
    assert told(overrides=["inferer.window=[4,32,31]"]) == (
        "the inferer's window [4, 32, 31] must be a multiple of [1, 2, 2], as the network pools by "
        "that"
    )
    assert told(overrides=["decoder.channels=['z1','y1','x3']"]) == (
        "the decoder reads what the target does not have: there is no channel 'x3'; there are z1, "
        "y1, x1"
    )
    assert told(overrides=["model.widths=[4,8]"]).startswith(
        "the network tiny.safetensors is of another architecture: its '"
    )
    assert told(overrides=["inferer.memory_gib=0.00001"]).startswith("inference takes ")
    assert told(device="tpu") == (
        "system.device is 'tpu'; it must be auto, cpu, cuda or cuda:<number>"
    )
    assert told(device="a'b").startswith('system.device is "a\'b"; ')


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 33, 7), (5, 3, 41)])
def test_images_of_any_size(weights: Path, shape: tuple[int, int, int]) -> None:
    image_ZYX = np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)
    labels_ZYX = segment(image_ZYX, weights)
    assert labels_ZYX.shape == shape
    assert labels_ZYX.dtype.kind in "ui"


def test_progress_is_told_on_standard_error(
    weights: Path, volume: Volume, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        "neurokit.api.Bar",
        lambda console, stage: types.SimpleNamespace(
            update=lambda what, done, total: told.append(f"{stage} {what} {done}/{total}"),
            close=lambda: told.append(f"{stage} closed"),
        ),
    )
    image_ZYX = np.asarray(volume.image[...])
    neurokit.segment(image_ZYX, weights=weights, voxel_size_nm=SIZE)
    assert told[0].startswith("infer windows 0/")
    assert "infer closed" in told
    assert told[-1] == "decode closed"
    told.clear()
    segment(image_ZYX, weights)
    assert told == []
    monkeypatch.undo()
    capsys.readouterr()
    neurokit.segment(image_ZYX, weights=weights, voxel_size_nm=SIZE)
    assert capsys.readouterr().out == ""


# run and open_run


def test_a_recipe_or_its_name(outcome: Outcome) -> None:
    Path("short.toml").write_text(to_toml(load_recipe("tiny.toml", SHORT)))
    by_name = neurokit.run("short.toml", outputs="named", hooks=[])
    assert by_name.folder.parent == Path("named/tiny")
    assert by_name.scores is not None
    assert outcome.scores is not None
    assert by_name.scores["mean"] == outcome.scores["mean"]
    by_path = neurokit.run(Path("short.toml"), "train", outputs="named", hooks=[])
    assert (by_path.scores, by_path.segmentations) == (None, [])


def test_a_run_goes_on_with_its_own_recipe(outcome: Outcome) -> None:
    again = neurokit.run(resume=str(outcome.folder), mode="test", hooks=[])
    assert again == outcome
    assert refused(neurokit.run) == ("give a recipe, or resume, the folder of a run to go on with")
    assert refused(lambda: neurokit.run(resume="gone")) == (
        "gone is not the folder of a run; one lies at outputs/<name>/<time>"
    )
    wrong: Any = "tset"
    assert refused(lambda: neurokit.run("tiny.toml", wrong)) == (
        "mode 'tset' is none of all, train, test, tune"
    )
    assert refused(lambda: neurokit.run("tiny.toml", "test")) == (
        "testing needs a trained network: give --checkpoint or --resume"
    )


def test_hooks_are_those_that_are_given_or_installed(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    class Listener:
        @hookimpl
        def run_finished(self, run: Run) -> None:
            heard.append(run.recipe.name)

    def test(**options: Any) -> None:
        neurokit.run(resume=outcome.folder, mode="test", **options)

    test(hooks=[Listener()])
    assert heard == ["tiny"]

    class Offer:
        def load(self) -> object:
            return Listener()

    class Broken:
        def load(self) -> object:
            raise NeurokitError("hook 'x' cannot be loaded")

    monkeypatch.setattr("neurokit.api.offered_hooks", lambda: [Offer(), Broken()])
    with pytest.warns(UserWarning, match="hook 'x' cannot be loaded"):
        test()
    assert heard == ["tiny", "tiny"]


def test_an_interrupt_says_where_to_go_on(folder: Path) -> None:
    class Interrupt:
        @hookimpl
        def step(self, step: int) -> None:
            if step == 2:
                os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    recipe = load_recipe("tiny.toml")
    with pytest.raises(KeyboardInterrupt) as caught:
        neurokit.run(recipe, "train", outputs="stopped", hooks=[Interrupt()])
    assert signal.getsignal(signal.SIGINT) is before
    assert isinstance(caught.value, Interrupted)
    done = neurokit.run(resume=caught.value.folder, mode="train", hooks=[])
    assert done.folder == caught.value.folder
    whole = neurokit.run(recipe, "train", outputs="whole", hooks=[])
    one, two = (torch.load(each.checkpoint)["model"] for each in (done, whole))
    assert all(torch.equal(one[name], two[name]) for name in two)


def test_a_run_is_opened_as_it_was_left(outcome: Outcome) -> None:
    opened = neurokit.open_run(str(outcome.folder))
    assert opened == outcome
    assert opened.recipe == load_recipe("tiny.toml", SHORT)
    assert opened.scores is not None
    assert neurokit.open_array(str(opened.segmentations[0])).shape == (6, 40, 44)
    assert opened.report is None
    page = outcome.folder / "report.html"
    page.write_text("")
    assert opened.report == page
    page.unlink()
    assert refused(lambda: neurokit.open_run("gone")) == (
        "gone is not the folder of a run; one lies at outputs/<name>/<time>"
    )


def test_runs_that_are_not_whole_are_opened_too(weights: Path) -> None:
    bare = Run.create(load_recipe("tiny.toml"), Path("bare")).folder
    opened = neurokit.open_run(bare)
    assert (opened.segmentations, opened.scores, opened.unscored) == ([], None, None)
    unscored = load_recipe("tiny.toml", ["metrics=[]"])
    tested = neurokit.run(unscored, "test", checkpoint=weights, outputs="unscored", hooks=[])
    opened = neurokit.open_run(tested.folder)
    assert (opened.scores, opened.unscored) == (None, "the test gave no scores")
    assert opened.segmentations == tested.segmentations
    scored = neurokit.run("tiny.toml", "test", checkpoint=weights, outputs="other", hooks=[])
    assert neurokit.open_run(scored.folder) == scored


def test_a_notebook_shows_a_summary(outcome: Outcome) -> None:
    shown = outcome._repr_html_()
    assert outcome.scores is not None
    assert "tiny" in shown
    assert f"{outcome.scores['mean']['adapted_rand']:.3f}" in shown
    assert "<script" not in shown


# The package


def test_importing_is_light() -> None:
    light = "import sys, neurokit; print(sorted({'torch', 'numpy', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", light], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_names_do_not_hide_modules() -> None:
    importlib.import_module("neurokit.cli")
    for name in neurokit.__all__:
        assert not isinstance(getattr(neurokit, name), types.ModuleType), name


def test_the_examples_run(outcome: Outcome, weights: Path, volume: Volume) -> None:
    """The docstrings' own lines, with what is quick in place of what takes minutes."""
    quick = {
        '"recipes/demo.toml", ["train.epochs=1"]': f'"tiny.toml", {SHORT}',
        "neurokit.run(recipe)": "neurokit.run(recipe, hooks=[])",
        '"outputs/demo/20260101-120000"': repr(str(outcome.folder)),
        '"phantom_demo", voxel_size_nm=(20, 6, 6)': f'"{weights}", voxel_size_nm=(30, 6, 6)',
    }
    names = {"neurokit": neurokit, "image_ZYX": np.asarray(volume.image[...])}
    for function in (neurokit.run, neurokit.open_run, neurokit.segment):
        text = str(function.__doc__)
        for given, instead in quick.items():
            text = text.replace(given, instead)
        examples = doctest.DocTestParser().get_examples(text)
        assert examples, function.__name__
        for example in examples:
            exec(example.source, names)
    labels_ZYX: Any = names["labels_ZYX"]
    assert labels_ZYX.shape == (6, 40, 44)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"weights": 3},
            "weights are given by their name, or by the path of a file or a run, not as 3",
        ),
        (
            {"weights": ""},
            "weights are given by their name, or by the path of a file or a run, not as ''",
        ),
        ({"folder": 3}, "the folder of the results is given by its path, not as 3"),
        ({"folder": "a_file"}, "a_file cannot be made: File exists; choose another folder"),
        (
            {"overrides": "decoder.treshold=0.4"},
            "override: [decoder.treshold] unknown parameter 'treshold'; did you mean 'threshold'?",
        ),
        ({"overrides": [3]}, "override: 3 is not of the form 'key.path=value'"),
    ],
)
def test_arguments_of_other_types(
    arguments: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a_file").touch()
    image_ZYX = np.zeros((4, 32, 32), np.uint8)
    given: dict[str, Any] = {"weights": "phantom_demo", "voxel_size_nm": (20, 6, 6)} | arguments
    with pytest.raises(NeurokitError) as caught:
        neurokit.segment(image_ZYX, **given)
    assert str(caught.value) == said
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]
    with pytest.raises(NeurokitError, match=r"^the folder of a run is given by its path, not as"):
        neurokit.open_run(None)  # type: ignore[arg-type]
