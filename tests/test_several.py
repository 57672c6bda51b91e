"""Several: volumes of other datasets in one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from attrs import frozen
from click.testing import CliRunner
from numpy.typing import NDArray

from neurokit import Dataset, NeurokitError, Volume, load_recipe, param
from neurokit.cli import main
from neurokit.components.datasets.several import Several

FILES = "{{use='files', image='{0}/img.tif', labels='{0}/lab.tif', voxel_size_nm=[30, 6, 6]}}"


@frozen(kw_only=True)
class Named(Dataset):
    """Volumes of given names."""

    names: tuple[str, ...] = param(help="")

    def volumes(self) -> list[Volume]:
        image = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
        return [Volume(name, image, (1, 1, 1), source=str(i)) for i, name in enumerate(self.names)]


def _names(*each: str) -> list[str]:
    return [
        v.name for v in Several(of=tuple(Named(names=tuple(n.split())) for n in each)).volumes()
    ]


def test_volumes_come_in_order_under_names_of_their_own() -> None:
    assert _names("a b", "c") == ["a", "b", "c"]
    assert _names("a", "a", "a") == ["a", "a-2", "a-3"]
    assert _names("a", "a-2", "a", "a-2") == ["a", "a-2", "a-3", "a-2-2"]


def test_what_is_added_at_the_end_renames_nothing_before() -> None:
    each = np.random.default_rng(4).choice(["a", "a-2", "a-3", "b"], 30).tolist()
    for count in range(1, len(each)):
        assert _names(*each[:count]) == _names(*each)[:count]
    assert len(set(_names(*each))) == len(each)


def test_volumes_keep_what_they_are() -> None:
    one = Named(names=("a",))
    first, second = Several(of=(one, one)).volumes()
    (alone,) = one.volumes()
    assert first.fingerprint == alone.fingerprint
    assert second.fingerprint != alone.fingerprint  # its results are other files
    assert second.source == alone.source


def test_none_is_refused() -> None:
    with pytest.raises(NeurokitError) as caught:
        Several(of=())
    assert str(caught.value) == 'of is empty; name a dataset: of = [{use = "files", ...}]'


@pytest.fixture
def blocks(tiny: Path) -> None:
    """Folders a, b and c with an image and labels each."""
    random = np.random.default_rng(0)
    for name in "abc":
        Path(name).mkdir()
        grey: NDArray[np.uint8] = random.integers(0, 255, (6, 40, 40), np.uint8)
        tifffile.imwrite(f"{name}/img.tif", grey)
        tifffile.imwrite(f"{name}/lab.tif", grey // 64)


def _several(*folders: str) -> str:
    return f"{{use='several', of=[{', '.join(FILES.format(each) for each in folders)}]}}"


@pytest.mark.usefixtures("blocks")
def test_a_training_a_validation_and_a_test_on_several_volumes() -> None:
    given = [
        f"data.train={_several('a', 'b')}",
        f"data.validation={_several('c')}",
        f"data.test={_several('c', 'c')}",
        "train.validation.segment_every_epochs=1",
        "train.epochs=1",
        "train.steps_per_epoch=1",
    ]
    checked = CliRunner().invoke(main, ["check", "tiny.toml", *given])
    shown = [line.split(" voxels")[0] for line in checked.stdout.splitlines() if "voxels" in line]
    assert shown == [
        "train    a: 6 x 40 x 40",
        "train    b: 6 x 40 x 40",
        "valid    c: 6 x 40 x 40",
        "test     c: 6 x 40 x 40",
        "test     c-2: 6 x 40 x 40",
    ]
    done = CliRunner().invoke(main, ["run", "tiny.toml", *given, "--json"])
    assert done.exit_code == 0, done.output
    outcome = json.loads(done.stdout)
    places = [Path(file).parent.name for file in outcome["segmentations"]]
    assert places == ["c", "c-2"]
    scores = outcome["scores"]["volumes"]
    assert scores["c"] == scores["c-2"]
    again = load_recipe(Path(outcome["folder"]) / "recipe.toml")
    assert isinstance(again.data.train, Several)
    assert [volume.name for volume in again.data.train.volumes()] == ["a", "b"]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(
    ("override", "code", "message"),
    [
        (
            "data.train.of.1.image=gone.tif",
            1,
            "[data.train] of.1: image file not found: gone.tif in {folder}; check the path",
        ),
        (
            "data.train.of.1.imag=a.tif",
            2,
            "override: [data.train.of.1.imag] unknown parameter 'imag'; did you mean 'image'?",
        ),
        (
            "data.train.of=[]",
            2,
            'override: [data.train] of is empty; name a dataset: of = [{{use = "files", ...}}]',
        ),
        (
            "data.train.of.1.voxel_size_nm=[30, 6, 7]",
            1,
            "the training volumes 'a' and 'b' differ in voxel_size_nm; train on one size",
        ),
    ],
)
def test_errors_say_which(override: str, code: int, message: str) -> None:
    given = ["check", "tiny.toml", f"data.train={_several('a', 'b')}", override]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == code
    assert done.stderr == f"error: {message.format(folder=Path.cwd())}\n"
