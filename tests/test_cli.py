"""The command line: help, lists, plans, exit codes and errors in one line."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint, version
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result
from conftest import offered

import neurokit
from neurokit import NeurokitError, load_recipe
from neurokit.cli import main
from neurokit.hooks import offered_hooks
from neurokit.kinds import KINDS
from neurokit.registry import Registry
from neurokit.run_folder import Interrupted, Preempted
from neurokit.shipped import WeightsOffer, offered_weights
from neurokit.structuring import make_converter

SHORT = ("train.epochs=1", "train.steps_per_epoch=1", "train.batch_size=1")


def invoke(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["--version"], ["show", "-h"]]
)
def test_help_imports_neither_torch_nor_plugins(arguments: list[str]) -> None:
    program = (
        "import sys; from neurokit.cli import main; main(standalone_mode=False);"
        "print([name for name in ('torch', 'numpy', 'h5py', 'cattrs', 'optuna', 'matplotlib')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert len(done.stdout.splitlines()) > 1


def test_help_tells_the_exit_codes() -> None:
    text = " ".join(invoke("run", "--help").output.split())
    assert "[RECIPE] [key.path=value]..." in text
    assert (
        "Exit status: 0 done, 1 something is missing or failed, 2 a wrong recipe or command, "
        "75 stopped by SIGTERM or SIGUSR1 and saved, 130 interrupted." in text
    )


def test_only_tuning_loads_the_libraries_of_tuning() -> None:
    program = (
        "import sys, neurokit; from neurokit.cli import main; main(['list-plugins', '--json'],"
        "standalone_mode=False); import neurokit.pipeline;"
        "print([name for name in ('optuna', 'matplotlib', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_components_are_listed() -> None:
    rows = json.loads(invoke("list-plugins", "--json").stdout)
    assert {row["kind"] for row in rows} == {*KINDS, "hook", "weights"}
    waterz = next(row for row in rows if row["name"] == "waterz")
    assert waterz["kind"] == "decoder"
    assert waterz["package"] == "neurokit"
    assert waterz["error"] is None
    assert "watershed" in waterz["summary"].lower()
    (only,) = {
        row["kind"] for row in json.loads(invoke("list-plugins", "--kind", "loss", "--json").stdout)
    }
    assert only == "loss"
    table = invoke("list-plugins", "--strict", "--kind", "decoder")
    assert table.exit_code == 0
    assert "waterz" in table.stdout
    assert "\x1b" not in table.stdout
    wrong = invoke("list-plugins", "--kind", "decoders")
    assert wrong.exit_code == 2
    assert wrong.stderr == (
        f"error: there is no kind 'decoders'; there are {', '.join([*KINDS, 'hook', 'weights'])}\n"
    )


def test_shipped_weights_are_listed_and_their_cards_shown() -> None:
    rows = json.loads(invoke("list-plugins", "--kind", "weights", "--json").stdout)
    own = {row["name"]: row for row in rows if row["package"] == "neurokit"}
    assert own["fib25_cpu"] == {
        "kind": "weights",
        "name": "fib25_cpu",
        "package": "neurokit",
        "version": version("neurokit"),
        "summary": "fly medulla, FIB-SEM, 10 nm",
        "error": None,
    }
    assert own["phantom_demo"]["summary"] == "synthetic tissue"
    table = invoke("list-plugins", "--kind", "weights").stdout.splitlines()
    assert table[0].split() == ["kind", "name", "package", "what", "it", "is"]
    assert "fib25_cpu" in table[1]
    card = (Path(neurokit.__file__).parent / "weights/fib25_cpu.md").read_text().strip()
    for name in ("fib25_cpu", "neurokit:fib25_cpu"):
        assert invoke("show", name).stdout == f"{card}\n"
    document = json.loads(invoke("show", "fib25_cpu", "--kind", "weights", "--json").stdout)
    assert (document["kind"], document["documentation"]) == ("weights", card)
    assert document["parameters"] == []
    assert invoke("show", "fib25_cp").stderr == (
        "error: there is no component 'fib25_cp'; did you mean 'fib25_cpu'?\n"
    )


def test_weights_are_listed_without_loading_anything() -> None:
    for arguments in (["list-plugins", "--kind", "weights"], ["show", "fib25_cpu"]):
        program = (
            "import sys; from neurokit.cli import main; main(standalone_mode=False); print([name "
            "for name in ('torch', 'numpy', 'h5py', 'safetensors') if name in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "[]"


def _weights(folder: Path, header: bytes) -> WeightsOffer:
    file = folder / "mine.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    return WeightsOffer("mine", "my_package", "my-package", "2.1", file)


def test_the_title_of_weights_is_read_from_their_header(tmp_path: Path) -> None:
    for header, title in (
        (b'{"__metadata__": {"title": "mine: fish"}}', "fish"),
        (b'{"__metadata__": {"title": "fish"}, "w": {}}', "fish"),
        (b'{"__metadata__": {"title": ""}}', "mine"),
        (b"{}", "mine"),
    ):
        weights = _weights(tmp_path, header)
        assert weights.title() == title
    file = tmp_path / "mine.safetensors"
    assert weights.card() == f"# mine: mine\n\n{file} has no card beside it."
    (tmp_path / "mine.md").write_bytes(b"\xff")
    with pytest.raises(NeurokitError) as caught:
        weights.card()
    assert str(caught.value) == f"the card of {file} cannot be read: install my-package 2.1 again"
    for header in (b"[]", b"{", b"\xff", b'{"__metadata__": 3}', b"[" * 100_000):
        with pytest.raises(NeurokitError) as caught:
            _weights(tmp_path, header).title()
        assert str(caught.value) == f"{file} is damaged: install my-package 2.1 again"


def test_weights_of_one_name_and_those_that_are_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = _weights(tmp_path, b"[]")
    other = attrs.evolve(mine, package="other", distribution="other")
    namesake = attrs.evolve(mine, name="waterz")
    monkeypatch.setattr("neurokit.shipped.offered_weights", lambda: [mine])
    listed = invoke("list-plugins", "--kind", "weights", "--strict")
    assert listed.exit_code == 1
    assert f"{mine.file} is damaged: install my-package 2.1 again" in listed.stdout
    monkeypatch.setattr("neurokit.listing.offered_weights", lambda: [mine, other, namesake])
    for arguments, said in (
        (
            ["mine"],
            "several packages offer the weights 'mine'; use 'my-package:mine' or 'other:mine'",
        ),
        (["waterz"], "'waterz' is a decoder and weights; choose with --kind"),
    ):
        result = invoke("show", *arguments)
        assert (result.exit_code, result.stderr) == (1, f"error: {said}\n")
    for name in ("my-package:mine", "my_package:mine"):
        (tmp_path / "mine.md").write_text("# mine\x1b[2J\n\nfish\n")
        assert invoke("show", name).stdout == "# mine\\x1b[2J\n\nfish\n"


def _offers() -> list[Any]:
    return [offer for offer in Registry().offers if offer.distribution == "neurokit"]


@pytest.mark.parametrize("offer", _offers(), ids=lambda offer: f"{offer.kind} {offer.name}")
def test_what_is_shown_can_be_pasted_back(offer: Any) -> None:
    result = invoke("show", offer.name, "--kind", offer.kind)
    assert result.exit_code == 0
    table: Any = tomllib.loads(result.stdout)
    for part in (
        next(line for line in result.stdout.splitlines() if line.startswith("["))
        .strip("[]")
        .split(".")
    ):
        table = table[part]
    table = table[0] if isinstance(table, list) else table
    registry = Registry()
    component: Any = registry.load(offer)
    required = [field.name for field in attrs.fields(component) if field.default is attrs.NOTHING]
    for name in required:
        assert f"# {name} =   (required)" in result.stdout
    if not required:
        converter = make_converter(registry.component)
        assert converter.structure(table, KINDS[offer.kind]) == component()


def test_hooks_have_no_parameters_to_show() -> None:
    for arguments in (["progress"], ["neurokit:progress"], ["progress", "--kind", "hook"]):
        result = invoke("show", *arguments)
        assert result.exit_code == 0
        first, origin, last = result.stdout.splitlines()
        assert first == "# Shows how far each stage is, on standard error."
        assert origin.startswith("# (hook of neurokit ")
        assert last == "# It listens to every run, and has no place in a recipe."
    assert invoke("show", "progres").stderr == (
        "error: there is no component 'progres'; did you mean 'progress'?\n"
    )


def test_a_name_of_a_component_and_of_a_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    bell = EntryPoint("waterz", "test_hooks:Listener", "neurokit.hook")
    offers = offered_hooks([bell])
    monkeypatch.setattr("neurokit.listing.offered_hooks", lambda: offers)
    result = invoke("show", "waterz")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: 'waterz' is a decoder and a hook; choose with --kind\n",
    )
    assert "Takes some of the arguments" in invoke("show", "waterz", "--kind", "hook").stdout
    assert "[decoder]" in invoke("show", "waterz", "--kind", "decoder").stdout


def test_what_cannot_be_shown() -> None:
    for name, message in (
        ("waters", "there is no component 'waters'; did you mean 'waterz'?"),
        ("qqq", "there is no component 'qqq'; see neurokit list-plugins"),
    ):
        result = invoke("show", name)
        assert (result.exit_code, result.stderr) == (1, f"error: {message}\n")
    wrong = invoke("show", "waterz", "--kind", "hooks")
    assert wrong.exit_code == 2
    assert wrong.stderr == (
        f"error: there is no kind 'hooks'; there are {', '.join(KINDS)}, hook, weights\n"
    )
    hooks = ", ".join(each.name for each in offered_hooks())
    weights = ", ".join(each.name for each in offered_weights())
    for kind, message in (
        ("hook", f"there is no hook 'waterz'; installed: {hooks}"),
        ("weights", f"there are no weights 'waterz'; installed: {weights}"),
    ):
        result = invoke("show", "waterz", "--kind", kind)
        assert (result.exit_code, result.stderr) == (1, f"error: {message}\n")
    result = invoke("show", "waterz", "--kind", "loss")
    assert result.stderr == (
        f"error: 'waterz' is a decoder, not a loss; installed: {offered('loss')}\n"
    )


def test_a_plan_is_printed_and_nothing_is_run(tiny: Path) -> None:
    result = invoke("check", tiny, "seed=5")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-5:-3] == [
        "train    phantom-1-0: 8 x 40 x 48 voxels of 30 x 6 x 6 nm, with labels",
        "test     phantom-2-0: 6 x 40 x 44 voxels of 30 x 6 x 6 nm, with labels",
    ]
    assert lines[-2:] == ["training 6 steps of 2 samples", "the recipe is ready to run"]
    resolved = tomllib.loads("\n".join(lines[:-5]))
    assert resolved["seed"] == 5
    assert [path.name for path in tiny.parent.iterdir()] == ["tiny.toml"]


def test_a_run_from_end_to_end_and_on_without_its_recipe(tiny: Path) -> None:
    done = invoke("run", tiny, *SHORT)
    assert done.exit_code == 0, done.output
    (folder,) = Path("outputs/tiny").iterdir()
    assert "\nscores of phantom-2-0\n  adapted_rand " in done.stdout
    assert done.stdout.endswith(
        "\nresults\n"
        f"  {folder}/checkpoints/last.ckpt\n"
        f"  {folder}/results_step=1/test_im_segmentation.h5\n"
        f"  {folder}/results_step=1/metrics.json\n"
        f"  {folder}/report.html\n"
        f"\nlook at it with: neurokit view {folder}\n"
    )
    assert done.stderr.startswith(f"run {folder}\n")
    assert "\x1b" not in done.output
    tiny.unlink()
    again = invoke("run", "--resume", folder)
    assert again.exit_code == 0, again.output
    assert "train: unchanged, kept\n" in again.stderr
    other = invoke("run", "--resume", folder, "--mode", "test", "metrics=[]")
    assert "\nnothing was scored: the recipe names no metrics\n" in other.stdout


def test_a_recipe_or_a_run_must_be_named(tiny: Path) -> None:
    assert tiny.exists()
    for arguments in ([], ["seed=3"]):
        result = invoke("run", *arguments)
        assert result.exit_code == 2
        assert "name a RECIPE, or a run to go on with --resume" in result.stderr
    result = invoke("run", "--resume", "gone")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: gone is not the folder of a run; one lies at outputs/<name>/<time>\n",
    )


def test_an_interrupt_says_how_to_go_on(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise Interrupted(Path("outputs/a b"))

    monkeypatch.setattr("neurokit.pipeline.execute", interrupted)
    for mode, end in (("all", ""), ("train", " --mode train")):
        result = invoke("run", tiny, "--mode", mode)
        assert (result.exit_code, result.stdout) == (130, "")
        assert result.stderr == (
            f"interrupted; go on with: neurokit run --resume 'outputs/a b'{end}\n"
        )


def test_an_interrupted_search_goes_on_with_the_same_settings(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("outputs/a b")

    def interrupted(*_: Any, **__: Any) -> None:
        raise Interrupted(folder)

    monkeypatch.setattr("neurokit.pipeline.execute", interrupted)
    folder.mkdir(parents=True)
    for name in ("recipe.toml", "environment.json"):
        (folder / name).write_text(tiny.read_text())
    own = ["decoder.threshold=0.4", "--resume", folder]
    new = [tiny, "seed=3", "--checkpoint", "x.ckpt", "--device", "cpu"]
    for arguments, expected in (
        (own, "decoder.threshold=0.4 --resume 'outputs/a b' --mode tune"),
        (
            new,
            f"{tiny} seed=3 'system.device=\"cpu\"' --resume 'outputs/a b' --mode tune "
            "--checkpoint x.ckpt",
        ),
    ):
        result = invoke("run", *arguments, "--mode", "tune")
        assert result.exit_code == 130
        assert result.stderr == f"interrupted; go on with: neurokit run {expected}\n"


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGUSR1", "SIGINT"])
def test_a_scheduler_can_tell_that_it_may_queue_a_run_again(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, signal: str
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise Preempted(Path("outputs/a b"), signal)

    monkeypatch.setattr("neurokit.pipeline.execute", stopped)
    result = invoke("run", tiny, "--mode", "train")
    how = "interrupted" if signal == "SIGINT" else f"stopped by {signal}"
    assert result.exit_code == (130 if signal == "SIGINT" else 75)
    assert (result.stdout, result.stderr) == (
        "",
        f"{how}; go on with: neurokit run --resume 'outputs/a b' --mode train\n",
    )


def test_an_interrupt_before_there_is_a_run(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("neurokit.pipeline.execute", interrupted)
    result = invoke("run", tiny)
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_errors_are_printed_as_they_are(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise NeurokitError("[bold]a[/bold] :smile: \\[x]\nand where to get it")

    monkeypatch.setattr("neurokit.pipeline.execute", fail)
    result = invoke("run", tiny)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: [bold]a[/bold] :smile: \\[x]\nand where to get it\n"


def test_every_problem_of_a_recipe_has_its_line(tiny: Path) -> None:
    result = invoke("run", tiny, "sed=1", "decoder.treshold=0.5")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: override: [sed] unknown parameter 'sed'; did you mean 'seed'?\n"
        "error: override: [decoder.treshold] unknown parameter 'treshold'; "
        "did you mean 'threshold'?\n"
    )


def test_control_codes_in_a_recipe_are_written_out(tiny: Path) -> None:
    result = invoke("check", tiny, 'train.epochs="\\u001b[31m\\n"', '"\\u001b[2J"=1')
    assert "\x1b" not in result.output
    assert "must be an integer, not the string '\\x1b[31m\\n'" in result.stderr


def test_the_device_of_the_command_line_wins(tiny: Path) -> None:
    result = invoke("check", tiny, "system.device=cuda", "--device", "cpu")
    assert result.exit_code == 0
    assert "parameters, on cpu\n" in result.stdout
    assert load_recipe(tiny).system.device == "cpu"


def test_a_training_can_be_profiled(tiny: Path) -> None:
    done = invoke("run", tiny, "--mode", "train", "--profile", *SHORT)
    assert done.exit_code == 0, done.output
    (folder,) = Path("outputs/tiny").iterdir()
    assert (
        f"profile written to {folder}/logs/profile; look at it with: "
        f"tensorboard --logdir {folder}/logs\n"
    ) in done.stderr
    (trace,) = (folder / "logs/profile").iterdir()
    assert trace.name.endswith(".pt.trace.json")
    again = invoke("run", "--resume", folder, "--mode", "train", "--profile")
    assert again.stderr.endswith("nothing was profiled: there were too few training steps\n")


def test_a_test_cannot_be_profiled(tiny: Path) -> None:
    result = invoke("run", tiny, "--mode", "test", "--profile", "--checkpoint", "x.ckpt")
    assert result.exit_code == 2
    assert "--profile records training steps; --mode test has none" in result.stderr
