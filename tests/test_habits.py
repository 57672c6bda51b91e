"""Habits: what shells, scripts, terminals and schedulers count on, tried by the command itself."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import frozen
from children import at_terminal, logged, neurokit
from click.testing import CliRunner, Result
from conftest import offered

from neurokit import load_recipe
from neurokit.cli import main
from neurokit.cli.order import SECTIONS
from neurokit.kinds import KINDS
from neurokit.listing import component_table, toml_text
from neurokit.observers.progress import ProgressBar
from neurokit.recipe import to_table
from neurokit.registry import installed
from neurokit.run_folder import Run
from neurokit.shipped import shipped_recipes

NEUROKIT = str(Path(sys.executable).parent / "neurokit")
SHORT = ("train.epochs=1", "train.steps_per_epoch=1", "train.batch_size=1")
# Long enough to be stopped amid, short enough to be gone on with.
STOPPED = ("train.epochs=6", "train.steps_per_epoch=10", "train.batch_size=1")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38)[0-9;]*m")


def variables(**changes: str) -> dict[str, str]:
    """The environment without what this test was started under, and with changes."""
    kept = {"NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    environment = {key: value for key, value in os.environ.items() if key not in kept}
    return environment | {"OMP_NUM_THREADS": "1"} | changes


def call(*arguments: object, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a script does, in pipes."""
    return subprocess.run(
        [NEUROKIT, *map(str, arguments)],
        env=variables(**changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@contextmanager
def surroundings(**changes: str) -> Iterator[None]:
    """Processes that start now have `variables` with these changes."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - variables().keys():
            patch.delenv(name)
        for name, value in changes.items():
            patch.setenv(name, value)
        yield


def quickly(*arguments: object, **changes: str) -> subprocess.CompletedProcess[str]:
    """As `call`, of what would first import for seconds."""
    with surroundings(**changes):
        return neurokit(*arguments)


@frozen
class Shown:
    """What a command left on a terminal, and its exit status."""

    status: int
    text: str


def on_terminal(
    *arguments: object,
    answer: Callable[[str], str | None] = lambda text: None,
    **changes: str,
) -> Shown:
    """Run the command on a terminal.

    Args:
        arguments: of the command.
        answer: gives what is typed, once, from what is shown so far.
        changes: to the environment.
    """
    terminal, seat = pty.openpty()
    with surroundings(**{"TERM": "xterm", "COLUMNS": "100"} | changes):
        process = at_terminal(os.ttyname(seat), *arguments)
    shown = b""
    typed = False
    while terminal in wait([terminal, process.sentinel]):
        shown += os.read(terminal, 65536)
        if not typed and (keys := answer(shown.decode(errors="replace"))) is not None:
            os.write(terminal, keys.encode())
            typed = True
    os.close(terminal)
    os.close(seat)
    process.join()
    assert process.exitcode is not None
    return Shown(process.exitcode, shown.decode())


def invoke(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


# Exit codes


def test_the_exit_status_tells_what_happened(tiny: Path) -> None:
    for arguments, status, said in (
        (["check", tiny], 0, ""),
        (["--version"], 0, ""),
        (["run", "--resume", "gone"], 1, "error: gone is not the folder of a run; "),
        (["run", tiny, "sed=1"], 2, "error: override: [sed] unknown parameter 'sed'; "),
        (["run"], 2, "error: name a RECIPE, or a run to go on with --resume\n"),
        (["run", "--nothing"], 2, "Usage: neurokit run [OPTIONS] "),
    ):
        # What loads no recipe is as quick in full.
        done = quickly(*arguments) if tiny in arguments else call(*arguments)
        assert done.returncode == status, done.stderr
        assert done.stderr.startswith(said)
        assert bool(done.stderr) == bool(status)


WRONG_BY_ITSELF = {
    "run": "name a RECIPE, or a run to go on with --resume",
    "run --mode test": "name a RECIPE, or a run to go on with --resume",
    "run tiny.toml --mode test": "testing needs a trained network: give --checkpoint or --resume",
    "run tiny.toml --mode tune": "tuning needs a trained network: give --checkpoint or --resume",
    "run tiny.toml --resume gone --checkpoint gone": "--resume goes on from the run's own "
    "checkpoint; leave out --checkpoint, or leave out --resume to start anew from its weights",
    "run tiny.toml --profile --mode test": "--profile records training steps; --mode test has none",
    "run gone.toml": "gone.toml: there is no such recipe",
    "run tiny.toml epochs": "override: 'epochs' is not of the form key.path=value",
    "check tiny.toml decoder.use=qqq": "override: [decoder.use] unknown decoder 'qqq'; "
    "installed: {decoders}",
    "fetch snemi3d q=1": "override: [q] unknown parameter 'q'; there is url",
    "export gone --out x.pt": "--out is 'x.pt'; it must end in .safetensors",
    "list-plugins --kind q": "there is no kind 'q'; there are {kinds}",
    "show waterz --kind q": "there is no kind 'q'; there are {kinds}",
}
NOT_THERE = {
    "run tiny.toml --mode test --checkpoint gone.ckpt": "there is no checkpoint gone.ckpt",
    "run --resume gone": "gone is not the folder of a run; one lies at outputs/<name>/<time>",
    "report gone": "gone is not the folder of a run; one lies at outputs/<name>/<time>",
    "compare gone gone": "gone is not the folder of a run; one lies at outputs/<name>/<time>",
    "check tiny.toml data.test={use='files',image='gone.tif',voxel_size_nm=[1,1,1]}": "[data.test] "
    "image file not found: gone.tif in {here}; check the path",
    "show qqq": "there is no component 'qqq'; see neurokit list-plugins",
    "fetch qqq": "unknown archive 'qqq'; installed: {archives}",
    "new plugin blobs --kind loss --folder gone": "there is no folder gone; make it first, or "
    "choose another",
}


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        *((command, 2, said) for command, said in WRONG_BY_ITSELF.items()),
        *((command, 1, said) for command, said in NOT_THERE.items()),
    ],
)
def test_what_is_wrong_by_itself_is_told_apart_from_what_is_not_there(
    command: str, status: int, said: str, tiny: Path
) -> None:
    result = invoke(*command.split())
    words = {
        "{decoders}": offered("decoder"),
        "{archives}": offered("archive"),
        "{kinds}": ", ".join([*KINDS, "hook", "weights"]),
        "{here}": str(tiny.parent),
    }
    for word, meant in words.items():
        said = said.replace(word, meant)
    assert (result.exit_code, result.stdout, result.stderr) == (status, "", f"error: {said}\n")
    assert [path.name for path in tiny.parent.iterdir()] == ["tiny.toml"]


def test_ctrl_c_on_a_terminal_says_how_to_go_on_and_that_goes_on(tiny: Path) -> None:
    stopped = on_terminal(
        *["run", tiny, *STOPPED, "--mode", "train"],
        answer=lambda text: "\x03" if "epoch 2/6" in text else None,
    )
    assert stopped.status == 130
    last = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", stopped.text.splitlines()[-1])
    (folder,) = Path("outputs/tiny").iterdir()
    assert last == f"interrupted; go on with: neurokit run --resume {folder} --mode train"
    assert "Traceback" not in stopped.text
    # The cursor that the bar had hidden is there again.
    assert stopped.text.rindex("\x1b[?25h") > stopped.text.rindex("\x1b[?25l")
    _, _, command = last.partition("go on with: ")
    program, *arguments = shlex.split(command)
    assert program == "neurokit"
    done = quickly(*arguments)
    assert done.returncode == 0, done.stderr
    assert "epoch 6/6" in done.stderr
    assert "epoch 1/6" not in done.stderr
    assert done.stdout == (f"\nresults\n  {folder}/checkpoints/last.ckpt\n  {folder}/report.html\n")


def test_a_scheduler_stops_a_job_whose_log_stays_readable(tiny: Path) -> None:
    job = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    with surroundings(**job, SLURM_NNODES="1"):
        process = logged(Path("slurm-7.out"), "run", tiny, *STOPPED)
    while "epoch 1/6" not in Path("slurm-7.out").read_text():
        assert process.is_alive()
        time.sleep(0.05)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    process.join()
    assert process.exitcode == 75
    (folder,) = Path("outputs/tiny").iterdir()
    lines = Path("slurm-7.out").read_text().splitlines()
    assert lines[0] == f"run {folder}"
    assert lines[-1] == f"stopped by SIGTERM; go on with: neurokit run --resume {folder}"
    # No line a step: the 60 steps of this run take no more than its epochs, and a few between.
    assert len(lines) < 15
    assert not any(CONTROL.search(line) for line in lines)


def test_the_exit_codes_are_in_every_help() -> None:
    assert isinstance(main, click.Group)
    for name in ("", *main.commands):
        text = " ".join(invoke(*name.split(), "--help").output.split())
        assert "75 stopped by SIGTERM or SIGUSR1 and saved, 130 interrupted." in text


# Help


def test_commands_are_listed_as_they_are_needed() -> None:
    text = invoke("--help").output
    assert isinstance(main, click.Group)
    listed = re.findall(r"^  ([a-z][a-z-]*)  +\S", text, re.MULTILINE)
    placed = [name for names in SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(main.commands)
    assert listed == [name for name in placed if name in main.commands]
    for heading in SECTIONS:
        assert f"\n{heading}:\n" in text
    assert {*main.commands} <= {*placed}, "give the command a place in neurokit/cli/order.py"


def test_a_command_without_a_place_comes_last() -> None:
    group = type(main)(
        "group", commands={"zeta": click.Command("zeta", help="Z."), **main.commands}
    )
    text = CliRunner().invoke(group, ["--help"]).output
    assert re.search(r"\nOther commands:\n  zeta +Z\.\n", text)
    assert text.index("Other commands") > text.index("list-plugins")


@pytest.mark.parametrize(("wrong", "right"), [("runn", "run"), ("compair", "compare")])
def test_a_misspelt_command_is_recognized(wrong: str, right: str) -> None:
    result = invoke(wrong)
    assert result.exit_code == 2
    assert f"No such command '{wrong}'. Did you mean '{right}'?" in result.stderr


def test_a_recipe_that_is_there_is_taken(tiny: Path) -> None:
    small = ("data.train.shape=[16,128,128]", "data.test.shape=[12,96,96]")
    assert invoke("check", "neurokit:demo.toml", *small).exit_code == 0
    Path("recipes").mkdir()
    Path("recipes/tiny.toml").touch()
    assert invoke("check", tiny.name).exit_code == 0
    Path("extends.toml").write_text('extends = "demo.toml"')
    assert invoke("check", "extends.toml").stderr == (
        "error: demo.toml: there is no such recipe (extended by extends.toml)\n"
    )


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_recipe_that_is_elsewhere_is_named(tiny: Path, command: str) -> None:
    Path("recipes").mkdir()
    Path("recipes/mine.toml").touch()
    there_is_none = "there is no such recipe"
    for given, problem, meant in (
        ("mine.toml", there_is_none, "recipes/mine.toml"),
        ("demo.toml", there_is_none, "neurokit:demo.toml"),
        ("sdt_demo", there_is_none, "neurokit_sdt:sdt_demo.toml"),
        (
            "neurokit:dem.toml",
            "the package 'neurokit' ships no recipe 'dem.toml'",
            "neurokit:demo.toml",
        ),
    ):
        result = invoke(command, given)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"error: {given}: {problem}; did you mean {meant}?\n"
    assert invoke(command, "entirely_else.toml").stderr == (
        "error: entirely_else.toml: there is no such recipe\n"
    )


# Colour, pipes and terminals


def test_a_pipe_gets_neither_colour_nor_control_codes() -> None:
    for arguments in (["list-plugins", "--kind", "metric"], ["show", "adapted_rand"], ["--help"]):
        done = call(*arguments, TERM="xterm-256color")
        assert done.returncode == 0, done.stderr
        assert not CONTROL.search(done.stdout + done.stderr)


def test_a_terminal_gets_a_bar_and_without_colour_if_it_wants_none(tiny: Path) -> None:
    shown = on_terminal("run", tiny, *SHORT, "--mode", "train", NO_COLOR="1")
    assert shown.status == 0
    assert "━" in shown.text
    assert not COLOUR.search(shown.text)
    assert shown.text.count("\x1b[?25l") == shown.text.count("\x1b[?25h") > 0


def test_a_dumb_terminal_gets_plain_lines(tiny: Path) -> None:
    for arguments in (
        ["run", tiny, *SHORT, "--mode", "train"],
        ["list-plugins", "--kind", "metric"],
    ):
        shown = on_terminal(*arguments, TERM="dumb")
        assert shown.status == 0
        assert "\x1b" not in shown.text
        assert "\r" not in shown.text.replace("\r\n", "\n")
        assert len(shown.text.splitlines()) > 4


def test_colour_can_be_forced_into_a_pipe_and_refused(tiny: Path) -> None:
    table = ["list-plugins", "--kind", "metric"]
    assert "\x1b[1m" in on_terminal(*table).text
    assert "\x1b" not in quickly(*table).stdout
    assert "\x1b[1m" in quickly(*table, FORCE_COLOR="1").stdout
    assert not COLOUR.search(quickly(*table, FORCE_COLOR="1", NO_COLOR="1").stdout)
    done = quickly("run", tiny, *SHORT, "--mode", "train", FORCE_COLOR="1")
    # Colour, yes; but what is redrawn makes a log that nobody can read.
    assert not re.search(r"\x1b\[(?![0-9;]*m)|\r", done.stderr)


def test_plain_lines_come_at_a_bounded_rate(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from io import StringIO

    from rich.console import Console

    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    text = StringIO()
    run = Run.create(load_recipe(tiny))
    run.hooks.register(ProgressBar(Console(file=text)))
    hours, seconds_between = 3, 0.5
    steps = int(hours * 3600 / seconds_between)
    run.hooks.hook.stage_started(run=run, stage="train")
    for done in range(1, steps + 1):
        now[0] += seconds_between
        run.hooks.hook.progress(run=run, stage="train", what="steps", done=done, total=steps)
    lines = text.getvalue().splitlines()
    assert hours * 60 < len(lines) <= hours * 3600 / 10


def test_a_reader_that_leaves_early_is_no_trouble() -> None:
    for arguments in (
        ["list-plugins", "--kind", "metric"],
        ["show", "adapted_rand", "--json"],
        ["--help"],
        ["completion", "bash"],
    ):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [NEUROKIT, *map(str, arguments)],
            env=variables(),
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (1, "")


def test_streams_may_be_closed(tiny: Path) -> None:
    for command, redirected in (
        ("list-plugins --kind metric", "<&-"),
        ("list-plugins --kind metric", ">&-"),
        (f"check {tiny}", "<&- >&-"),
    ):
        done = subprocess.run(
            f"{shlex.quote(NEUROKIT)} {command} {redirected}",
            shell=True,
            env=variables(),
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert (done.stdout == "") == (">&-" in redirected)


# For scripts


def test_the_json_of_a_run(tiny: Path) -> None:
    done = quickly("run", tiny, *SHORT, "--json")
    assert done.returncode == 0
    assert "train: done in " in done.stderr
    assert not CONTROL.search(done.stdout + done.stderr)
    found = json.loads(done.stdout)
    (folder,) = Path("outputs/tiny").iterdir()
    metrics = json.loads((folder / "results_step=1/metrics.json").read_text())
    assert set(metrics["volumes"]) == {"phantom-2-0"}
    assert found == {
        "folder": str(folder),
        "checkpoint": f"{folder}/checkpoints/last.ckpt",
        "segmentations": [f"{folder}/results_step=1/test_im_segmentation.h5"],
        "scores": metrics,
        "unscored": None,
        "report": f"{folder}/report.html",
        "found": None,
        "warnings": [],
    }
    again = json.loads(
        invoke("run", "--resume", folder, "--mode", "test", "metrics=[]", "--json").stdout
    )
    assert (again["scores"], again["unscored"]) == (None, "the recipe names no metrics")


def test_the_json_of_a_search(tiny: Path) -> None:
    space = (
        "tune.trials=2",
        "tune.space.decoder.threshold={low=0.1, high=0.3, step=0.1}",
        "data.validation={use='phantom', shape=[6, 40, 40], seed=3}",
    )
    assert invoke("run", tiny, *SHORT, *space, "--mode", "train").exit_code == 0
    (folder,) = Path("outputs/tiny").iterdir()
    result = invoke("run", "--resume", folder, "--mode", "tune", "--json")
    found = json.loads(result.stdout)["found"]
    assert sorted(found) == [
        "files",
        "headline",
        "scores",
        "settings",
        "study",
        "trial",
        "trials",
        "value",
        "volumes",
        "warnings",
    ]
    assert (found["study"], found["trials"], found["headline"]) == ("tuning", 2, "adapted_rand")
    assert list(found["settings"]) == ["decoder.threshold"]
    assert found["volumes"] == ["phantom-3-0"]
    assert found["files"][0] == f"{folder}/tune/best.toml"


def test_the_json_of_a_failure_is_none(tiny: Path) -> None:
    for arguments in (["run", tiny, "sed=1"], ["check", tiny, "sed=1"]):
        result = invoke(*arguments, "--json")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("error: override: [sed] unknown parameter 'sed'")


def test_the_json_of_a_check(tiny: Path) -> None:
    found = json.loads(invoke("check", tiny, "--json").stdout)
    assert found.pop("recipe") == to_table(load_recipe(tiny))
    assert found.pop("parameters") > 100
    assert found == {
        "volumes": {
            "train": [
                {
                    "name": "phantom-1-0",
                    "shape": [8, 40, 48],
                    "voxel_size_nm": [30.0, 6.0, 6.0],
                    "labels": True,
                    "skeletons": False,
                }
            ],
            "validation": [],
            "test": [
                {
                    "name": "phantom-2-0",
                    "shape": [6, 40, 44],
                    "voxel_size_nm": [30.0, 6.0, 6.0],
                    "labels": True,
                    "skeletons": False,
                }
            ],
        },
        "device": "cpu",
        "steps": 6,
        "search": None,
        "warnings": [],
    }
    searched = ["--mode", "tune", "tune.space.decoder.threshold={low=0.1, high=0.3, step=0.1}"]
    found = json.loads(invoke("check", tiny, *searched, "--json").stdout)
    assert found["steps"] is None
    assert found["search"] == {
        "trials": 3,
        "sampler": "tpe",
        "settings": 3,
        "parameters": ["decoder.threshold"],
    }


def test_the_json_of_a_component() -> None:
    found = json.loads(invoke("show", "waterz", "--json").stdout)
    parameters = {each["key"]: each for each in found.pop("parameters")}
    documentation = found.pop("documentation")
    assert documentation.startswith("Watershed fragments, agglomerated by the affinities")
    version = found.pop("version")
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert found == {"kind": "decoder", "name": "waterz", "package": "neurokit"}
    assert parameters["threshold"] == {
        "key": "threshold",
        "help": "join while 1 - affinity is below this: higher joins more",
        "type": "a number",
        "range": "at least 0, at most 1",
        "required": False,
        "default": 0.5,
    }
    assert parameters["dust.enabled"]["default"] is False
    required = {each["key"]: each for each in component_table("files")["parameters"]}["image"]
    assert (required["required"], required["default"]) == (True, None)
    assert component_table("progress")["parameters"] == []
    assert component_table("progress")["kind"] == "hook"
    wrong = invoke("show", "waters", "--json")
    assert (wrong.exit_code, wrong.stdout) == (1, "")


@pytest.mark.parametrize("offer", installed().offers, ids=lambda each: f"{each.kind} {each.name}")
def test_every_component_can_be_shown_as_json(offer: Any) -> None:
    table = component_table(f"{offer.distribution}:{offer.name}", offer.kind)
    assert json.loads(json.dumps(table)) == table
    assert table["documentation"]
    for each in table["parameters"]:
        assert each["help"]
        assert each["type"]


def test_the_help_names_the_keys_of_each_json(tiny: Path) -> None:
    assert invoke("run", tiny, *SHORT, "--mode", "train").exit_code == 0
    assert invoke("run", tiny, *SHORT, "--mode", "train", "seed=3").exit_code == 0
    (folder, _) = Path("outputs/tiny").iterdir()
    for command, arguments in (
        ("run", ["--resume", folder, "--mode", "train"]),
        ("check", [tiny]),
        ("show", ["waterz"]),
        ("list-plugins", ["--kind", "metric"]),
        ("compare", ["outputs/tiny"]),
    ):
        found = json.loads(invoke(command, *arguments, "--json").stdout)
        table = found[0] if isinstance(found, list) else found
        text = " ".join(invoke(command, "--help").output.split())
        shape = re.sub(r"\(.*?\)", "", text[text.index("with the keys") :]).partition(".")[0]
        named = re.findall(r"\w+", shape.partition(";")[0].partition("a list")[0])
        assert [name for name in named if name in table] == list(table)


# What check says


@pytest.mark.parametrize("recipe", list(shipped_recipes()))
def test_a_recipe_is_printed_as_toml(recipe: str) -> None:
    table = to_table(load_recipe(recipe))
    assert tomllib.loads(toml_text(table)) == table


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"a b": 1, 'q"': "x", "e": {}},
        {"x": {"y": {"z": {}, "q": [[1, 2], [3]]}}, "s": "'\"\n\\\x07é"},
        {"long": [{"use": "x" * 60, "in": {"a": [1.5]}}, {"use": "y" * 60}], "t": {"k": [True]}},
        {"wide": {"n": list(range(100))}, "inline": [{}]},
    ],
)
def test_odd_tables_are_printed_as_toml(table: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(table)) == table


def test_long_lists_have_a_line_for_each_entry() -> None:
    lines = invoke("show", "em_neuron").stdout.splitlines()
    start = lines.index('defect = { use = "one_of", choices = [')
    assert lines[start + 1].startswith('  { use = "misalignment", ')
    assert lines[start + 6].startswith("], weights = ")


def test_what_has_no_effect_is_warned_of(tiny: Path) -> None:
    def warnings(*overrides: str) -> str:
        return invoke("check", tiny, *overrides).stderr

    assert warnings() == ""
    assert warnings("train.validation.batches=9") == (
        "warning: [train.validation] has no effect, as the recipe has no [data.validation]\n"
    )
    validated = "data.validation={use='phantom', shape=[6, 40, 40], seed=3}"
    assert warnings("train.validation.batches=9", validated) == ""
    assert (
        warnings("system.num_gpus=2") == "warning: system.num_gpus = 2 has no effect on the CPU\n"
    )
    assert warnings("system.num_gpus=0") == ""


# A network knows its recipe


def test_a_checkpoint_is_tested_by_its_own_recipe(tiny: Path) -> None:
    assert invoke("run", tiny, *SHORT, "--mode", "train").exit_code == 0
    (folder,) = Path("outputs/tiny").iterdir()
    elsewhere = Path("elsewhere.ckpt")
    elsewhere.write_bytes((folder / "checkpoints/last.ckpt").read_bytes())
    tiny.unlink()
    for checkpoint in (folder / "checkpoints/last.ckpt", elsewhere, folder):
        result = invoke("run", "--mode", "test", "--checkpoint", checkpoint, "seed=3")
        assert result.exit_code == 0, result.output
        assert "\nscores of phantom-2-0\n" in result.stdout
    wrong = invoke("run", "--mode", "test", "--checkpoint", elsewhere, "sed=3")
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "error: override: [sed] unknown parameter 'sed'; did you mean 'seed'?\n",
    )
    named = invoke("run", "--mode", "test", "--checkpoint", "phantom_demo")
    assert named.exit_code == 2
    assert (
        "name a RECIPE: the network neurokit:phantom_demo does not say which data to test on"
        in (" ".join(named.stderr.split()))
    )
    for arguments in (["--checkpoint", elsewhere], ["--mode", "test"]):
        result = invoke("run", *arguments)
        assert result.exit_code == 2
        assert "name a RECIPE, or a run to go on with --resume" in result.stderr


def test_names_that_are_offered_are_those_that_are_listed() -> None:
    assert invoke("show", "waterz", "--kind", "loss").stderr.endswith(f"{offered('loss')}\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_without_space_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "neurokit", "list-plugins"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == (
        "error: the output cannot be written: [Errno 28] No space left on device\n"
    )
