"""No test: scores of tissue that the network, or a search, has seen are known to be none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from numpy.typing import NDArray

import neurokit
from neurokit import NeurokitError, Volume, load_recipe
from neurokit.cli import main
from neurokit.no_test import overlap, was_tuned, why_no_test
from neurokit.pipeline import execute
from neurokit.recipe import to_toml
from neurokit.volumes import open_array, sections_of

TRAINED = "the network is trained on the very tissue that is tested"
SEARCHED = (
    "the decoder's settings were found by a search that scored on the very tissue that is tested"
)


def _noise(seed: int, shape: tuple[int, int, int] = (8, 40, 48)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


def _volume(image: Any, name: str = "v", labels: Any = None) -> Volume:
    return Volume(name, image, (30, 6, 6), labels)


def _found(volumes: list[Volume], others: list[Volume]) -> str:
    return overlap(volumes, others, "all")


def test_the_same_grey_values_are_known_again() -> None:
    image = _noise(0)
    other_labels = _volume(image.copy(), "w", np.ones(image.shape, np.uint8))
    assert _found([_volume(image)], [other_labels]) == "all"
    assert _found([_volume(image)], [_volume(image.astype(np.float32))]) == "all"
    assert _found([_volume(image)], [_volume(_noise(1))]) == ""
    assert _found([_volume(image)], [_volume(image[:, :, 1:])]) == ""
    assert _found([_volume(image)], []) == _found([], [_volume(image)]) == ""


@pytest.mark.parametrize("seed", range(20))
def test_sections_that_two_have_in_common_are_counted(seed: int) -> None:
    random = np.random.default_rng(seed)
    whole = _noise(seed, (int(random.integers(2, 30)), 20, 20))

    def part() -> tuple[set[int], Volume]:
        start, stop = sorted(random.choice(len(whole) + 1, 2, replace=False).tolist())
        return set(range(start, stop)), _volume(sections_of(whole.copy(), start, stop))

    (own, tested), (first, one), (second, another) = part(), part(), part()
    shared = len(own & (first | second))
    words = "" if not shared else f"{shared} of the {len(own)} sections of 'v'"
    expected = "all" if shared == len(own) else words
    assert _found([tested], [one, _volume(_noise(99)), another]) == expected


def test_sections_of_sections_are_those_of_the_whole() -> None:
    whole = _noise(3, (20, 16, 16))
    inner = sections_of(sections_of(whole, 4, 16), 2, 6)  # 6 to 9
    assert _found([_volume(inner)], [_volume(sections_of(whole, 8, 20))]) == (
        "2 of the 4 sections of 'v'"
    )
    assert _found([_volume(inner)], [_volume(sections_of(whole, 10, 20))]) == ""


def test_of_several_volumes_those_that_are_known_again_are_named() -> None:
    a, b, c = (_volume(_noise(seed), name) for seed, name in enumerate("abc"))
    part = _volume(sections_of(_noise(2), 0, 3))
    assert _found([a, b, c], [c, b, a]) == "all"
    assert _found([a, b, c], [b]) == "'b'"
    assert _found([a, b, c], [part, a]) == "'a' and 3 of the 8 sections of 'c'"


def test_nothing_is_known_by_an_image_of_one_grey(tmp_path: Path) -> None:
    blank = np.zeros((6, 8, 8), np.uint8)
    assert _found([_volume(blank)], [_volume(blank)]) == ""
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", blank)
    a, again, b = (_volume(open_array(str(tmp_path / f"{name}.tif"))) for name in "aab")
    assert _found([a], [again]) == "all"  # it is the same file
    assert _found([a], [b]) == ""


class _Damaged:
    shape = (6, 8, 8)
    dtype = np.dtype(np.uint8)

    def __getitem__(self, index: Any) -> Any:
        raise NeurokitError("a.tif is damaged")


def test_what_cannot_be_read_is_an_error_only_of_what_is_tested() -> None:
    whole, damaged = _volume(_noise(0)), _volume(_Damaged())
    assert _found([whole], [damaged, whole]) == "all"
    with pytest.raises(NeurokitError, match="damaged"):
        _found([damaged], [whole])


def test_each_reason_has_its_clause() -> None:
    a, b = _volume(_noise(0)), _volume(_noise(1))
    assert why_no_test([a], [b], []) == []
    assert why_no_test([a], [a, b], [b]) == [TRAINED]
    assert why_no_test([a], [b], [a]) == [SEARCHED]
    assert why_no_test([a], [a], [a]) == [TRAINED, SEARCHED]


@pytest.fixture
def data(tiny: Path) -> None:
    """A volume as `img.tif` and `lab.tif`, a copy of it in `copy.h5`, and `other.tif`."""
    (tissue,) = neurokit.load_recipe(tiny).data.train.volumes()  # type: ignore[union-attr]
    image, labels = np.asarray(tissue.image[...]), np.asarray(tissue.labels[...])  # type: ignore[index]
    tifffile.imwrite("img.tif", image)
    tifffile.imwrite("lab.tif", labels.astype(np.uint16))
    tifffile.imwrite("ones.tif", np.ones(image.shape, np.uint8))
    tifffile.imwrite("other.tif", image[::-1])
    with h5py.File("copy.h5", "w") as file:
        file["raw"], file["labels"] = image, labels


def _on(part: str, image: str = "img.tif", labels: str = "lab.tif", sections: str = "") -> str:
    chosen = f", sections={sections}" if sections else ""
    return (
        f"data.{part}={{use='files', image='{image}', labels='{labels}', "
        f"voxel_size_nm=[30, 6, 6]{chosen}}}"
    )


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("train", "test", "seen"),
    [
        (_on("train"), _on("test"), "the very tissue that is tested"),
        (_on("train"), _on("test", "./img.tif", "ones.tif"), "the very tissue that is tested"),
        (_on("train"), _on("test", "copy.h5::raw"), "the very tissue that is tested"),
        (_on("train"), _on("test", sections="[2, 5]"), "the very tissue that is tested"),
        (
            _on("train", sections="[0, 5]"),
            _on("test", "copy.h5::raw", sections="[4, 8]"),
            "1 of the 4 sections of 'copy'",
        ),
        (_on("train", sections="[0, 4]"), _on("test", sections="[4, 8]"), None),
        (_on("train"), _on("test", "other.tif"), None),
    ],
)
def test_check_warns_of_what_is_no_test(train: str, test: str, seen: str | None) -> None:
    command = ["check", "tiny.toml", train, test, "train.patch_size=[2, 32, 32]"]
    warning = f"the scores are no test: the network is trained on {seen}"
    shown = CliRunner().invoke(main, command)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stderr == ("" if seen is None else f"warning: {warning}\n")
    as_json = CliRunner().invoke(main, [*command, "--json"])
    assert json.loads(as_json.stdout)["warnings"] == ([] if seen is None else [warning])


@pytest.mark.usefixtures("data")
def test_a_validation_on_what_is_trained_on_is_warned_of() -> None:
    given = [
        _on("train", sections="[0, 5]"),
        _on("validation", "copy.h5::raw"),
        _on("test", "other.tif"),
    ]
    shown = CliRunner().invoke(main, ["check", "tiny.toml", *given])
    assert shown.stderr == (
        "warning: what [data.validation] shows is no test: the network is trained on 5 of the 8 "
        "sections of 'copy'\n"
    )


SHORT = ["train.epochs=1", "train.steps_per_epoch=1"]


@pytest.mark.usefixtures("data")
def test_a_run_its_report_and_a_comparison_say_the_same() -> None:
    def run(*arguments: str) -> Any:
        result = CliRunner().invoke(main, ["run", *arguments])
        assert result.exit_code == 0, result.output
        return result

    first = run("tiny.toml", *SHORT, _on("train"), _on("test"), "name=same")
    warning = f"warning: the scores are no test: {TRAINED}\n"
    assert first.stderr.index(warning) < first.stderr.index("train: done")
    assert f"\n\nthese scores are no test: {TRAINED}\n\nresults\n" in first.stdout
    (folder,) = Path("outputs/same").iterdir()
    scores = folder / "results_step=1" / "metrics.json"
    assert json.loads(scores.read_text())["no_test"] == [TRAINED]
    page = (folder / "report.html").read_text()
    assert page.count(f"The scores are no test: {TRAINED}.") == 1
    assert "The run warned: the scores are no test" not in page
    opened = neurokit.open_run(folder)
    assert (opened.scores or {})["no_test"] == [TRAINED]
    assert opened.warnings == (f"the scores are no test: {TRAINED}",)

    # Of a network that is there, what counts is what it was trained on.
    checkpoint = ["--mode", "test", "--checkpoint", str(folder / "checkpoints/last.ckpt")]
    given = [_on("train", "other.tif"), _on("test", "copy.h5::raw")]
    checked = CliRunner().invoke(main, ["check", "tiny.toml", *given, *checkpoint])
    assert checked.stderr == warning
    again = run("tiny.toml", *given, *checkpoint, "--json")
    assert json.loads(again.stdout)["warnings"] == [f"the scores are no test: {TRAINED}"]
    # What it was trained on may be gone.
    Path("img.tif").unlink()
    gone = run("tiny.toml", *given, *checkpoint, "--json")
    assert json.loads(gone.stdout)["warnings"] == []
    compared = CliRunner().invoke(main, ["compare", f"{folder}", f"{folder}"])
    assert compared.exit_code == 1

    other = run("tiny.toml", *SHORT, _on("train", "other.tif"), _on("test", "copy.h5::raw"))
    assert "no test" not in other.output
    run("tiny.toml", *given, "--resume", str(folder), "--mode", "test", "data.test.labels=ones.tif")


@pytest.mark.usefixtures("tiny")
def test_settings_that_were_searched_on_what_is_tested() -> None:
    recipe = load_recipe("tiny.toml", [*SHORT, "decoder.threshold=0.4"])
    folder = execute(recipe).folder
    best = folder / "tune" / "best.toml"
    best.parent.mkdir()
    shutil.copy(folder / "recipe.toml", best)
    table = neurokit.recipe.to_table(recipe)
    assert was_tuned(folder, table)
    assert not was_tuned(Path("elsewhere"), table)

    def warnings(*overrides: str, mode: Any = "test") -> list[str]:
        tested = load_recipe("tiny.toml", [*SHORT, "decoder.threshold=0.4", *overrides])
        return list(execute(tested, mode, resume=folder).warnings)

    told = [f"the scores are no test: {SEARCHED}"]
    assert warnings() == warnings(mode="all") == told
    # Settings that were changed since, or chosen on other tissue, leave it a test.
    assert warnings("decoder.threshold=0.5") == []
    held_out = "data.validation={use='phantom', shape=[6, 40, 44], seed=%d}"
    assert warnings(held_out % 3) == []
    assert warnings(held_out % 2) == told
    best.write_text(to_toml(load_recipe("tiny.toml")))
    assert warnings() == []
    best.write_text("damaged [")
    assert warnings() == []
