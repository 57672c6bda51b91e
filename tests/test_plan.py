"""What a plan finds before any work: labels of which nothing can be learnt, and nothing scored."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from installing import plugin_installed

from neurokit import NeurokitError, load_recipe
from neurokit.cli import main
from neurokit.pipeline import execute
from neurokit.plan import make_plan

OWN = "{{use='files', image='{0}.h5::main', labels='{0}.h5::labels', voxel_size_nm=[30, 6, 6]}}"
NONE = "'none' (none.h5::main)"
NONE_IGNORED = "hold no object, only background (0) or what is to be ignored (-1)"
NOT_SCORED = (
    f"the labels of the test volume {NONE} {NONE_IGNORED}, where adapted_rand "
    'looks: there is nothing to score against; name other labels, or none (labels = "") to segment '
    "it without a score"
)


@pytest.fixture(params=[-1, 0])
def none(request: pytest.FixtureRequest, tiny: Path) -> None:
    """A file `none.h5` whose labels hold no object, in the working directory."""
    with h5py.File("none.h5", "w") as file:
        file["main"] = np.zeros((6, 40, 40), np.uint8)
        file["labels"] = np.full((6, 40, 40), request.param, np.int16)


@pytest.mark.usefixtures("none")
@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("train", f"the labels of the training volume {NONE} {NONE_IGNORED}"),
        ("validation", f"the labels of the validation volume {NONE} {NONE_IGNORED}"),
        ("test", NOT_SCORED),
    ],
)
def test_labels_without_an_object_are_refused(part: str, message: str) -> None:
    override = f"data.{part}={OWN.format('none')}"
    checked = CliRunner().invoke(main, ["check", "tiny.toml", override])
    assert (checked.exit_code, checked.stderr) == (1, f"error: {message}\n")
    with pytest.raises(NeurokitError) as caught:
        execute(load_recipe("tiny.toml", [override]))
    assert str(caught.value) == message
    assert not Path("outputs").exists()


def test_an_image_without_contrast_is_warned_of(tiny: Path) -> None:
    image_ZYX = np.full((6, 40, 40), 7, np.uint8)
    with h5py.File("flat.h5", "w") as file:
        file["main"] = image_ZYX
        file["labels"] = np.ones((6, 40, 40), np.int16)
    recipe = load_recipe("tiny.toml", [f"data.train={OWN.format('flat')}"])
    assert make_plan(recipe, "train").warnings == [
        "every voxel of the training volume 'flat' (flat.h5::main) has the same grey value: there "
        "is nothing to learn from it"
    ]
    image_ZYX[-1, -1, -1] = 8
    with h5py.File("flat.h5", "r+") as file:
        file["main"][...] = image_ZYX
    assert make_plan(recipe, "train").warnings == []


@pytest.mark.usefixtures("none")
@pytest.mark.parametrize("override", ["metrics=[]", 'data.test.labels=""'])
def test_labels_that_nothing_scores_may_be_empty(override: str) -> None:
    recipe = load_recipe("tiny.toml", [f"data.test={OWN.format('none')}", override])
    (volume,) = make_plan(recipe, "all").test
    assert volume.name == "none"


@pytest.mark.usefixtures("none")
def test_one_object_is_enough() -> None:
    with h5py.File("none.h5", "r+") as file:
        file["labels"][5, 39, 39] = 7
    for part in ("train", "validation", "test"):
        recipe = load_recipe("tiny.toml", [f"data.{part}={OWN.format('none')}"])
        make_plan(recipe, "all")


CROP = "metrics=[{use='voi'}, {use='adapted_rand', crop='snemi3d-gc'}]"


@pytest.mark.usefixtures("none")
def test_a_volume_that_a_metric_cannot_score_is_refused() -> None:
    recipe = load_recipe("tiny.toml", [CROP])
    with pytest.raises(NeurokitError) as caught:
        make_plan(recipe, "test")
    assert str(caught.value) == (
        "crop 'snemi3d-gc' is for volumes of 100 x 1024 x 1024, and 'phantom-2-0' has shape 6 x 40 "
        'x 44; use crop = "none"'
    )


@pytest.mark.usefixtures("none")
def test_a_volume_that_a_validation_or_a_search_cannot_score_is_refused() -> None:
    held_out = "data.validation={use='phantom', shape=[6, 40, 44], seed=3}"
    refused = (
        "crop 'snemi3d-gc' is for volumes of 100 x 1024 x 1024, and 'phantom-3-0' has shape 6 x 40 "
        'x 44; use crop = "none"'
    )
    make_plan(load_recipe("tiny.toml", [CROP, held_out]), "train")
    for mode, more in (
        ("train", "train.validation.segment_every_epochs=1"),
        ("tune", "tune.space.decoder={threshold=[0.2, 0.8]}"),
    ):
        recipe = load_recipe("tiny.toml", [CROP, held_out, more])
        with pytest.raises(NeurokitError) as caught:
            make_plan(recipe, mode)  # type: ignore[arg-type]
        assert str(caught.value) == refused


def test_nan_in_a_test_image_is_found_before_a_training(tiny: Path) -> None:
    image = np.random.default_rng(0).random((6, 40, 40), np.float32)
    with h5py.File("nan.h5", "w") as file:
        file["main"], file["labels"] = image, np.ones(image.shape, np.uint8)
    recipe = load_recipe("tiny.toml", [f"data.test={OWN.format('nan')}"])
    make_plan(recipe, "all")
    with h5py.File("nan.h5", "r+") as file:
        file["main"][5, 39, 39] = np.nan
    with pytest.raises(NeurokitError, match=r"^the image of 'nan' .*holds NaN"):
        execute(recipe)
    assert not Path("outputs").exists()
    make_plan(recipe, "train")


def test_metrics_without_their_truth_are_warned_of(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warnings(*overrides: str) -> list[str]:
        return make_plan(load_recipe("tiny.toml", overrides), "all").warnings

    assert warnings() == warnings("metrics=[]") == []
    with h5py.File("bare.h5", "w") as file:
        file["main"] = np.random.default_rng(0).integers(0, 255, (6, 40, 40), np.uint8)
    bare = "{use='files', image='bare.h5', voxel_size_nm=[30, 6, 6]}"
    assert warnings(f"data.test={bare}") == [
        "nothing will be scored: the test volume has no labels"
    ]
    assert warnings(f"data.test={bare}", "metrics=[]") == []
    offered = "[neurokit.metric]\nnodes = neurokit_marked:Nodes\n"
    folder = tmp_path_factory.mktemp("marked")
    with plugin_installed("marked", offered, folder, monkeypatch):
        assert warnings("metrics=[{use='nodes'}]") == [
            "nothing will be scored: the test volume has no skeletons"
        ]
        assert warnings("metrics=[{use='nodes'}, {use='voi'}]") == [
            "'phantom-2-0' has no skeletons, and gets no score of nodes"
        ]


@pytest.mark.parametrize(
    ("mode", "overrides", "message"),
    [
        (
            "tune",
            [],
            "the recipe has no [tune], which says what to search; docs/howto/tune.md shows one",
        ),
        (
            "tune",
            ["tune.trials=3", "metrics=[]"],
            "the recipe names no metrics, and tuning goes by the first one",
        ),
        (
            "tune",
            ["tune.trials=3"],
            "[tune.space] holds no range; name parameters of the decoder in [tune.space.decoder]",
        ),
        (
            "tune",
            ["tune.space.decoder.channels=[['z1','y1','x1'],['z3','y1','x1']]"],
            "tune.space has a choice of decoder.channels that reads what the target does not have: "
            "there is no channel 'z3'; there are z1, y1, x1",
        ),
        (
            "all",
            ["data={train={use='phantom', shape=[8, 40, 48]}}"],
            "the recipe has no [data.test]; add it, or run with --mode train",
        ),
        (
            "all",
            ["decoder.channels=['z3','y1','x1']"],
            "the decoder reads what the target does not have: there is no channel 'z3'; there are "
            "z1, y1, x1",
        ),
        (
            "all",
            ["train.patch_size=[4, 33, 32]"],
            "train.patch_size [4, 33, 32] must be a multiple of [1, 2, 2], as the network pools by "
            "that",
        ),
        (
            "all",
            ["metrics=[{use='voi'}, {use='voi'}]"],
            "two of the recipe's metrics give the score 'voi'; remove one",
        ),
        (
            "all",
            ["system.device=gpu"],
            "system.device is 'gpu'; it must be auto, cpu, cuda or cuda:<number>",
        ),
    ],
)
@pytest.mark.usefixtures("tiny")
def test_what_is_wrong_with_the_recipe_by_itself_exits_2(
    mode: str, overrides: list[str], message: str
) -> None:
    checked = CliRunner().invoke(main, ["check", "tiny.toml", *overrides, "--mode", mode])
    assert (checked.exit_code, checked.stderr) == (2, f"error: {message}\n")


def test_names_and_warnings_are_printed_on_one_line(tiny: Path) -> None:
    with h5py.File("a\x1b[2Jb.h5", "w") as file:
        file["main"] = np.random.default_rng(0).integers(0, 255, (6, 40, 40), np.uint8)
        file["labels"] = np.ones((6, 40, 40), np.uint8)
    name = r"a\x1b[2Jb"
    table = OWN.format("a\\u001b[2Jb").replace("'", '"')
    both = [f"data.{part}={table}" for part in ("train", "test")]
    checked = CliRunner().invoke(main, ["check", "tiny.toml", *both, "data.test.sections=[1, 6]"])
    assert checked.exit_code == 0, checked.stderr
    assert f"train    {name}: 6 x 40 x 40 voxels" in checked.stdout
    assert checked.stderr == (
        "warning: the scores are no test: the network is trained on the very tissue that is "
        "tested\n"
    )
    less = CliRunner().invoke(main, ["check", "tiny.toml", *both, "data.train.sections=[1, 6]"])
    assert less.stderr == (
        "warning: the scores are no test: the network is trained on 5 of the 6 sections of "
        f"'{name}'\n"
    )


def test_objects_count_where_they_are_scored(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurokit.components.metrics._CHALLENGE_SHAPE", (6, 40, 40))
    inside = (slice(2, 4), slice(10, 30), slice(10, 30))
    monkeypatch.setattr("neurokit.components.metrics._CHALLENGE_CROP", inside)
    labels = np.full((6, 40, 40), 5, np.int16)
    labels[inside] = 0
    with h5py.File("hole.h5", "w") as file:
        file["main"] = np.zeros((6, 40, 40), np.uint8)
        file["labels"] = labels
    recipe = load_recipe("tiny.toml", [f"data.test={OWN.format('hole')}", CROP])
    with pytest.raises(NeurokitError) as caught:
        make_plan(recipe, "test")
    assert str(caught.value) == NOT_SCORED.replace("none'", "hole'").replace("none.h5", "hole.h5")
    with h5py.File("hole.h5", "r+") as file:
        file["labels"][3, 29, 10] = 1
    make_plan(recipe, "test")


@pytest.mark.usefixtures("none")
def test_a_training_does_not_look_at_test_volumes() -> None:
    recipe = load_recipe("tiny.toml", [f"data.test={OWN.format('none')}"])
    assert make_plan(recipe, "train").test == []
