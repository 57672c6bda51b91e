"""Profiler: which steps it records, and that TensorBoard's plugin can read them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from torch_tb_profiler.profiler.data import RunProfileData  # type: ignore[import-untyped]

from neurokit import NeurokitError, hookimpl, load_recipe
from neurokit.observers.profiler import Profiler, _Plan
from neurokit.pipeline import execute
from neurokit.run_folder import Run

pytestmark = pytest.mark.filterwarnings("error:Incorrect schedule")


@pytest.mark.parametrize(
    ("steps", "warm_up", "recorded"),
    [
        (1, [], [0]),
        (2, [0], [1]),
        (3, [0], [1, 2]),
        (6, [0], [1, 2, 3, 4, 5]),
        (7, [0, 1], [2, 3, 4, 5, 6]),
        (8, [1, 2], [3, 4, 5, 6, 7]),
        (12, [5, 6], [7, 8, 9, 10, 11]),
        (100_000, [5, 6], [7, 8, 9, 10, 11]),
    ],
)
def test_first_steps_are_left_out_where_there_are_enough(
    steps: int, warm_up: list[int], recorded: list[int]
) -> None:
    plan = _Plan.of(steps)
    assert (list(plan.warm_up), list(plan.recorded)) == (warm_up, recorded)


class Stumble:
    """Ends a training after some steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    @hookimpl(trylast=True)
    def step(self, step: int) -> None:
        """Fail in this step."""
        if step == self.after:
            raise NeurokitError("stumbled")


def train(recipe: Path, *overrides: str, **options: Any) -> tuple[Path, str]:
    """The folder of a run that was profiled, and what was said."""
    said = io.StringIO()
    after = options.pop("after", None)
    plugins: list[Any] = [Profiler(Console(file=said))]
    if after is not None:
        plugins.append(Stumble(after))
        with pytest.raises(NeurokitError, match="stumbled"):
            execute(load_recipe(recipe, list(overrides)), "train", plugins=plugins, **options)
        (folder,) = Path("outputs/tiny").iterdir()
        return folder, said.getvalue()
    outcome = execute(load_recipe(recipe, list(overrides)), "train", plugins=plugins, **options)
    return outcome.folder, said.getvalue()


def steps_in(folder: Path) -> list[int]:
    """The steps that a trace holds, counted from the start of the process."""
    (trace,) = (folder / "logs" / "profile").iterdir()
    events = json.loads(trace.read_text())["traceEvents"]
    names = {each["name"] for each in events if each["name"].startswith("ProfilerStep#")}
    return sorted(int(name.partition("#")[2]) for name in names)


def where(folder: Path) -> str:
    return (
        f"profile written to {folder}/logs/profile; look at it with: "
        f"tensorboard --logdir {folder}/logs\n"
    )


def test_a_trace_is_what_the_plugin_of_tensorboard_reads(tiny: Path) -> None:
    folder, said = train(tiny, "train.steps_per_epoch=7")
    assert said == where(folder)
    assert steps_in(folder) == [7, 8, 9, 10, 11]
    (trace,) = (folder / "logs" / "profile").iterdir()
    data = RunProfileData.parse("worker", 1, str(trace), str(folder))
    assert len(data.steps_costs) == 5
    names = {each.name for each in data.op_list_groupby_name}
    assert {"aten::conv3d", "aten::convolution_backward"} <= names


@pytest.mark.parametrize(("steps", "recorded"), [(1, [0]), (2, [1]), (4, [1, 2, 3])])
def test_a_short_training(tiny: Path, steps: int, recorded: list[int]) -> None:
    folder, said = train(tiny, "train.epochs=1", f"train.steps_per_epoch={steps}")
    assert said == where(folder)
    assert steps_in(folder) == recorded


def test_what_was_recorded_before_a_failure_is_kept(tiny: Path) -> None:
    folder, said = train(tiny, after=3)
    assert said == where(folder)
    assert steps_in(folder)[:2] == [1, 2]


def test_a_failure_before_anything_was_recorded(tiny: Path) -> None:
    folder, said = train(tiny, "train.steps_per_epoch=20", after=3)
    assert said == "nothing was profiled: there were too few training steps\n"
    assert not (folder / "logs").exists()


@pytest.mark.parametrize(("stop", "recorded"), [(2, [1, 2, 3]), (4, [1]), (5, None)])
def test_a_training_that_goes_on_has_fewer_steps(
    tiny: Path, stop: int, recorded: list[int] | None
) -> None:
    class Interrupt:
        @hookimpl
        def step(self, step: int) -> None:
            if step == stop:
                raise KeyboardInterrupt

    recipe = load_recipe(tiny)
    with pytest.raises(KeyboardInterrupt):
        execute(recipe, "train", plugins=[Interrupt()])
    (folder,) = Path("outputs/tiny").iterdir()
    _, said = train(tiny, resume=folder)
    if recorded is None:
        assert said == "nothing was profiled: there were too few training steps\n"
        assert not (folder / "logs").exists()
    else:
        assert said == where(folder)
        assert steps_in(folder) == recorded


def test_other_stages_are_left_alone(tiny: Path) -> None:
    said = io.StringIO()
    run = Run.create(load_recipe(tiny), plugins=[Profiler(Console(file=said))])
    with run.recording(), run.stage("infer"):
        pass
    with pytest.raises(KeyError), run.recording(), run.stage("decode"):
        raise KeyError
    assert said.getvalue() == ""
