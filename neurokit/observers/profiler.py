"""Profiler: where the time of some training steps goes, as a trace that TensorBoard shows."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from rich.console import Console

from neurokit.hooks import hookimpl
from neurokit.run_folder import Run

if TYPE_CHECKING:
    from torch.profiler import ProfilerAction, profile

_SKIPPED = 5
_WARM_UP = 2
_RECORDED = 5


class Profiler:
    """Records some steps of a training with torch's profiler.

    The first steps are left out, as they compile, allocate and fill caches. The trace lies in the
    run's folder `logs/profile/`, where the profiler plugin of TensorBoard finds it. A training with
    fewer steps has fewer left out, and what was recorded of one that fails is kept.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._profile: profile | None = None
        self._plan = _Plan.of(0)
        self._steps_seen = 0
        self._saved = False
        self._folder = Path()

    @hookimpl
    def stage_started(self, run: Run, stage: str) -> None:
        """Begin with the training; at first nothing is recorded."""
        if stage != "train":
            return
        import torch
        from torch.profiler import ProfilerActivity, profile

        self._folder = run.folder / "logs" / "profile"
        self._plan = _Plan.of(run.recipe.train.epochs * run.recipe.train.steps_per_epoch)
        activities = [ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(ProfilerActivity.CUDA)
        self._profile = profile(
            activities=activities,
            schedule=self._action,
            on_trace_ready=self._save,
            record_shapes=True,
            profile_memory=True,
        )
        self._profile.start()

    @hookimpl
    def step(self, step: int, total_steps: int) -> None:
        """The next step is recorded, or not, as planned."""
        if self._profile is None:
            return
        if self._steps_seen == 0:
            # A training that goes on has fewer steps left than its recipe says.
            self._plan = _Plan.of(1 + total_steps - step)
        self._steps_seen += 1
        if self._steps_seen < self._plan.recorded.stop:
            self._profile.step()
        else:
            self._stop()

    @hookimpl(trylast=True)
    def stage_finished(self, stage: str) -> None:
        """Say where the trace lies, after the progress bar is gone."""
        if stage == "train":
            self._stop()
            self._say()

    @hookimpl(trylast=True)
    def failure(self) -> None:
        """Keep what was recorded before the end."""
        if self._profile is not None:
            self._stop()
            self._say()

    def _action(self, index: int) -> ProfilerAction:
        """What to do in the step with this index; 0 is the first of this process."""
        from torch.profiler import ProfilerAction

        recorded = self._plan.recorded
        if index in recorded:
            last = index == recorded.stop - 1
            return ProfilerAction.RECORD_AND_SAVE if last else ProfilerAction.RECORD
        if index in self._plan.warm_up:
            return ProfilerAction.WARMUP
        return ProfilerAction.NONE

    def _save(self, finished: profile) -> None:
        """Write what was recorded, under the name that the profiler plugin looks for."""
        if self._steps_seen == 0:
            return
        from torch.profiler import tensorboard_trace_handler

        tensorboard_trace_handler(str(self._folder))(finished)
        self._saved = True

    def _stop(self) -> None:
        if self._profile is not None:
            running, self._profile = self._profile, None
            running.stop()

    def _say(self) -> None:
        if self._saved:
            command = shlex.join(["tensorboard", "--logdir", str(self._folder.parent)])
            line = f"profile written to {self._folder}; look at it with: {command}"
        else:
            line = "nothing was profiled: there were too few training steps"
        self.console.print(line, markup=False, emoji=False, soft_wrap=True)


@frozen
class _Plan:
    """Which steps to warm up in and which to record, by their index in this process."""

    warm_up: range
    recorded: range

    @classmethod
    def of(cls, steps: int) -> _Plan:
        """For this many steps; of few, the last are recorded, after a warm-up if there are two."""
        recorded = min(_RECORDED, max(1, steps - 1))
        warm_up = min(_WARM_UP, max(0, steps - recorded))
        skipped = min(_SKIPPED, max(0, steps - recorded - warm_up))
        first = skipped + warm_up
        return cls(range(skipped, first), range(first, first + recorded))
