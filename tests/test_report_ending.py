"""The report of a run that did not finish: how it ended, and how to go on."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from neurokit import NeurokitError, hookimpl, load_recipe
from neurokit.cli import main
from neurokit.observers.report import Report
from neurokit.pipeline import execute
from neurokit.reporting.ending import Ending, ending
from neurokit.reporting.history import HISTORY, read_history
from neurokit.reporting.page import gathered, summary_html
from neurokit.reporting.words import moment
from neurokit.run_folder import Interrupted, Run
from neurokit.stopping import StopRequested

SHORT = ["train.epochs=2", "train.steps_per_epoch=2"]
RUN = Path("outputs/a run")
STARTED = {"event": "command", "command": "neurokit run a.toml", "mode": "all"}
TRAINS = {"event": "stage_started", "stage": "train"}
DECODES = {"event": "stage_started", "stage": "decode"}
FINISHED = {"event": "finished"}


def _failed(error: str, reached: Any = None) -> dict[str, Any]:
    return {"event": "failure", "error": error, "reached": reached}


def _ended(stage: str) -> dict[str, Any]:
    nothing = {"reused": False, "memory": None, "gpu_memory": None}
    return {"event": "stage_finished", "stage": stage, "seconds": 1.0} | nothing


def _ending(folder: Path, *events: dict[str, Any]) -> Ending | None:
    lines = [json.dumps({"at": 1e9 + 3600 * at} | event) for at, event in enumerate(events)]
    (folder / HISTORY).write_text("\n".join(lines) + "\n")
    return ending(RUN, read_history(folder))


@pytest.mark.parametrize(
    ("events", "how", "where", "error"),
    [
        ([TRAINS, _failed("KeyboardInterrupt: KeyboardInterrupt")], "interrupted", "in train", ""),
        (
            [TRAINS, _failed("StopRequested: stopped by SIGINT", [1200, 100000])],
            "interrupted",
            "in train, at step 1,200 of 100,000",
            "",
        ),
        (
            [
                TRAINS,
                _ended("train"),
                DECODES,
                _failed("StopRequested: stopped by SIGUSR1", [4, 4]),
            ],
            "stopped by SIGUSR1",
            "in decode",
            "",
        ),
        ([_failed("NeurokitError: a: b")], "ended with an error", "", "a: b"),
        (
            [DECODES, _failed("MemoryError: MemoryError")],
            "ended with an error",
            "in decode",
            "MemoryError: MemoryError",
        ),
        ([FINISHED, _failed("NeurokitError: late")], "ended with an error", "", "late"),
    ],
)
def test_how_it_ended(
    tmp_path: Path, events: list[dict[str, Any]], how: str, where: str, error: str
) -> None:
    found = _ending(tmp_path, STARTED, *events)
    assert found == Ending(
        how,
        where,
        moment(1e9 + 3600 * len(events)),
        error,
        "Once the cause is mended, go on with" if error else "Go on with",
        "neurokit run --resume 'outputs/a run'",
    )


def test_what_did_not_end_still_runs_or_was_killed(tmp_path: Path) -> None:
    found = _ending(tmp_path, STARTED, TRAINS, {"event": "steps", "step": 1, "values": {}})
    assert found is not None
    assert (found.how, found.where, found.error) == ("still running, or killed", "in train", "")
    assert found.when == f"last heard of {moment(1e9 + 2 * 3600)}"
    assert (found.before, found.again) == (
        "If nothing runs any more, go on with",
        "neurokit run --resume 'outputs/a run'",
    )


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing is known"),
        pytest.param([STARTED, TRAINS, _ended("train"), FINISHED], id="it finished"),
        pytest.param([STARTED, _failed("E: e"), STARTED, FINISHED], id="the next one finished"),
        pytest.param([STARTED, STARTED, _failed("E: e"), FINISHED], id="another one finished"),
        pytest.param([STARTED, TRAINS, _ended("train")], id="of an earlier version"),
    ],
)
def test_nothing_is_said_of_one_that_finished(tmp_path: Path, events: list[Any]) -> None:
    assert _ending(tmp_path, *events) is None


@pytest.mark.parametrize(
    ("command", "mode", "again"),
    [
        ("neurokit run a.toml", "train", "neurokit run --resume 'outputs/a run' --mode train"),
        ("python a.py", "test", "neurokit run --resume 'outputs/a run' --mode test"),
        (
            "neurokit run 'a b.toml' --mode tune --checkpoint c.ckpt",
            "tune",
            "neurokit run 'a b.toml' --mode tune --checkpoint c.ckpt --resume 'outputs/a run'",
        ),
        (
            "neurokit run a.toml --mode tune --resume=b",
            "tune",
            "neurokit run a.toml --mode tune --resume=b",
        ),
        ("python a.py", "tune", ""),
        ("neurokit run a.toml", "", ""),
    ],
)
def test_the_command_that_goes_on(tmp_path: Path, command: str, mode: str, again: str) -> None:
    started = {"event": "command", "command": command, "mode": mode}
    found = _ending(tmp_path, started, _failed("KeyboardInterrupt: KeyboardInterrupt"))
    assert found is not None
    assert found.again == again


class Trouble:
    """Raises something when a stage starts, or after a step; after those listed behind it heard."""

    def __init__(self, error: BaseException, stage: str = "", step: int = 0) -> None:
        self.error, self.stage, self.at = error, stage, step

    @hookimpl
    def stage_started(self, stage: str) -> None:
        """Raise it."""
        if stage == self.stage:
            raise self.error

    @hookimpl
    def step(self, step: int) -> None:
        """Raise it."""
        if step == self.at:
            raise self.error


@pytest.fixture
def recipe(tiny: Path) -> Any:
    return load_recipe(tiny, SHORT)


def _run_into(trouble: Trouble, recipe: Any, mode: Any = "all", **options: Any) -> Path:
    """The folder of a run that did not finish."""
    with pytest.raises(type(trouble.error)) as caught:
        execute(recipe, mode, plugins=[trouble, Report()], **options)
    if isinstance(trouble.error, NeurokitError):
        assert caught.value is trouble.error
    (folder,) = Path("outputs/tiny").iterdir()
    return folder


def _head(folder: Path) -> str:
    """What the report says of the end, in one line; empty where it does not."""
    html = (folder / "report.html").read_text(encoding="utf-8")
    found = re.search(r'<div class="ended".*?>(.*?)</div>', html, re.DOTALL)
    return unescape(" ".join(re.sub(r"<.*?>", " ", found[1]).split())) if found else ""


def _goes_on_to_the_end(folder: Path) -> None:
    """The command on the page ends the run, and its report is that of any other."""
    again = gathered(folder).ending
    assert again is not None
    program, *arguments = shlex.split(again.again)
    assert program == "neurokit"
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert _head(folder) == ""
    assert gathered(folder).ending is None


def test_an_error_stands_in_the_head_until_the_run_has_gone_on(recipe: Any) -> None:
    error = NeurokitError("no <script> fits; buy & try")
    folder = _run_into(Trouble(error, stage="decode"), recipe)
    head = _head(folder)
    assert re.fullmatch(
        r"Ended with an error in decode · .* \d\d:\d\d no <script> fits; buy & try "
        rf"Once the cause is mended, go on with: neurokit run --resume {folder}",
        head,
    )
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "no &lt;script&gt; fits; buy &amp; try" in html
    assert "<script>" not in html
    assert "<title>tiny (ended with an error)</title>" in html
    for words in ("Loss", "Time and memory", "(stopped)", "[model]", "torch"):
        assert words in html
    assert "Nothing was tested yet" not in html
    assert "no &lt;script&gt; fits" in summary_html(folder)
    done = CliRunner().invoke(main, ["report", str(folder)])
    assert (done.exit_code, done.output) == (0, f"{folder}/report.html\n")
    assert _head(folder) == head
    _goes_on_to_the_end(folder)
    assert "The worst merges" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "how"),
    [
        (KeyboardInterrupt(), "Interrupted"),
        (StopRequested("SIGTERM"), "Stopped by SIGTERM"),
    ],
)
def test_a_training_that_is_stopped_says_how_far_it_came(
    recipe: Any, error: BaseException, how: str
) -> None:
    with pytest.raises(Interrupted):
        execute(recipe, "train", plugins=[Trouble(error, step=3), Report()])
    (folder,) = Path("outputs/tiny").iterdir()
    assert re.fullmatch(
        rf"{how} in train, at step 3 of 4 · .* Go on with: "
        rf"neurokit run --resume {folder} --mode train",
        _head(folder),
    )
    (command,) = gathered(folder).commands
    assert command.device.startswith("CPU")
    assert command.stages[0].memory is not None
    _goes_on_to_the_end(folder)


def test_a_test_that_fails_reads_no_volume_for_its_report(
    recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = execute(recipe, plugins=[Report()]).folder
    assert "The worst merges" in (folder / "report.html").read_text(encoding="utf-8")

    def refuse(*given: Any, **named: Any) -> None:
        raise AssertionError("volumes are read")

    other = load_recipe(folder / "recipe.toml", ["decoder.threshold=0.4"])
    with monkeypatch.context() as patch:
        patch.setattr("neurokit.reporting.page.opened_data", refuse)
        patch.setattr("neurokit.reporting.tissue.plane_views", refuse)
        patch.setattr("neurokit.reporting.tissue.find_mistakes", refuse)
        trouble = Trouble(NeurokitError("no room"), stage="evaluate")
        _run_into(trouble, other, "test", resume=folder)
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "Ended with an error in evaluate" in _head(folder)
    assert _head(folder).endswith(f"go on with: neurokit run --resume {folder} --mode test")
    assert (
        "phantom-2-0: no pictures and no mistakes are made of a run that does not finish; neurokit "
        "report adds them." in html
    )
    assert "Nothing was scored" not in html
    assert "<img" not in html
    assert CliRunner().invoke(main, ["report", str(folder)]).exit_code == 0
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "Ended with an error in evaluate" in _head(folder)
    assert "The worst merges" in html


def test_a_report_that_cannot_be_written_hides_nothing(
    recipe: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    made = Run.create(recipe, plugins=[Report()])
    monkeypatch.setattr(Path, "write_bytes", full)
    error = NeurokitError("the loss is not finite")
    with pytest.raises(NeurokitError) as caught, made.recording():
        raise error
    assert caught.value is error
    assert not (made.folder / "report.html").exists()
    assert not [path for path in made.folder.iterdir() if path.suffix == ".partial"]
    assert (
        f"the report cannot be written: cannot write {made.folder}/report.html: No space left on "
        f"device" in (made.folder / "run.log").read_text()
    )
    assert capfd.readouterr() == ("", "")


def test_a_process_that_does_not_lead_writes_none(recipe: Any) -> None:
    run = Run.create(recipe, plugins=[Report()])
    run.leads = False
    with pytest.raises(NeurokitError, match=r"^gone$"), run.recording():
        raise NeurokitError("gone")
    assert not (run.folder / "report.html").exists()


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("/opt/bin/neurokit", "neurokit run a.toml"),
        ("/lib/neurokit/__main__.py", "neurokit run a.toml"),
        ("/lib/other/__main__.py", "__main__.py run a.toml"),
        ("__main__.py", "__main__.py run a.toml"),
        ("", "python run a.toml"),
    ],
)
def test_the_command_is_noted_by_the_name_of_its_program(
    recipe: Any, monkeypatch: pytest.MonkeyPatch, program: str, shown: str
) -> None:
    monkeypatch.setattr("sys.argv", [program, "run", "a.toml"])
    run = Run.create(recipe)
    Report().run_started(run)
    assert [each.command for each in read_history(run.folder).commands] == [shown]


def test_the_mode_is_noted(recipe: Any) -> None:
    folder = execute(recipe, "train", plugins=[Report()]).folder
    execute(recipe, "test", resume=folder, plugins=[Report()])
    assert [each.mode for each in read_history(folder).commands] == ["train", "test"]
