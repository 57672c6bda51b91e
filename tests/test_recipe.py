"""Recipes: extended, overridden, checked with every error at its line, and written back."""

from __future__ import annotations

import json
import math
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from attrs import evolve, frozen
from conftest import TINY, offered
from numpy.typing import NDArray

from neurokit import Decoder, NeurokitError, Prediction, load_recipe, param
from neurokit.errors import RecipeError
from neurokit.recipe import fingerprint, structure_table, to_table, to_toml
from neurokit.registry import Registry
from neurokit.schema import System


@frozen(kw_only=True)
class Slices(Decoder):
    """Another decoder, with parameters of its own."""

    thickness: int = param(2, help="sections of a slice", low=1)
    names: tuple[str, ...] = param((), help="of the slices")

    def decode(self, prediction: Prediction) -> NDArray[np.integer]:
        """Never called."""
        raise NotImplementedError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


@pytest.fixture
def registry() -> Registry:
    ours = [offer.entry_point for offer in Registry().offers]
    return Registry([*ours, EntryPoint("slices", f"{__name__}:Slices", "neurokit.decoder")])


def _problems(*overrides: str, file: str = "recipe.toml") -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(file, overrides)
    assert caught.value.exit_code == 2
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def _line(text: str, start: str) -> int:
    return next(n for n, line in enumerate(text.split("\n"), 1) if line.startswith(start))


def test_it_holds_what_the_file_says(folder: Path) -> None:
    recipe: Any = load_recipe(folder / "tiny.toml")
    assert (recipe.name, recipe.seed, recipe.system.device) == ("tiny", 7, "cpu")
    assert recipe.train.patch_size == (4, 32, 32)
    assert [type(each).__name__ for each in recipe.train.augmentations] == ["Flip", "Rotate90"]
    assert recipe.optimizer.lr == 1e-3
    assert recipe.data.validation is None


def test_the_documented_message(folder: Path) -> None:
    (folder / "recipe.toml").write_text(
        'extends = "tiny.toml"\nname = "typo"\n\n[decoder]\nuse = "waterz"\ntreshold = 0.4\n'
    )
    assert _problems() == [
        "recipe.toml:6: [decoder.treshold] unknown parameter 'treshold'; did you mean 'threshold'?"
    ]


def test_every_error_at_once_in_the_order_of_the_file(folder: Path) -> None:
    text = TINY.replace('use = "balanced_bce"', 'use = "balanced"')
    text = text.replace("epochs = 2", 'epochs = "2"').replace("seed = 7", "seed = -7")
    text = text.replace("[decoder]", "[decoder]\nmerge_function = 7").replace("batch_size", "batch")
    text = text.replace('name = "tiny"\n', "")
    (folder / "recipe.toml").write_text(text + '[[metrics]]\nuse = "waterz"\n')
    assert _problems("train.steps_per_epoch=0") == [
        "override: [train.steps_per_epoch] must be at least 1, not 0",
        "recipe.toml: the parameter 'name' is missing",
        f"recipe.toml:{_line(text, 'seed = -7')}: [seed] must be at least 0, not -7",
        f"recipe.toml:{_line(text, '[loss]') + 1}: [loss.use] unknown loss 'balanced'; "
        "did you mean 'balanced_bce'?",
        f"recipe.toml:{_line(text, 'batch = 2')}: [train.batch] unknown parameter 'batch'; "
        "did you mean 'batch_size'?",
        f"recipe.toml:{_line(text, 'epochs')}: [train.epochs] must be an integer, "
        "not the string '2'",
        f"recipe.toml:{_line(text, 'merge_function')}: [decoder.merge_function] must be a string, "
        "not 7",
        f"recipe.toml:{len(text.splitlines()) + 2}: [metrics.2.use] 'waterz' is a decoder, "
        f"not a metric; installed: {offered('metric')}",
    ]


def test_missing_and_crossed_parameters_stand_at_their_table(folder: Path) -> None:
    text = TINY.replace("patch_size = [4, 32, 32]\n", "").replace(
        '[model]\nuse = "rsunet"', "[model]"
    )
    (folder / "recipe.toml").write_text(text.replace("[decoder]", "[decoder]\naff_threshold=[1,0]"))
    assert _problems() == [
        f'recipe.toml:{_line(text, "[model]")}: [model] needs use = "name", the name of a model',
        f"recipe.toml:{_line(text, '[train]')}: [train] the parameter 'patch_size' is missing",
        f"recipe.toml:{_line(text, '[decoder]')}: [decoder] "
        "aff_threshold must be two rising numbers, and 1.0 is not below 0.0",
    ]


def test_extending_merges_key_by_key(folder: Path, registry: Registry) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "middle.toml").write_text(
        'extends = "../tiny.toml"\nseed = 9\n[decoder]\nthreshold = 0.3\n'
        '[decoder.dust]\nmerge_size = 5\n[[metrics]]\nuse = "rand_error"\n'
    )
    (folder / "top.toml").write_text(
        'extends = "sub/middle.toml"\nname = "top"\n[decoder.dust]\nremove_size = 6\n'
    )
    recipe: Any = load_recipe("top.toml", registry=registry)
    assert (recipe.name, recipe.seed, recipe.decoder.threshold) == ("top", 9, 0.3)
    assert (recipe.decoder.dust.merge_size, recipe.decoder.dust.remove_size) == (5, 6)
    assert [type(each).__name__ for each in recipe.metrics] == ["RandError"]
    assert recipe.train.epochs == 2


def test_a_table_whose_use_changes_starts_empty(folder: Path, registry: Registry) -> None:
    (folder / "base.toml").write_text('extends = "tiny.toml"\n[decoder]\nthreshold = 0.3\n')
    (folder / "top.toml").write_text('extends = "base.toml"\n[decoder]\nuse = "slices"\n')
    changed: Any = load_recipe("top.toml", registry=registry)
    assert changed.decoder == Slices()
    (folder / "same.toml").write_text('extends = "base.toml"\n[decoder]\nuse = "waterz"\n')
    kept: Any = load_recipe("same.toml")
    assert kept.decoder.threshold == 0.3
    (folder / "back.toml").write_text('extends = "top.toml"\n[decoder]\nuse = "waterz"\n')
    back: Any = load_recipe("back.toml", registry=registry)
    assert back.decoder.threshold == 0.5


def test_errors_name_the_file_they_stand_in(folder: Path) -> None:
    (folder / "base.toml").write_text(
        'extends = "tiny.toml"\n[decoder]\nthreshold = 3\naff_threshold = "x"\n'
        "[decoder.dust]\nx = 1\n"
    )
    (folder / "recipe.toml").write_text('extends = "base.toml"\n\n[decoder]\naff_threshold = [1]\n')
    assert _problems() == [
        "base.toml:3: [decoder.threshold] must be at most 1, not 3.0",
        "base.toml:6: [decoder.dust.x] unknown parameter 'x'; "
        "there is enabled, merge_size, merge_affinity, remove_size",
        "recipe.toml:4: [decoder.aff_threshold] must be a list of 2 numbers, not a list of 1",
    ]


def test_recipes_that_packages_ship(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "lib" / "shipping_plugin"
    (package / "recipes").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "recipes" / "tiny.toml").write_text(TINY.replace('"tiny"', '"shipped"'))
    (package / "beside.toml").write_text('extends = "recipes/tiny.toml"\nseed = 3\n')
    monkeypatch.syspath_prepend(folder / "lib")
    assert load_recipe("shipping_plugin:tiny.toml").name == "shipped"
    assert load_recipe("shipping_plugin:beside.toml").seed == 3
    (folder / "recipe.toml").write_text('extends = "shipping_plugin:tiny.toml"\nseed = 4\n')
    assert (load_recipe("recipe.toml").name, load_recipe("recipe.toml").seed) == ("shipped", 4)
    assert _problems(file="shipping_plugin:gone.toml") == [
        "shipping_plugin:gone.toml: the package 'shipping_plugin' ships no recipe 'gone.toml'"
    ]
    assert _problems(file="no_such_plugin:a.toml") == [
        "no_such_plugin:a.toml: the package 'no_such_plugin' cannot be imported: "
        "No module named 'no_such_plugin'"
    ]


def test_files_that_cannot_be_read(folder: Path) -> None:
    assert _problems() == ["recipe.toml: there is no such recipe"]
    (folder / "recipe.toml").write_text('extends = "gone.toml"')
    assert _problems() == ["gone.toml: there is no such recipe (extended by recipe.toml)"]
    (folder / "recipe.toml").write_text('name = "a"\nextends = ["tiny.toml"]')
    assert _problems() == ["recipe.toml:2: [extends] must be the name of one recipe"]
    (folder / "recipe.toml").write_bytes(b'name = "\xff"')
    assert _problems() == ["recipe.toml: cannot be read: it is not UTF-8 text"]
    assert _problems(file=".") == [".: cannot be read: Is a directory"]


def test_recipes_that_extend_themselves(folder: Path) -> None:
    (folder / "recipe.toml").write_text('extends = "other.toml"')
    (folder / "other.toml").write_text('extends = "./recipe.toml"')
    assert _problems() == ["recipe.toml: extends itself, by way of other.toml"]
    (folder / "other.toml").write_text('extends = "other.toml"')
    assert _problems(file="other.toml") == ["other.toml: extends itself, by way of other.toml"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("name = a\n", 1, "Invalid value"),
        ('name = "a"\n\nname = "b"\n', 3, "Cannot overwrite a value"),
        ('name = "a"\n[x\n', 2, "Expected ']' at the end of a table declaration"),
        ('name = "a"\nx = [1,\n', 2, "Unclosed array (at end of document)"),
    ],
)
def test_invalid_toml(folder: Path, text: str, line: int, reason: str) -> None:
    (folder / "recipe.toml").write_text(text)
    (problem,) = _problems()
    # The reason is tomllib's, whose wording differs a little among versions of Python.
    assert problem.startswith(f"recipe.toml:{line}: not valid TOML: ")
    assert (
        problem.removesuffix(" (at end of document)").endswith(
            reason.removesuffix(" (at end of document)")
        )
        or "Invalid value" in problem
    )


def _with(*overrides: str, registry: Registry | None = None) -> Any:
    return load_recipe("tiny.toml", overrides, registry)


@pytest.mark.usefixtures("folder")
def test_overrides_win() -> None:
    assert _with("name=other").name == "other"
    assert _with('name="a b"').name == "a b"
    assert _with("name='7'").name == "7"
    assert _with("name=a#b").name == "a#b"
    assert _with("name = spaced ").name == "spaced"
    assert _with("train.epochs=3", "train.epochs=4").train.epochs == 4
    assert _with("decoder.aff_threshold=[0, 0.5]").decoder.aff_threshold == (0.0, 0.5)
    assert _with('decoder."threshold"=0.25').decoder.threshold == 0.25
    assert _with("decoder.dust.enabled=false").decoder.dust.enabled is False
    assert _with("system.device=cuda:1").system.device == "cuda:1"
    assert _with("metrics.0.crop=snemi3d-gc").metrics[0].crop == "snemi3d-gc"
    assert _with("metrics=[]").metrics == ()
    assert _with("tune.trials=3").tune.trials == 3


@pytest.mark.usefixtures("folder")
def test_an_override_of_use_empties_its_table_whatever_the_order(registry: Registry) -> None:
    for given in (["decoder.thickness=5", "decoder.use=slices"], ["decoder={use='slices'}"] * 2):
        decoder = _with("decoder.names=['a']", *given, registry=registry).decoder
        assert decoder == Slices(thickness=5 if len(set(given)) == 2 else 2, names=("a",))
    assert type(_with("metrics.0.use=rand_error").metrics[0]).__name__ == "RandError"


@pytest.mark.usefixtures("folder")
def test_a_table_takes_the_place_of_the_whole_table() -> None:
    data = _with("data.test={use='files', image='a.tif', voxel_size_nm=[1, 1, 1]}").data
    assert (data.test.image, data.test.labels) == ("a.tif", None)
    assert _problems("data.test={use='phantom', shape='x'}", file="tiny.toml") == [
        "override: [data.test.shape] must be a list of 3 integers, not the string 'x'"
    ]


@pytest.mark.usefixtures("folder")
def test_overrides_that_cannot_be_applied_are_told_together() -> None:
    assert _problems(
        "train.epochs",
        "=3",
        "a..b=1",
        "metrics.2.crop=none",
        "metrics.first=1",
        "seed.x=1",
        "name.x.y=1",
        file="tiny.toml",
    ) == [
        "override: 'train.epochs' is not of the form key.path=value",
        "override: '=3' is not of the form key.path=value",
        "override: 'a..b=1' is not of the form key.path=value",
        "override: [metrics.first] there is no entry 'first' in a list of 2",
        "override: [seed.x] 'x' is looked for in 7, which is no table",
        "override: [metrics.2.crop] there is no entry '2' in a list of 2",
        "override: [name.x.y] 'x' is looked for in 'tiny', which is no table",
    ]


def test_a_mark_of_the_byte_order_is_no_part_of_a_recipe(folder: Path) -> None:
    text = (folder / "tiny.toml").read_bytes()
    (folder / "notepad.toml").write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    assert load_recipe("notepad.toml") == load_recipe("tiny.toml")
    (folder / "recipe.toml").write_bytes(b'\xef\xbb\xbfextends = "notepad.toml"\r\nsed = 1\r\n')
    assert _problems() == ["recipe.toml:2: [sed] unknown parameter 'sed'; did you mean 'seed'?"]


def test_faults_of_overrides_and_of_the_file_are_told_together(folder: Path) -> None:
    (folder / "recipe.toml").write_text('extends = "tiny.toml"\nsed = 1\n')
    assert _problems("train.epoch=3", "nix", "seed.x=1") == [
        "override: 'nix' is not of the form key.path=value",
        "override: [seed.x] 'x' is looked for in 7, which is no table",
        "override: [train.epoch] unknown parameter 'epoch'; did you mean 'epochs'?",
        "recipe.toml:2: [sed] unknown parameter 'sed'; did you mean 'seed'?",
    ]
    with pytest.raises(RecipeError) as caught:
        structure_table({"devise": "cpu"}, System, "a table", ["nix", "threads=-1"])
    assert caught.value.problems == [
        "override: 'nix' is not of the form key.path=value",
        "a table: [devise] unknown parameter 'devise'; did you mean 'device'?",
        "override: [threads] must be at least 0, not -1",
    ]


@pytest.mark.usefixtures("folder")
def test_overrides_are_checked_like_the_file() -> None:
    assert _problems("decoder.treshold=0.5", "seed='7'", "nmae=a", file="tiny.toml") == [
        "override: [nmae] unknown parameter 'nmae'; did you mean 'name'?",
        "override: [seed] must be an integer, not the string '7'",
        "override: [decoder.treshold] unknown parameter 'treshold'; did you mean 'threshold'?",
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a\0b", "a\nb"])
def test_names_that_are_no_folder(name: str) -> None:
    assert _problems(
        f"name='''{name}'''" if "\0" not in name else 'name="a\\u0000b"', file="tiny.toml"
    ) == [f"tiny.toml: name {name!r} does not do as the name of a folder"]


def test_a_resolved_recipe_reads_back_the_same(folder: Path) -> None:
    recipe = _with("train.gradient_clip=inf", "decoder.threshold=0.1", "data.train.seed=5")
    (folder / "resolved.toml").write_text(to_toml(recipe))
    again: Any = load_recipe("resolved.toml")
    assert again == recipe
    assert again.train.gradient_clip == math.inf
    assert to_toml(again) == to_toml(recipe)


@pytest.mark.usefixtures("folder")
def test_plain_values_of_components_made_in_python(registry: Registry) -> None:
    recipe = load_recipe("tiny.toml", registry=registry)
    other = evolve(recipe, decoder=Slices(names=("a",)))
    assert to_table(other, registry)["decoder"] == {
        "use": "slices",
        "thickness": 2,
        "names": ["a"],
    }
    with pytest.raises(NeurokitError) as caught:
        to_toml(other)
    assert str(caught.value) == (
        "a recipe cannot name Slices: no installed distribution offers it as a decoder"
    )


def test_fingerprints_are_of_values_not_of_order() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    prints = [fingerprint(1), fingerprint("1"), fingerprint(1, 1), fingerprint([1]), fingerprint()]
    assert len({*prints}) == 5
    assert all(len(each) == 16 and int(each, 16) >= 0 for each in prints)


HINTED = """
extends = "tiny.toml"
[data.test]
use = "files"
image = "there.h5::raw"
labels = "there.h5::labels"
voxel_size_nm = [30, 6, 6]
hint = "ask the archive"
"""


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({}, "ask the archive"),
        ({"image": "there.h5::raw"}, "ask the archive"),
        ({"sections": [0, 4]}, "ask the archive"),
        ({"labels": ""}, "ask the archive"),
        ({"image": "mine.h5"}, ""),
        ({"labels": "mine.h5::labels"}, ""),
        ({"hint": "ask me", "image": "mine.h5"}, "ask me"),
        ({"image": "mine.h5", "hint": "ask me"}, "ask me"),
        ({"use": "files", "image": "mine.h5", "labels": ""}, ""),
    ],
)
def test_a_hint_is_of_the_files_that_it_was_written_with(
    folder: Path, changes: dict[str, Any], hint: str
) -> None:
    (folder / "base.toml").write_text(HINTED)
    table = tomli_w.dumps({"extends": "base.toml", "data": {"test": changes}})
    (folder / "mine.toml").write_text(table)
    given = [f"data.test.{key}={json.dumps(value)}" for key, value in changes.items()]
    for recipe in (load_recipe("mine.toml"), load_recipe("base.toml", given)):
        assert to_table(recipe)["data"]["test"]["hint"] == hint
