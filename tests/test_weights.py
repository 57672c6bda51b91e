"""Weights: exported, described, found by name, and the same predictions as before."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import struct
import sys
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from attrs import evolve
from click.testing import CliRunner
from conftest import ROOT, TINY

import neurokit
from neurokit import NeurokitError, Volume, load_recipe
from neurokit.checkpoint import Checkpoint
from neurokit.cli import main
from neurokit.pipeline import Outcome, execute
from neurokit.recipe import to_table
from neurokit.run_folder import Run, network_of
from neurokit.shipped import shipped_weights
from neurokit.trainer import Trainer
from neurokit.weights import Exported, export, load

OVERRIDES = ["train.epochs=1", "train.ema_decay=0.5", "optimizer.lr=1e-2", "decoder.threshold=0.3"]
# Of the package that is tested, be it installed or the source tree.
PACKAGED = Path(neurokit.__file__).parent / "weights"
SHIPPED = sorted(PACKAGED.glob("*.safetensors"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where everything happens; a recipe lies in it."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "tiny.toml").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        torch.set_num_threads(1)
        yield folder


@pytest.fixture(scope="module")
def outcome(folder: Path) -> Outcome:
    """A run that trained with averaged weights, and was tested."""
    return execute(load_recipe("tiny.toml", OVERRIDES))


@pytest.fixture(scope="module")
def exported(outcome: Outcome) -> Exported:
    return export(
        outcome.folder,
        Path("shared/tiny net.safetensors"),
        title="A | tiny network",
        licence="CC0-1.0",
        credit="Grown, not cut.",
    )


@pytest.fixture(autouse=True)
def _there(folder: Path) -> None:
    """Every test runs in the folder."""
    assert Path.cwd() == folder


def error_of(which: str | Path) -> str:
    with pytest.raises(NeurokitError) as caught:
        load(which)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def stored(path: Path) -> np.ndarray[Any, Any]:
    with h5py.File(path) as file:
        return np.asarray(file["main"][...])


def metadata(path: Path) -> dict[str, str]:
    with safetensors.safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def changed(path: Path, to: Path, **changes: str | None) -> Path:
    """A copy of a file of weights with other metadata; None takes a key away."""
    kept = metadata(path) | changes
    safetensors.torch.save_file(
        safetensors.torch.load_file(path), to, {k: v for k, v in kept.items() if v is not None}
    )
    return to


def test_what_predicts_comes_back(outcome: Outcome, exported: Exported) -> None:
    checkpoint = Checkpoint.load(outcome.checkpoint)
    assert checkpoint.averaged
    weights = load(exported.weights)
    assert weights.tensors.keys() == checkpoint.averaged.keys()
    for name, tensor in checkpoint.averaged.items():
        assert torch.equal(weights.tensors[name], tensor)
        assert not torch.equal(tensor, checkpoint.model[name])
    assert (weights.name, weights.step) == ("shared/tiny net.safetensors", 3)
    assert weights.voxel_size_nm == (30, 6, 6)
    recipe = load_recipe("tiny.toml", OVERRIDES)
    method = weights.method()
    assert (method.target, method.model) == (recipe.target, recipe.model)
    assert (method.inferer, method.decoder) == (recipe.inferer, recipe.decoder)
    assert weights.fingerprint == load(outcome.checkpoint).fingerprint
    assert weights.fingerprint != evolve(weights, tensors=checkpoint.model).fingerprint


def test_the_header_tells_other_programs(outcome: Outcome, exported: Exported) -> None:
    told = metadata(exported.weights)
    assert outcome.scores is not None
    assert json.loads(told["scores"]) == outcome.scores["volumes"]
    assert [each["name"] for each in json.loads(told["channels"])] == ["z1", "y1", "x1"]
    assert json.loads(told["channels"])[0]["offset"] == [1, 0, 0]
    assert json.loads(told["voxel_size_nm"]) == [30, 6, 6]
    assert tomllib.loads(told["recipe"]).keys() == {"target", "model", "inferer", "decoder"}
    assert (told["neurokit_weights"], told["step"]) == ("1", "3")
    assert (told["title"], told["licence"]) == ("A | tiny network", "CC0-1.0")
    assert str(Path.cwd()) not in " ".join(told.values())


def test_the_same_run_gives_the_same_file(outcome: Outcome, exported: Exported) -> None:
    again = export(
        outcome.checkpoint, Path("again.safetensors"), title="A | tiny network", licence="CC0-1.0"
    )
    assert again.weights.read_bytes() == exported.weights.read_bytes()


def test_a_test_with_weights_is_that_with_the_checkpoint(
    outcome: Outcome, exported: Exported
) -> None:
    recipe = load_recipe("tiny.toml", OVERRIDES)
    other = execute(recipe, "test", checkpoint=exported.weights, outputs=Path("elsewhere"))
    assert other.folder.parent == Path("elsewhere/tiny")
    assert other.checkpoint == exported.weights
    results = [each.folder / "results_step=3" for each in (outcome, other)]
    for name in ("test_im_prediction.h5", "test_im_segmentation.h5"):
        one, two = (stored(each / name) for each in results)
        assert one.dtype == two.dtype
        assert np.array_equal(one, two)
    assert outcome.scores is not None
    assert other.scores is not None
    assert other.scores["volumes"] == outcome.scores["volumes"]
    assert other.scores["checkpoint"] == str(exported.weights)


def test_a_run_stands_for_its_last_checkpoint(outcome: Outcome) -> None:
    weights = load(outcome.folder)
    assert weights.path == outcome.checkpoint
    assert weights.fingerprint == load(str(outcome.checkpoint)).fingerprint
    assert weights.voxel_size_nm == (30, 6, 6)


def test_a_training_starts_from_weights(exported: Exported) -> None:
    weights = load(exported.weights)
    trainer = Trainer.start(load_recipe("tiny.toml", [*OVERRIDES, "seed=5"]))
    fresh = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    trainer.start_from(weights)
    for name, tensor in trainer.network.state_dict().items():
        assert torch.equal(tensor, weights.tensors[name])
    assert not all(torch.equal(tensor, weights.tensors[name]) for name, tensor in fresh.items())
    # A step this small moves nothing far.
    still = ["train.steps_per_epoch=1", "optimizer.lr=1e-12", "schedule.warmup_start_lr=1e-13"]
    still.append("schedule.min_lr=1e-13")
    recipe = load_recipe("tiny.toml", [*OVERRIDES, "seed=5", *still])
    outcome = execute(recipe, "train", checkpoint=exported.weights, outputs=Path("tuned"))
    for name, tensor in Checkpoint.load(outcome.checkpoint).model.items():
        assert torch.allclose(tensor, weights.tensors[name], atol=1e-6)


def test_the_command_line_takes_them(exported: Exported) -> None:
    test = ["run", "tiny.toml", *OVERRIDES, "--mode", "test", "--outputs", "line", "--checkpoint"]
    done = CliRunner().invoke(main, [*test, str(exported.weights)])
    assert done.exit_code == 0, done.output
    (folder,) = Path("line/tiny").iterdir()
    assert network_of(folder) == str(exported.weights)
    checked = CliRunner().invoke(main, ["check", *test[1:-3], "--checkpoint", "phantom_demo"])
    assert checked.exit_code == 1
    assert checked.stderr == (
        "error: the network neurokit:phantom_demo predicts x1, y1, z1, z2, z3, z4, x3, x9, x27, "
        "y3, y9, y27, and the recipe's target is z1, y1, x1; use the recipe it was trained with\n"
    )


def test_voxels_of_another_size_are_warned_of(exported: Exported) -> None:
    line = (
        "the network shared/tiny net.safetensors was trained on voxels of 30 x 6 x 6 nm, and those "
        "of 'phantom-2-0' are 40 x 8 x 8 nm (z, y, x): resample the image, or expect worse"
    )
    other = [*OVERRIDES, "data.test.voxel_size_nm=[40,8,8]"]
    done = execute(
        load_recipe("tiny.toml", other), "test", checkpoint=exported.weights, outputs=Path("other")
    )
    assert done.warnings == (line,)
    assert line in (done.folder / "run.log").read_text()
    weights = load(exported.weights)

    def warning(size: tuple[float, float, float]) -> str | None:
        return weights.size_warning(Volume("v", np.zeros((1, 1, 1), np.uint8), size))

    assert warning((30.3, 6.1, 5.9)) is None
    assert warning((30, 6, 6.2)) is not None
    assert warning((6, 30, 6)) is not None
    assert (
        evolve(weights, voxel_size_nm=None).size_warning(
            Volume("v", np.zeros((1, 1, 1), np.uint8), (1, 1, 1))
        )
        is None
    )


# Precision


def test_the_precision_travels(outcome: Outcome, exported: Exported) -> None:
    assert metadata(exported.weights)["precision"] == "float32"
    assert "\n| computes in | float32 |\n" in exported.card.read_text()
    assert load(exported.weights).precision == load(outcome.checkpoint).precision == "float32"
    # One that was exported before.
    older = changed(exported.weights, Path("older.safetensors"), precision=None)
    assert load(older).precision is None
    assert load(older).fingerprint == load(exported.weights).fingerprint
    assert [load(path.stem).precision for path in SHIPPED] == [None, None]


def test_auto_is_the_precision_that_it_was_made_in(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr("neurokit.device._bfloat16_wins_on_cpu", lambda: True)
    auto = [*OVERRIDES, "system.precision=auto"]

    def tested(name: str, *overrides: str) -> tuple[str, np.ndarray[Any, Any]]:
        recipe = load_recipe("tiny.toml", [*auto, *overrides])
        done = execute(recipe, "test", checkpoint=name, outputs=Path("auto"))
        file = done.folder / "results_step=3" / "test_im_prediction.h5"
        with h5py.File(file) as opened:
            return opened["main"].attrs["precision"], stored(file)

    half = changed(exported.weights, Path("half.safetensors"), precision="bfloat16")
    unknown = changed(exported.weights, Path("unknown.safetensors"), precision=None)
    names = [str(exported.weights), str(half), str(unknown)]
    found = {name: tested(name) for name in names}
    assert [found[name][0] for name in names] == ["float32", "bfloat16", "bfloat16"]
    full, half_ZYX = (found[name][1] for name in names[:2])
    assert not np.array_equal(full, half_ZYX)
    assert np.abs(full.astype(float) - half_ZYX).max() < 0.1
    asked, asked_ZYX = tested(str(half), "system.precision=float32")
    assert asked == "float32"
    assert np.array_equal(asked_ZYX, full)


def test_the_precision_of_the_test_is_exported() -> None:
    """It is the one that the scores are of, also where the training computed in another."""
    recipe = load_recipe("tiny.toml", [*OVERRIDES, "train.steps_per_epoch=1"])
    trained = execute(recipe, "train", outputs=Path("half"))
    assert load(trained.folder).precision == "float32"
    half = load_recipe("tiny.toml", [*OVERRIDES, "system.precision=bfloat16"])
    execute(half, "test", resume=trained.folder)
    written = export(trained.folder, Path("tested.safetensors"))
    assert load(written.weights).precision == "bfloat16"
    assert "\n| computes in | bfloat16 |\n" in written.card.read_text()
    next(trained.folder.glob("results_step=1/test_im_prediction.h5")).unlink()
    assert (
        load(export(trained.folder, Path("as_trained.safetensors")).weights).precision == "float32"
    )


@pytest.mark.parametrize("native", [True, False])
def test_a_precision_that_is_only_emulated_is_warned_of(
    exported: Exported, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    # What a trial said of this machine, in an earlier test, is not what it says of the other.
    monkeypatch.setattr("neurokit.device._bfloat16_wins_on_cpu", lambda: False)
    half = changed(exported.weights, Path("emulated.safetensors"), precision="bfloat16")
    line = (
        "the network emulated.safetensors was made in bfloat16, which the CPU only emulates, and "
        "computes in float32 here: scores may differ in their last digits"
    )
    auto = ["check", "tiny.toml", *OVERRIDES, "system.precision=auto", "--checkpoint", str(half)]
    expected = "" if native else f"warning: {line}\n"
    chosen = (
        "warning: the recipe has no [data.validation], and settings are chosen on [data.test]: "
        "scores on it are then no test\n"
    )
    for mode, first in (("test", ""), ("tune", chosen)):
        checked = CliRunner().invoke(
            main, [*auto, "tune.space.decoder.threshold={low=0,high=1}", "--mode", mode]
        )
        assert (checked.exit_code, checked.stderr) == (0, first + expected)
    # A training only starts from it, and nothing is to be said where a precision is asked for.
    for other in (["--mode", "all"], ["--mode", "test", "system.precision=float32"]):
        checked = CliRunner().invoke(main, [*auto, *other])
        assert (checked.exit_code, checked.stderr) == (0, "")
    recipe = load_recipe("tiny.toml", [*OVERRIDES, "system.precision=auto"])
    done = execute(recipe, "test", checkpoint=half, outputs=Path("emulated"))
    assert done.warnings == (() if native else (line,))
    image_ZYX = np.zeros((4, 32, 32), np.uint8)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        neurokit.segment(image_ZYX, weights=half, voxel_size_nm=(30, 6, 6), device="cpu")
    assert [str(each.message) for each in caught] == ([] if native else [line])


# The card


def test_the_card_is_filled_from_the_run(outcome: Outcome, exported: Exported) -> None:
    assert exported.card == Path("shared/tiny net.md")
    card = exported.card.read_text()
    assert card.startswith("# A | tiny network\n")
    assert hashlib.sha256(exported.weights.read_bytes()).hexdigest() in card
    assert "| trained on voxels of | 30 x 6 x 6 nm (z, y, x) |" in card
    assert "| licence of the weights | CC0-1.0 |" in card
    assert "\n\nGrown, not cut.\n\n" in card
    assert "| training | `phantom-1-0` | 8 x 40 x 48 | 30 x 6 x 6 nm (z, y, x) | `" in card
    assert "| test | `phantom-2-0` | 6 x 40 x 44 | 30 x 6 x 6 nm (z, y, x) | `" in card
    assert outcome.scores is not None
    scores = outcome.scores["volumes"]["phantom-2-0"]
    cells = " | ".join(f"{value:.4f}" for value in scores.values())
    assert f"| volume | {' | '.join(scores)} |" in card
    assert f"| `phantom-2-0` | {cells} |" in card
    assert "## What it must not be used for" in card
    assert str(Path.cwd()) not in card
    assert re.search(r"\nPython 3\S+, neurokit 1\.0\.0, numpy \S+, torch \S+, waterz \S+\n$", card)


def test_the_recipe_of_the_card_is_that_of_the_run(exported: Exported) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", exported.card.read_text(), re.DOTALL)
    Path("card.toml").write_text(blocks[-1])
    assert load_recipe("card.toml") == load_recipe("tiny.toml", OVERRIDES)
    assert tomllib.loads(blocks[0]) == {"metrics": tomllib.loads(blocks[-1])["metrics"]}


def test_digests_are_of_the_voxels_alone(exported: Exported) -> None:
    dataset = load_recipe("tiny.toml").data.test
    assert dataset is not None
    (volume,) = dataset.volumes()
    assert volume.labels is not None
    both = volume.image[...].tobytes() + volume.labels[...].tobytes()
    assert hashlib.sha256(both).hexdigest()[:16] in exported.card.read_text()


def test_scores_are_those_of_the_decoder_that_is_exported(outcome: Outcome) -> None:
    """Tested again with another threshold, a run is exported with that, and with its scores."""
    recipe = load_recipe("tiny.toml", [*OVERRIDES, "decoder.threshold=0.9"])
    again = execute(recipe, "test", resume=outcome.folder)
    try:
        written = export(outcome.folder, Path("threshold.safetensors"))
        assert again.scores is not None
        assert json.loads(metadata(written.weights)["scores"]) == again.scores["volumes"]
        assert to_table(load(written.weights).method())["decoder"]["threshold"] == 0.9
        assert "threshold = 0.9\n" in written.card.read_text()
    finally:
        execute(load_recipe("tiny.toml", OVERRIDES), "test", resume=outcome.folder)


def test_a_checkpoint_alone_is_described_as_far_as_it_goes() -> None:
    recipe = load_recipe("tiny.toml", ["data={}"])
    Trainer.start(recipe).checkpoint().save(Path("alone.ckpt"))
    written = export("alone.ckpt", Path("alone.safetensors"))
    card = written.card.read_text()
    assert card.startswith("# tiny\n")
    assert "| licence of the weights | not stated; ask who made them |" in card
    assert "\n\nNothing is stated of the origin and licence of the data.\n\n## Scores\n" in card
    assert "## Scores\n\nNot measured.\n" in card
    weights = load(written.weights)
    assert (weights.voxel_size_nm, weights.step) == (None, 0)
    assert metadata(written.weights)["voxel_size_nm"] == "null"


def test_folders_of_the_author_stay_at_home() -> None:
    files = "{use='files', image='/home/me/secret/block.h5::raw', voxel_size_nm=[8,8,8]}"
    recipe = load_recipe("tiny.toml", [f"data.train={files}"])
    Trainer.start(recipe).checkpoint().save(Path("mine.ckpt"))
    card = export("mine.ckpt", Path("mine.safetensors")).card.read_text()
    assert 'image = "block.h5::raw"' in card
    assert "| training | not at hand when this was written |" in card
    assert "| trained on voxels of | 8 x 8 x 8 nm (z, y, x) |" in card
    assert "secret" not in card


def test_what_is_there_is_not_written_over(outcome: Outcome) -> None:
    def refused(out: str, source: str | Path = outcome.folder) -> str:
        with pytest.raises(NeurokitError) as caught:
            export(source, Path(out))
        return str(caught.value)

    Path("notes.md").write_text("mine")
    assert refused("notes.safetensors") == (
        "notes.md is there already; choose another name, or remove it"
    )
    assert not Path("notes.safetensors").exists()
    Path("old.safetensors").write_text("mine")
    assert refused("old.safetensors") == (
        "old.safetensors is there already; choose another name, or remove it"
    )
    assert refused("a.pt") == "weights are exported to a file a.safetensors, not to a.pt"
    assert refused("b.safetensors", "phantom_demo") == (
        f"neurokit:phantom_demo is a file of weights already; copy "
        f"{PACKAGED / 'phantom_demo.safetensors'}"
    )
    assert refused("b.safetensors", "gone.ckpt") == "there is no checkpoint gone.ckpt"


def test_without_the_weights_there_is_no_card(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise NeurokitError("no space")

    monkeypatch.setattr("neurokit.weights.exporting.write_bytes", full)
    with pytest.raises(NeurokitError, match="no space"):
        export(outcome.folder, Path("full/a.safetensors"))
    assert list(Path("full").iterdir()) == []


def test_the_command_prints_where_they_are(outcome: Outcome) -> None:
    command = ["export", str(outcome.folder), "--out", "line.safetensors", "--licence", "MIT"]
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, done.output) == (0, "line.safetensors\nline.md\n")
    assert metadata(Path("line.safetensors"))["licence"] == "MIT"
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 1
    assert again.stderr == (
        "error: line.safetensors is there already; choose another name, or remove it\n"
    )


# By name


def test_names_are_looked_up_without_importing(monkeypatch: pytest.MonkeyPatch) -> None:
    bare, full = load("phantom_demo"), load("neurokit:phantom_demo")
    assert bare.name == full.name == "neurokit:phantom_demo"
    assert bare.path == full.path == PACKAGED / "phantom_demo.safetensors"
    Path("phantom_demo").mkdir(exist_ok=True)  # such as that of a recipe's runs
    assert load("phantom_demo").name == "neurokit:phantom_demo"
    assert {"neurokit:phantom_demo", "neurokit:fib25_cpu"} <= shipped_weights().keys()


@pytest.fixture
def package(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that cannot be imported, and ships weights."""
    package = tmp_path / "neurokit_other"
    (package / "weights").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit\n")
    (package / "weights" / "other.safetensors").write_bytes(exported.weights.read_bytes())
    (package / "weights" / "phantom_demo.safetensors").write_bytes(exported.weights.read_bytes())
    monkeypatch.syspath_prepend(str(tmp_path))
    return package


def offer(folder: Path, package: str) -> None:
    """A distribution that offers a component of a package."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[neurokit.target]\nother = {package}.a:Other\n")


def test_any_package_may_ship_weights(package: Path, exported: Exported) -> None:
    weights = load("neurokit_other:other")
    assert weights.name == "neurokit_other:other"
    assert weights.fingerprint == load(exported.weights).fingerprint
    assert error_of("other") == (
        "there are no weights 'other'; installed: neurokit:fib25_cpu, neurokit:phantom_demo; a "
        "file is named with its suffix"
    )
    offer(package.parent, "neurokit_other")
    assert load("other").name == "neurokit_other:other"
    assert error_of("phantom_demo") == (
        "several packages ship weights 'phantom_demo'; use neurokit:phantom_demo or "
        "neurokit_other:phantom_demo"
    )
    assert "neurokit_other" not in sys.modules


def test_weights_in_a_package_are_described_by_their_name(package: Path, outcome: Outcome) -> None:
    offer(package.parent, "neurokit_other")
    card = export(outcome.folder, package / "weights" / "mine.safetensors").card.read_text()
    assert 'weights="neurokit_other:mine"' in card
    assert "--checkpoint neurokit_other:mine" in card


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("phantom_dmo", "did you mean 'phantom_demo'? "),
        ("neurokit:nothing", ""),
        ("nowhere:phantom_demo", "did you mean 'phantom_demo'? "),
        ("json.nowhere:a", ""),
    ],
)
def test_unknown_names(name: str, hint: str) -> None:
    assert error_of(name) == (
        f"there are no weights '{name}'; {hint}installed: neurokit:fib25_cpu, "
        f"neurokit:phantom_demo; a file is named with its suffix"
    )


# From strangers


def test_a_truncated_file(exported: Exported) -> None:
    whole = exported.weights.read_bytes()
    path = Path("cut.safetensors")
    for length in [*range(20), *range(20, len(whole), 211), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert (
            error_of(path) == "cut.safetensors is damaged, or not a safetensors file: get it again"
        )


def test_flipped_bytes_of_the_header_never_give_a_traceback(exported: Exported) -> None:
    whole = exported.weights.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    random = np.random.default_rng(8)
    told = 0
    for position in [*range(8), *random.integers(8, 8 + length, 300).tolist()]:
        flipped = bytearray(whole)
        flipped[position] ^= int(random.integers(1, 256))
        Path("flip.safetensors").write_bytes(flipped)
        try:
            weights = load("flip.safetensors")
            recipe = load_recipe("tiny.toml", OVERRIDES)
            weights.check(recipe.model, recipe.target.channels)
            weights.method()
        except NeurokitError:
            told += 1
    assert told > 50


class _Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("sprung",)


def test_code_is_never_run(outcome: Outcome) -> None:
    torch.save({"model": _Trap()}, "torch.safetensors")
    Path("pickle.safetensors").write_bytes(pickle.dumps(_Trap()))
    for path in ("torch.safetensors", "pickle.safetensors"):
        assert error_of(path) == f"{path} is damaged, or not a safetensors file: get it again"
    assert not Path("sprung").exists()


def test_a_recipe_of_a_stranger_reads_no_file(exported: Exported) -> None:
    recipe = metadata(exported.weights)["recipe"]
    path = changed(exported.weights, Path("extends.safetensors"), recipe=f'extends = "x"\n{recipe}')
    assert load(path).method() == load(exported.weights).method()  # it is no table of a method
    path = changed(exported.weights, Path("broken.safetensors"), recipe="[model")
    with pytest.raises(NeurokitError) as caught:
        load(path).method()
    assert str(caught.value).startswith(
        "the network broken.safetensors holds a damaged recipe: Expected ']'"
    )
    unknown = re.sub('use = "rsunet"', 'use = "os:system"', recipe)
    with pytest.raises(NeurokitError) as caught:
        load(changed(exported.weights, Path("unknown.safetensors"), recipe=unknown)).method()
    assert str(caught.value).startswith(
        "network unknown.safetensors: [model.use] unknown model 'os:system'; "
    )


def test_a_network_without_end_is_not_built(exported: Exported) -> None:
    recipe = re.sub(
        r"widths = \[[^\]]*\]", "widths = [1048576, 1048576]", metadata(exported.weights)["recipe"]
    )
    weights = load(changed(exported.weights, Path("vast.safetensors"), recipe=recipe))
    method = weights.method()
    with pytest.raises(NeurokitError) as caught:
        weights.check(method.model, method.target.channels)
    assert str(caught.value).startswith(
        "the network vast.safetensors is of another architecture: its '"
    )


def test_another_architecture(exported: Exported) -> None:
    recipe = load_recipe("tiny.toml", [*OVERRIDES, "model.widths=[4,8]"])
    with pytest.raises(NeurokitError) as caught:
        execute(recipe, "test", checkpoint=exported.weights, outputs=Path("never"))
    assert re.fullmatch(
        r"the network shared/tiny net\.safetensors is of another architecture: its '\S+' is [\dx ]+"
        r", the recipe's is [\dx ]+; use the recipe it was trained with",
        str(caught.value),
    )
    with pytest.raises(NeurokitError, match="is of another architecture"):
        load(exported.weights).restore(recipe.model.build(1, recipe.target.channels))
    assert not Path("never").exists()


def test_channels_that_mean_something_else(exported: Exported) -> None:
    """As many channels and sizes as asked for are not enough."""
    weights = load(exported.weights)
    far = ['target={use="affinity", offsets=[[1,0,0],[0,2,0],[0,0,2]]}']
    far.append("decoder.channels=['z1','y2','x2']")
    recipe = load_recipe("tiny.toml", [*OVERRIDES, *far])
    with pytest.raises(NeurokitError) as caught:
        weights.check(recipe.model, recipe.target.channels)
    tail = "use the recipe it was trained with"
    assert str(caught.value) == (
        f"the network shared/tiny net.safetensors predicts z1, y1, x1, and the recipe's target is "
        f"z1, y2, x2; {tail}"
    )
    weights.check(recipe.model, recipe.target.channels, predicts=False)  # it may learn them
    same = load_recipe("tiny.toml", OVERRIDES).target.channels
    with pytest.raises(NeurokitError) as caught:
        weights.check(recipe.model, [evolve(each, scale=0.5) for each in same])
    assert str(caught.value) == (
        f"the network shared/tiny net.safetensors predicts z1, y1, x1, and the recipe's target is "
        f"z1, y1, x1, which mean something else; {tail}"
    )


def test_what_is_not_ours(exported: Exported) -> None:
    path = Path("theirs.safetensors")
    safetensors.torch.save_file({"a": torch.zeros(2)}, path)
    assert error_of(path) == (
        "theirs.safetensors was not written by neurokit: it does not say which network its weights "
        "are of"
    )
    assert error_of(changed(exported.weights, path, neurokit_weights="2")) == (
        "theirs.safetensors is of format '2', and this neurokit reads 1; install a newer one"
    )
    assert error_of("gone.safetensors") == "there is no file gone.safetensors; check the path"
    Path("folder.safetensors").mkdir()
    assert error_of("folder.safetensors").startswith("folder.safetensors cannot be read: ")
    for key in ("recipe", "channels", "voxel_size_nm", "step"):
        assert error_of(changed(exported.weights, path, **{key: None})) == (
            f"the header of theirs.safetensors is damaged: '{key}'; get it again"
        )
    head = "the header of theirs.safetensors is damaged: "
    damages = [("step", each) for each in ("x", "-1", "1.5", "")]
    damages += [("voxel_size_nm", each) for each in ("[1]", "3", "{", '["a", 1, 1]')]
    damages += [("channels", each) for each in ("{", "3", '["x1"]', "{}")]
    for key, value in damages:
        assert error_of(changed(exported.weights, path, **{key: value})).startswith(head)
    assert error_of(changed(exported.weights, path, channels="[" * 100_000)) == (
        f"{head}it is nested without end; get it again"
    )
    assert error_of(changed(exported.weights, path, precision="int8")) == (
        f"{head}precision 'int8' is none of float32, bfloat16, float16; get it again"
    )
    long = error_of(changed(exported.weights, path, step="x" * 1000))
    assert long == f"{head}step {'x' * 40!r} is no number of steps; get it again"
    load(changed(exported.weights, path, scores="["))  # nothing is computed from them
    Path("runs/tiny").mkdir(parents=True)
    assert error_of("runs/tiny") == (
        "runs/tiny is not the folder of a run; name one, or a file of weights"
    )


def test_weights_that_are_no_numbers(exported: Exported) -> None:
    tensors, told = safetensors.torch.load_file(exported.weights), metadata(exported.weights)
    name = next(iter(sorted(tensors)))
    path = Path("spoilt.safetensors")
    spoilt = tensors[name].clone()
    spoilt.view(-1)[0] = float("nan")
    safetensors.torch.save_file({**tensors, name: spoilt}, path, told)
    assert error_of(path) == f"{path} is damaged: its '{name}' holds no finite numbers"
    safetensors.torch.save_file({**tensors, name: tensors[name].int()}, path, told)
    recipe = load_recipe("tiny.toml", OVERRIDES)
    with pytest.raises(NeurokitError) as caught:
        load(path).check(recipe.model, recipe.target.channels)
    assert str(caught.value) == (
        f"the network {path} is damaged: its '{name}' holds int32, and must hold float32"
    )


# What neurokit ships


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_each_shipped_file_has_a_card_that_fits(path: Path) -> None:
    assert path.stat().st_size < 10_000_000
    card, told = path.with_suffix(".md").read_text(), metadata(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    assert f"| licence of the weights | {told['licence']} |" in card
    assert told["licence"]
    assert "Nothing is stated of the origin" not in card
    for volume, scores in json.loads(told["scores"]).items():
        cells = " | ".join(f"{value:.4f}" for value in scores.values())
        assert f"| `{volume}` | {cells} |" in card
    assert f'weights="neurokit:{path.stem}"' in card
    assert "/tmp" not in card + json.dumps(told)
    weights = load(path.stem)
    method = weights.method()
    weights.check(method.model, method.target.channels)


def test_there_are_two() -> None:
    assert [path.stem for path in SHIPPED] == ["fib25_cpu", "phantom_demo"]


@pytest.mark.parametrize(
    ("name", "recipe"), [("phantom_demo", "demo.toml"), ("fib25_cpu", "fib25_aff12.toml")]
)
def test_the_recipes_of_the_shipped_ones_take_them(name: str, recipe: str) -> None:
    resolved = load_recipe(ROOT / "recipes" / recipe)
    weights = load(name)
    weights.check(resolved.model, resolved.target.channels)
    method = weights.method()
    assert (method.inferer, method.decoder) == (resolved.inferer, resolved.decoder)


def _tested(recipe: str, weights: str, *overrides: str) -> float:
    resolved = load_recipe(ROOT / "recipes" / recipe, ["system.precision=float32", *overrides])
    outcome = execute(resolved, "test", checkpoint=weights, outputs=Path("shipped"))
    assert outcome.warnings == ()
    assert outcome.scores is not None
    return float(outcome.scores["mean"]["adapted_rand"])


def test_the_shipped_network_segments_tissue_it_has_not_seen() -> None:
    small = "data.test.shape=[16,112,112]"
    assert _tested("demo.toml", "phantom_demo", small, "data.test.seed=7") < 0.2


@pytest.mark.slow
def test_the_score_of_phantom_demo() -> None:
    assert abs(_tested("demo.toml", "phantom_demo") - 0.1146) < 0.002


@pytest.mark.slow
def test_the_score_of_fib25_cpu() -> None:
    data = ROOT.parent / "shared" / "data" / "fib25_val.h5"
    if not data.exists():
        pytest.skip(f"the volume {data.name} is not here")
    test = [f"data.test.image={data}::raw", f"data.test.labels={data}::labels"]
    assert abs(_tested("fib25_aff12.toml", "fib25_cpu", *test) - 0.1300) < 0.002


def test_a_run_without_a_checkpoint_has_no_weights() -> None:
    run = Run.create(load_recipe("tiny.toml"), Path("bare"))
    assert error_of(run.folder) == f"there is no checkpoint {run.last_checkpoint}"


def test_a_run_remembers_the_network_that_it_was_tested_with() -> None:
    tiny = "tiny.toml"
    trained = execute(load_recipe(tiny, ["train.epochs=1", "train.steps_per_epoch=1"]), "train")
    elsewhere = Path("elsewhere.ckpt")
    elsewhere.write_bytes(trained.checkpoint.read_bytes())
    tested = execute(load_recipe(tiny), "test", checkpoint=elsewhere)
    assert network_of(tested.folder) == "elsewhere.ckpt"
    again = execute(load_recipe(tiny, ["decoder.threshold=0.4"]), "test", resume=tested.folder)
    assert (again.folder, again.checkpoint) == (tested.folder, elsewhere)
    assert load(tested.folder).step == 1
    assert not (trained.folder / "network.toml").exists()
    assert network_of(trained.folder) == str(trained.checkpoint)
    # Once it has been trained, its own network counts.
    (tested.folder / "checkpoints").mkdir()
    (tested.folder / "checkpoints/last.ckpt").write_bytes(elsewhere.read_bytes())
    assert network_of(tested.folder) == f"{tested.folder}/checkpoints/last.ckpt"
